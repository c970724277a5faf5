"""Opening the pack with the real commands, and looking at what came of it."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tools.hostile.item import RAN, SECRET, Item, Place

SECONDS, MEBIBYTES = 120.0, 3072
"""No item may take more, Python and the network's libraries included."""
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_SCRIPT = re.compile(rb"<script>(fetch|alert)|<img src=x|href=.javascript:", re.IGNORECASE)
_FORMULA = re.compile(
    rb'(?m)(?:^|,)"?(?:[=@\t]|[+-](?![0-9.]*(?:e[-+]?[0-9]+)?(?:,|\r?$)))'
)


@dataclass(frozen=True)
class Ended:
    """One command."""

    code: int
    text: str
    """What it printed, both streams."""
    seconds: float = 0.0
    mebibytes: float = 0.0
    """At its peak."""


@dataclass
class Result:
    """What an item came to."""

    item: Item
    command: str
    ended: Ended
    reason: str = ""
    faults: list[str] = field(default_factory=list)

    @property
    def outcome(self) -> str:
        if self.faults:
            return "GOT THROUGH"
        return "refused" if self.item.reason else "harmless"


Start = Callable[[Sequence[str], Path], Ended]
"""Runs ``galena`` with arguments in a folder."""


def try_item(item: Item, place: Place, start: Start) -> Result:
    """Make an item, open it, look for harm."""
    place.folder.mkdir(parents=True)
    place.outside.mkdir(exist_ok=True)
    place.secret.write_text(SECRET)
    arguments = item.make(place)
    made = _files(place.folder)
    before = _state(place.outside)
    ended = start(arguments, place.folder)
    result = Result(item, f"galena {arguments[0]}", ended)
    for make in item.follow:
        further = start(make(place), place.folder)
        ended = Ended(
            ended.code or further.code,
            ended.text + further.text,
            ended.seconds + further.seconds,
            max(ended.mebibytes, further.mebibytes),
        )
    result.ended = ended
    result.reason = _reason(item, ended.text)
    written = [path for path in _files(place.folder) if path not in made]
    result.faults = list(_faults(item, place, ended, result.reason, before, written))
    return result


def _faults(
    item: Item,
    place: Place,
    ended: Ended,
    reason: str,
    before: dict[str, bytes],
    written: Iterable[Path],
) -> Iterator[str]:
    """All that went wrong."""
    text = ended.text
    found = {
        "code ran": place.marker.exists(),
        "a file outside was made or changed": _state(place.outside) != before,
        "a file outside was shown": SECRET in text,
        f"ended with code {ended.code}": ended.code not in (0, 1, 3),
        "a traceback": "Traceback (most recent call last)" in text,
        "signs that a terminal obeys": _CONTROL.search(text) is not None,
        f"no reason like '{item.reason}'": not reason and bool(item.reason),
        "not refused": bool(item.reason) and ended.code == 0,
        "did not work": not item.reason and ended.code != 0,
        f"took {ended.seconds:.0f} s": ended.seconds > SECONDS,
        f"took {ended.mebibytes:.0f} MiB": ended.mebibytes > MEBIBYTES,
    }
    place.marker.unlink(missing_ok=True)
    yield from (fault for fault, there in found.items() if there)
    for path in written:
        content = path.read_bytes()
        if SECRET.encode() in content:
            yield f"{path.name}: holds what is outside"
        if path.suffix in {".html", ".svg", ".md"} and _SCRIPT.search(content):
            yield f"{path.name}: a script"
        if path.suffix == ".csv" and _FORMULA.search(content):
            yield f"{path.name}: a formula"


def _reason(item: Item, text: str) -> str:
    """The line that says why, as far as a table has room."""
    if not item.reason:
        return ""
    for line in text.splitlines():
        if re.search(item.reason, line, re.IGNORECASE):
            return line.strip()
    return ""


def _files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()}


def _state(folder: Path) -> dict[str, bytes]:
    return {
        str(path): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != RAN
    }


def in_process_of_its_own(arguments: Sequence[str], folder: Path) -> Ended:
    """``galena`` as people run it, with its time and its memory measured."""
    root = Path(__file__).parents[2]
    environment = {
        **os.environ,
        "PYTHONPATH": str(root),
        "COLUMNS": "400",
        "LANGUAGE": "en",
        "TERM": "dumb",
    }
    environment.pop("GALENA_ALLOW_COMMANDS", None)
    started = time.monotonic()
    with tempfile.TemporaryFile() as printed:
        process = subprocess.Popen(
            [sys.executable, "-m", "campaigns.cli", *arguments],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.STDOUT,
        )
        code, used = _wait(process, SECONDS + 10)
        printed.seek(0)
        text = printed.read().decode("utf-8", "replace")
    return Ended(code, text, time.monotonic() - started, used.ru_maxrss / 1024)


def _wait(
    process: subprocess.Popen[bytes], limit: float
) -> tuple[int, resource.struct_rusage]:
    """The end of a process, which is killed where it takes too long."""
    end = time.monotonic() + limit
    while True:
        pid, status, used = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return process.returncode, used
        if time.monotonic() > end:
            process.kill()
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            return process.returncode, used
        time.sleep(0.05)
