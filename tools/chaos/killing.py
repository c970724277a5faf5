"""A subject killed at random until it is done, again and again, and compared each time."""

from __future__ import annotations

import os
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import psutil

from tools.chaos.power import cut_power
from tools.chaos.record import Outcome, Place
from tools.chaos.server import MARK, Ended, Run, Server, fresh
from tools.chaos.shim import Aim, counted, library

_GRACE = 5.0  # s that what a killed process started may outlive it
_MOST = 6  # kills of one subject before it may come to its end


@dataclass(frozen=True)
class Difference:
    """How a subject that was killed differs from one that was not."""

    lost: int = 0
    duplicates: int = 0
    told: tuple[str, ...] = ()

    def __add__(self, other: Difference) -> Difference:
        return Difference(
            self.lost + other.lost,
            self.duplicates + other.duplicates,
            self.told + other.told,
        )


class Subject(Protocol):
    """What is killed: a command, and what it leaves behind."""

    setup: str
    """See :class:`tools.chaos.server.Run`."""

    def begin(self, folder: Path) -> None:
        """Put into a new ``folder`` what the command works on."""

    def arguments(self, folder: Path) -> list[str]:
        """What follows ``galena`` to do it, or to go on with it, below ``folder``."""

    def stage(self, folder: Path) -> str:
        """``before``, ``middle`` or ``after``: the first commit, and the end."""

    def done(self, folder: Path) -> bool:
        """Whether the command would have nothing to go on with."""

    def compare(self, one: Path, other: Path, *, kills: int) -> Difference:
        """What ``other``, killed so often, lacks of ``one`` or has twice."""


@dataclass
class Tally:
    """What happened to one subject so far."""

    kills: int = 0
    survived: int = 0
    difference: Difference = Difference()
    stages: Counter[str] = field(default_factory=Counter)
    ways: Counter[str] = field(default_factory=Counter)
    orphans: int = 0
    undone: int = 0

    def note(self) -> str:
        """For the table."""
        stages = ", ".join(f"{self.stages[name]} {name}" for name in _STAGES)
        ways = ", ".join(f"{n} {way}" for way, n in self.ways.most_common())
        found = f"{ways}; {stages}"
        if self.undone:
            found += f"; power cuts undid {self.undone} writes and names"
        if library() is None:
            found += "; no C compiler here, so none within a write"
        if self.orphans:
            found += f"; {self.orphans} processes outlived it"
        return "; ".join([found, *dict.fromkeys(self.difference.told[:3])])


_STAGES = ("before", "middle", "after")


