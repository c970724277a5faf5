"""A disk that is full, read-only, broken, or that takes less than it is given."""

from __future__ import annotations

import random
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tools.chaos.faults.bench import Bench, Fault
from tools.chaos.faults.what import SUBJECTS
from tools.chaos.record import Outcome, Place, Scale, trial
from tools.chaos.record import Subject as Name
from tools.chaos.shim import Aim, Deed

_KINDS: dict[str, tuple[Deed, int]] = {
    "disk full": ("enospc", 0),
    "disk full for a moment": ("enospc", 1),
    "folder read-only": ("erofs", 0),
    "I/O error": ("eio", 1),
    "I/O errors from some point on": ("eio", 0),
    "short writes": ("short", 0),
}
"""What the shim does, and to how many calls; 0: to all that follow."""


_LEDGER = "ledger.sqlite"
"""Where a campaign keeps what must not be lost: two in five are done to it alone."""


def _met(place: Place, name: str, subject: Name) -> Outcome:
    bench = Bench.of(place, subject)
    drawn = partial(_drawn, bench=bench, name=name)
    bench.until(2 if place.scale is Scale.QUICK else 6, drawn)
    return bench.outcome(name)


def _drawn(draw: random.Random, *, bench: Bench, name: str) -> Fault:
    """At a call of the undisturbed run; of those that can end so, the next one."""
    deed, times = _KINDS[name]
    only = _LEDGER if bench.writes(_LEDGER) and draw.random() < 0.4 else ""
    at = draw.randint(1, max(1, bench.writes(only)))
    aim = Aim(folder=bench.place.folder, do=deed, at=at, times=times, only=only)
    of = f" of {only}" if only else ""
    return Fault(what=f"{deed} at call {at}{of}", aim=aim, proof=True)


for _name in _KINDS:
    for _subject in SUBJECTS:
        trial(_name, _subject, shim=True)(partial(_met, name=_name, subject=_subject))


def _mounts() -> bool:
    """Whether small file systems can be mounted here: root in a container may not."""
    status = Path("/proc/self/status")
    if shutil.which("mount") is None or not status.exists():
        return False
    lines = (line.split() for line in status.read_text(encoding="utf-8").splitlines())
    may = next((int(words[1], 16) for words in lines if words[:1] == ["CapEff:"]), 0)
    return bool(may >> _CAP_SYS_ADMIN & 1)


_CAP_SYS_ADMIN = 21  # capabilities(7)


@contextmanager
def _small(folder: Path, *, size: int) -> Iterator[None]:
    """A file system of so many bytes where the campaign is to be; larger afterwards."""
    place = folder / "campaign"
    place.mkdir(parents=True)
    _run("mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(place))
    yield
    _run("mount", "-o", "remount,size=64m", str(place))


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def _small_disk(place: Place) -> Outcome:
    """A file system that fills up by itself, and is then enlarged."""
    bench = Bench.of(place, "campaign")
    files = (bench.given.whole / "campaign").rglob("*")
    total = sum(path.stat().st_size for path in files if path.is_file())
    shares = (0.5,) if place.scale is Scale.QUICK else (0.1, 0.3, 0.5, 0.7, 0.9)
    for share in shares:
        size = int(share * total)
        what = f"a disk of {size} bytes"
        fault = Fault(what=what, around=partial(_small, size=size))
        try:
            bench.meet(fault)
        finally:
            where = place.folder / f"case-{bench.tried}" / "campaign"
            subprocess.run(["umount", str(where)], check=False, capture_output=True)
    return bench.outcome("small disk that fills up", "a file system of its own, mounted")


if _mounts():
    trial("small disk that fills up", "campaign")(_small_disk)
