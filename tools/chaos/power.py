"""What a power cut leaves: of what was not brought to the disk, as much as chance will have.

The shim keeps, for every file, the bytes that were there when it was last brought to the disk,
and every name that came or went. A file may keep its old bytes, grow by zeros, have some pages
of what was written and not others, or have all. Bytes that were on the disk and not written
since are never touched: no disk does that. Names come back, or never came, from the last
backwards; a name is safe once its folder was brought to the disk after it (POSIX promises no
more).
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_PAGE = 4096  # bytes that reach a disk together


@dataclass(frozen=True)
class Event:
    """A name that came or went, or a file or folder that was brought to the disk."""

    kind: str  # made, move, gone, sync
    one: Path
    two: str = ""
    kept: str = ""  # another name of what had the name before


def cut_power(folder: Path, log: Path, draw: random.Random) -> int:
    """Undo what a power cut might undo below ``folder``; how many files and names."""
    undone = _names(_read(log / "events"), draw)
    undone += _contents(folder, log, draw)
    shutil.rmtree(log)
    log.mkdir()
    return undone


def _read(path: Path) -> list[Event]:
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    parts = [line.split("\t") for line in lines]
    return [Event(p[0], Path(p[1]), p[2], p[3]) for p in parts if len(p) == 4]


def _names(events: Sequence[Event], draw: random.Random) -> int:
    """Take back some of the last changes of each folder's names."""
    loose: dict[Path, list[Event]] = {}
    for event in events:
        if event.kind == "sync":
            loose.pop(event.one, None)  # a folder; a file is nobody's folder
        else:
            place = Path(event.two) if event.kind == "move" else event.one
            loose.setdefault(place.parent, []).append(event)
    undone = 0
    for changes in loose.values():
        for event in reversed(changes[len(changes) - draw.randint(0, len(changes)) :]):
            undone += _take_back(event)
    return undone


def _take_back(event: Event) -> bool:
    """Undo a change of names; whether that changed anything."""
    there = event.one.exists()
    if event.kind == "made":
        event.one.unlink(missing_ok=True)
        return there
    if event.kind == "gone":
        if not there:
            event.one.parent.mkdir(parents=True, exist_ok=True)  # it may have gone, too
            os.link(event.kept, event.one)
        return not there
    if not Path(event.two).exists():
        return False
    event.one.parent.mkdir(parents=True, exist_ok=True)
    Path(event.two).replace(event.one)
    if event.kept:
        os.link(event.kept, event.two)
    return True


def _contents(folder: Path, log: Path, draw: random.Random) -> int:
    """Give some files back the bytes that were surely on the disk."""
    files = {p.stat().st_ino: p for p in folder.rglob("*") if p.is_file()}
    undone = 0
    for old in sorted(log.glob("durable-*")):
        path = files.get(int(old.name.rpartition("-")[2]))
        if path is None:
            continue
        durable, written = old.read_bytes(), path.read_bytes()
        left = after_a_cut(durable, written, draw)
        if left != written:
            path.write_bytes(left)
            undone += 1
    return undone


def after_a_cut(durable: bytes, written: bytes, draw: random.Random) -> bytes:
    """What may be left of a file that was ``written`` over and not brought to the disk."""
    way = draw.choice(("old", "grown", "pages", "all"))
    if way == "old":
        return durable
    if way == "all":
        return written
    old = durable.ljust(len(written), b"\0")  # where nothing was, a file system shows zeros
    if way == "grown":
        return old
    pages = range(0, len(old), _PAGE)
    new = written.ljust(len(old), b"\0")
    mixed = (draw.choice((old, new))[first : first + _PAGE] for first in pages)
    return b"".join(mixed)[: draw.choice((len(durable), len(written)))]
