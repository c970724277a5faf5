"""A server that answers garbage, or half of what it has, or no more; and two pulls at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

from filelock import FileLock

from tools.chaos.faults.bench import Bench, Fault
from tools.chaos.record import Outcome, Place, Scale, trial
from tools.chaos.subjects.pulling import PullSubject
from tools.chaos.subjects.web import DEEDS, PAGES, Database, Deed

_ALWAYS = 10**6  # times; until it is cured


def _hurt(
    _: Path, *, database: Database, deed: Deed, after: int, times: int
) -> AbstractContextManager[None]:
    return database.hurt(deed, after=after, times=times)


def _met(place: Place, name: str) -> Outcome:
    """For one answer, which passes; and for good, until the command has given up."""
    bench = Bench.of(place, "data pull")
    database = _subject(bench).database
    deeds = DEEDS[name][:2] if place.scale is Scale.QUICK else DEEDS[name]
    for deed in deeds:
        for times in (1, _ALWAYS):
            after = bench.draw.randint(0, PAGES)
            what = f"{deed.__name__} {'once' if times == 1 else 'for good'} after {after}"
            around = partial(_hurt, database=database, deed=deed, after=after, times=times)
            bench.meet(Fault(what=what, around=around))
    return bench.outcome(name, ", ".join(deed.__name__ for deed in deeds))


def _subject(bench: Bench) -> PullSubject:
    if not isinstance(bench.subject, PullSubject):
        raise TypeError("only a pull asks a server")
    return bench.subject


for _name in DEEDS:
    trial(_name, "data pull")(partial(_met, name=_name))


@contextmanager
def _pulled_elsewhere(folder: Path) -> Iterator[None]:
    """As another process has it that pulls the same table."""
    place = folder / "out.parquet.pull"
    place.mkdir(parents=True, exist_ok=True)
    with FileLock(place / ".lock"):
        yield


@trial("two processes on one table", "data pull")
def two(place: Place) -> Outcome:
    """The second is told, and goes on when the first is gone."""
    bench = Bench.of(place, "data pull")
    for start in (None, bench.half()):
        fault = Fault(what="another is there", around=_pulled_elsewhere, must_stop=True)
        bench.meet(fault, start=start)
    return bench.outcome("two processes on one table")
