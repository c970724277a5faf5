"""What a power cut leaves: of what was not brought to the disk, as much as chance will have.

The shim keeps, for every file, the bytes that were there when it was last brought to the disk,
and every name that came or went. A file may keep its old bytes, lose them for zeros of the new
length, or have all that was written. Names come back, or never came, from the last backwards;
a name is safe once its folder was brought to the disk after it (POSIX promises no more).
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


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
            _take_back(event)
            undone += 1
    return undone


def _take_back(event: Event) -> None:
    if event.kind == "made":
        event.one.unlink(missing_ok=True)
    elif event.kind == "gone":
        if not event.one.exists():
            event.one.parent.mkdir(parents=True, exist_ok=True)  # it may have gone, too
            os.link(event.kept, event.one)
    elif Path(event.two).exists():
        event.one.parent.mkdir(parents=True, exist_ok=True)
        Path(event.two).replace(event.one)
        if event.kept:
            os.link(event.kept, event.two)


def _contents(folder: Path, log: Path, draw: random.Random) -> int:
    """Give some files back the bytes that were surely on the disk."""
    files = {p.stat().st_ino: p for p in folder.rglob("*") if p.is_file()}
    undone = 0
    for old in sorted(log.glob("durable-*")):
        path = files.get(int(old.name.rpartition("-")[2]))
        way = draw.choice(("old", "zeros", "all"))
        if path is None or way == "all":
            continue
        size = path.stat().st_size
        path.write_bytes(old.read_bytes() if way == "old" else bytes(size))
        undone += 1
    return undone
