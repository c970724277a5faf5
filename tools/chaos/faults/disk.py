"""A disk that is full, read-only, broken, or that takes less than it is given."""

from __future__ import annotations

from functools import partial

from tools.chaos.faults.bench import Bench, Fault
from tools.chaos.faults.what import SUBJECTS
from tools.chaos.record import Outcome, Place, Scale, trial
from tools.chaos.record import Subject as Name
from tools.chaos.shim import Aim, Deed, library

_KINDS: dict[str, tuple[Deed, int]] = {
    "disk full": ("enospc", 0),
    "disk full for a moment": ("enospc", 1),
    "folder read-only": ("erofs", 0),
    "I/O error": ("eio", 1),
    "I/O errors from some point on": ("eio", 0),
    "short writes": ("short", 0),
}
"""What the shim does, and to how many calls; 0: to all that follow."""


def _met(place: Place, name: str, subject: Name) -> Outcome:
    deed, times = _KINDS[name]
    cases = 2 if place.scale is Scale.QUICK else 8
    if library() is None:
        raise RuntimeError("this fault needs a C compiler (cc)")
    bench = Bench.of(place, subject)
    for _ in range(cases):
        at = bench.draw.randint(1, max(1, bench.writes))
        aim = Aim(folder=place.folder, do=deed, at=at, times=times)
        bench.meet(Fault(what=f"{deed} at call {at}", aim=aim))
    return bench.outcome(name)


for _name in _KINDS:
    for _subject in SUBJECTS:
        trial(_name, _subject)(partial(_met, name=_name, subject=_subject))