@dataclass(frozen=True)
class Killer:
    """Kills one subject."""

    place: Place
    subject: Subject
    server: Server
    draw: random.Random
    tally: Tally = field(default_factory=Tally)
    power: bool = False
    """Whether each kill is a power cut too."""
    fresh_share: float = 0.1
    """Of the kills that hit a process as users start it."""

    def go(self, kills: int) -> Outcome:
        """Kill so often, in as many lives as it takes."""
        began = time.monotonic()
        whole = self.place.folder / "undisturbed"
        seconds, writes = self._undisturbed(whole)
        self.place.tell(f"undisturbed: {seconds:.1f} s, {writes} changes of the disk")
        life = 0
        while self.tally.kills < kills:
            life += 1
            folder = self.place.folder / f"life-{life}"
            wanted = min(kills - self.tally.kills, self.draw.randint(1, _MOST))
            n = self._live(folder, wanted, seconds, writes)
            found = self.subject.compare(whole, folder, kills=n)
            self.tally.difference += found
            if not (found.lost or found.duplicates or found.told):
                self.tally.survived += n
                shutil.rmtree(folder)
            told = f"{self.tally.kills} of {kills} kills, life {life}: "
            self.place.tell(told + ("; ".join(found.told) or "the same as undisturbed"))
            if life > 3 * kills + 10:
                raise RuntimeError("it is never killed: it ends before")
        return Outcome(
            fault="",
            subject="",
            times=self.tally.kills,
            survived=self.tally.survived if not self.tally.orphans else 0,
            lost=self.tally.difference.lost,
            duplicates=self.tally.difference.duplicates,
            seconds=time.monotonic() - began,
            note=self.tally.note(),
        )

    def _undisturbed(self, folder: Path) -> tuple[float, int]:
        """Run once to load what is needed, and once to measure; both must be the same."""
        first = self.place.folder / "first"
        self._end(first, self._run(first))
        count = self.place.folder / "count"
        run = self._run(folder)
        aimed = self._aimed(run, Aim(folder=folder, count=count))
        ended = self._end(folder, aimed)
        found = self.subject.compare(first, folder, kills=0)
        if found.lost or found.duplicates or found.told:
            raise RuntimeError(f"two undisturbed runs differ: {'; '.join(found.told)}")
        shutil.rmtree(first)
        writes = counted(count)
        count.unlink(missing_ok=True)
        return ended.seconds, writes

    def _live(self, folder: Path, wanted: int, seconds: float, writes: int) -> int:
        """Kill ``wanted`` times or until it is done, then let it come to its end."""
        n = 0
        while n < wanted and not self.subject.done(folder):
            run, way = self._deadly(folder, seconds, writes)
            ended = fresh(run) if "fresh" in way else self.server(run)
            self._look_for_orphans(run)
            if not ended.killed:
                self._check(run, ended)
                return n
            stage = self.subject.stage(folder)
            if self.power:
                self.tally.undone += cut_power(folder, self._log(), self.draw)
            n += 1
            self.tally.kills += 1
            self.tally.stages[stage] += 1
            self.tally.ways[way] += 1
        if not self.subject.done(folder):
            self._end(folder, self._run(folder))
        return n

    def _deadly(self, folder: Path, seconds: float, writes: int) -> tuple[Run, str]:
        run = self._run(folder)
        anew = self._may_be_fresh() and self.draw.random() < self.fresh_share
        if library() is not None and writes and (self.power or self.draw.random() < 0.65):
            log = self._log() if self.power else None
            aim = Aim(
                folder=folder,
                do="kill",
                at=self.draw.randint(1, writes),
                share=self.draw.random(),
                log=log,
            )
            way = "power cuts" if self.power else "within a write"
            run = self._aimed(run, aim)
        else:
            way = "at a random time"
            longest = seconds * (3.0 if anew else 1.1)
            run = replace(run, after=max(0.01, self.draw.uniform(0.0, longest)))
        return run, f"{way}, fresh process" if anew else way

    def _may_be_fresh(self) -> bool:
        """What makes a run quick cannot be had there; what makes it small must be."""
        return "small" not in self.subject.setup

    def _log(self) -> Path:
        log = self.place.folder / "power"
        log.mkdir(exist_ok=True)
        return log

    def _run(self, folder: Path) -> Run:
        if not folder.exists():
            folder.mkdir(parents=True)
            self.subject.begin(folder)
        return Run(
            arguments=self.subject.arguments(folder),
            folder=folder,
            output=self.place.folder / f"{folder.name}.txt",
            environment={
                MARK: uuid4().hex,
                "CHAOS_CALLS": str(folder) + ".calls",
                "GALENA_ALLOW_COMMANDS": "all",  # the specifications are ours
            },
            setup=self.subject.setup,
        )

    @staticmethod
    def _aimed(run: Run, aim: Aim) -> Run:
        return replace(run, environment={**run.environment, **aim.environment()})

    def _end(self, folder: Path, run: Run) -> Ended:
        """Run to the end."""
        ended = self.server(run)
        self._look_for_orphans(run)
        self._check(run, ended)
        return ended

    @staticmethod
    def _check(run: Run, ended: Ended) -> None:
        if ended.code not in (0, 3):
            said = run.output.read_text(encoding="utf-8", errors="replace")[-2000:]
            raise RuntimeError(f"it ended with {ended.code}:\n{said}")

    def _look_for_orphans(self, run: Run) -> None:
        """Count what the run started and is still there after some seconds; end it."""
        mark = run.environment[MARK]
        end = time.monotonic() + _GRACE
        while left := marked(mark):
            if time.monotonic() > end:
                self.tally.orphans += len(left)
                for process in left:
                    process.kill()
                return
            time.sleep(0.1)


def marked(mark: str) -> list[psutil.Process]:
    """Living processes of a run."""
    found = []
    for process in psutil.process_iter():
        try:
            ours = process.pid != os.getpid() and process.environ().get(MARK) == mark
            if ours and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


Make = Callable[[Path], Subject]
"""Puts what a subject needs into a folder."""


def spread(total: int, parts: Sequence[float]) -> list[int]:
    """``total`` in whole numbers, in the proportions of ``parts``."""
    found = [int(total * part / sum(parts)) for part in parts]
    found[0] += total - sum(found)
    return found
