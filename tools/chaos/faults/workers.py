"""Workers that are killed, or stand still for too long, with a candidate in hand."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil

from tools.chaos.faults.crews import GRACE, SECONDS, Call, Life, Subject, freeze
from tools.chaos.killing import Difference
from tools.chaos.record import Outcome, Place, Scale, trial

_MOST = 2  # workers hurt in one life, each at another candidate


@dataclass
class _Sums:
    """Of one trial."""

    times: int = 0
    survived: int = 0
    difference: Difference = field(default_factory=Difference)
    troubles: list[str] = field(default_factory=list)
    deeds: list[str] = field(default_factory=list)

    def add(self, life: Life, deeds: list[str]) -> None:
        """What came of one life, in which so much was done to its workers."""
        found, wrong = life.end()
        self.times += len(deeds)
        self.deeds += deeds
        self.difference += found
        told = "; ".join([*found.told, *([wrong] if wrong else [])])
        if told:
            self.troubles.append(f"{', '.join(deeds) or 'nothing done'}: {told}")
            self.times += not deeds
        else:
            self.survived += len(deeds)
            shutil.rmtree(life.place)

    def outcome(self, began: float, note: str) -> Outcome:
        """For the table."""
        kinds = dict.fromkeys(self.deeds)
        done = ", ".join(f"{self.deeds.count(deed)} {deed}" for deed in kinds)
        return Outcome(
            fault="",
            subject="",
            times=self.times,
            survived=self.survived,
            lost=self.difference.lost,
            duplicates=self.difference.duplicates,
            seconds=time.monotonic() - began,
            note="; ".join([done, note, *self.troubles[:3]]),
        )


@contextmanager
def _database(place: Place, kind: str) -> Iterator[str]:
    """That the workers share."""
    if kind == "sqlite":
        yield f"sqlite:///{place.folder / 'shared.db'}"
        (place.folder / "shared.db").unlink(missing_ok=True)
        return
    from tests.postgres import server

    with server() as postgres:
        yield postgres.url


def _databases(place: Place) -> list[str]:
    """Those that can be had here, one if little is asked for."""
    from tests.postgres import programs

    found = ["sqlite"] if programs() is None else ["postgresql", "sqlite"]
    return found[:1] if place.scale is Scale.QUICK else found


@trial("killed, workers elsewhere", "campaign")
def killed(place: Place) -> Outcome:
    """``galena campaign work``, killed while it asks the oracle or tells its answer."""
    began = time.monotonic()
    wanted = 2 if place.scale is Scale.QUICK else 6
    subject, sums = Subject.made(place.folder), _Sums()
    databases = _databases(place)
    for number, kind in enumerate(databases, start=1):
        lives = 0
        while sums.times < wanted * number and lives < 2 * wanted:
            lives += 1
            with _database(place, kind) as storage:
                life = Life(subject, place.folder / f"{kind}-{lives}", storage)
                draw = random.Random(f"{place.seed} {place.folder.name} {kind} {lives}")
                sums.add(life, _hurt(life, draw, ["killed"] * _MOST))
            place.tell(f"{sums.times} of {wanted * len(databases)} kills")
    return sums.outcome(began, " and ".join(databases))


@trial("worker lost", "campaign")
def lost(place: Place) -> Outcome:
    """Processes of the campaign, and workers elsewhere: killed, and stopped and continued."""
    began = time.monotonic()
    subject, sums = Subject.made(place.folder), _Sums()
    cases = 1 if place.scale is Scale.QUICK else 2
    ways = {"processes": "", "elsewhere": _databases(place)[0]}
    for way, kind in ways.items():
        for number in range(cases):
            draw = random.Random(f"{place.seed} {place.folder.name} {way} {number}")
            with _database(place, kind or "sqlite") as storage:
                name = f"{way}-{number}"
                life = Life(subject, place.folder / name, storage if kind else "")
                deeds = _hurt(life, draw, ["frozen", "killed"])
                sums.add(life, deeds)
            if sorted(deeds) != ["frozen", "killed"]:
                sums.troubles.append(f"{way}: only {deeds} could be done")
                sums.survived = 0
            place.tell(f"{way}: {', '.join(deeds)}")
    note = (
        f"with a candidate in hand; frozen for {2 * GRACE:g} s, may be silent for {GRACE:g}"
    )
    return sums.outcome(began, note)


def _hurt(life: Life, draw: random.Random, wanted: list[str]) -> list[str]:
    """Do it to workers that have a candidate, and wait for the end; what was done."""
    life.begin()
    done: list[str] = []
    while life.goes_on():
        fresh = {w: c for w, c in life.open_calls().items() if c.name not in life.hit}
        if len(done) < len(wanted) and fresh:
            worker, call = draw.choice(sorted(fresh.items(), key=lambda item: item[0]))
            time.sleep(draw.uniform(0.0, 0.8 * SECONDS))
            done += _do(life, wanted[len(done)], worker, call)
        time.sleep(0.02)
    return done


def _do(life: Life, deed: str, worker: int, call: Call) -> list[str]:
    """Kill or freeze a worker; nothing if it is gone."""
    try:
        os.kill(worker, signal.SIGSTOP)  # or it may have another candidate by now
        held = life.open_calls().get(worker, call)
        life.hit[held.name] += 1
        if deed == "killed":
            os.kill(worker, signal.SIGKILL)
            time.sleep(0.2)  # for what it started to end, too
        else:
            freeze(worker, 2 * GRACE)
    except (ProcessLookupError, psutil.NoSuchProcess):
        return []
    return [deed]
