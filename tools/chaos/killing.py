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

from tools.chaos.kept import Difference, Kept, Stop, begun, begun_again, forgotten
from tools.chaos.power import cut_power
from tools.chaos.record import Outcome, Place
from tools.chaos.server import MARK, Ended, Run, Server, fresh
from tools.chaos.shim import Aim, counted, library

_GRACE = 5.0  # s that what a killed process started may outlive it
_MOST = 6  # kills of one subject before it may come to its end


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

    def kept(self, folder: Path) -> Kept | None:
        """What is committed; nothing on the disk is changed by looking. None where finished
        work was put together and its pieces go.
        """

    def check(self, folder: Path) -> None:
        """Raise ``RuntimeError`` where an undisturbed subject did too little to be hurt."""

    def compare(self, one: Path, other: Path, *, kills: int) -> Difference:
        """What ``other``, killed so often, lacks of ``one`` or has twice."""


@dataclass
class Tally:
    """What happened to one subject so far."""

    kills: int = 0
    survived: int = 0
    difference: Difference = field(default_factory=Difference)
    stages: Counter[str] = field(default_factory=Counter)
    ways: Counter[str] = field(default_factory=Counter)
    orphans: int = 0
    undone: int = 0
    tries: int = 0
    """Kills with those that came before the work, or after it."""

    def note(self) -> str:
        """For the table."""
        stages = (
            f"{self.stages['before']} before the work and {self.stages['after']} after it"
        )
        ways = ", ".join(f"{n} {way}" for way, n in self.ways.most_common())
        found = f"{ways}; not counted: {stages}"
        if self.undone:
            found += f"; power cuts undid {self.undone} writes and names"
        if library() is None:
            found += "; no C compiler here, so none within a write"
        if self.orphans:
            found += f"; {self.orphans} processes outlived it"
        return "; ".join([found, *dict.fromkeys(self.difference.told[:3])])


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
    idle: dict[str, float] = field(default_factory=dict)
    """By way: until when a subject that begins has committed nothing, as was seen."""

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
            n, stops, watched = self._live(folder, wanted, seconds, writes)
            if self.tally.tries > 12 * kills + 40:
                raise RuntimeError("it is hardly ever killed in the middle of its work")
            found = watched + self.subject.compare(whole, folder, kills=len(stops))
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
        self.subject.check(folder)
        shutil.rmtree(first)
        writes = counted(count)
        count.unlink(missing_ok=True)
        return ended.seconds, writes

    def _live(
        self, folder: Path, wanted: int, seconds: float, writes: int
    ) -> tuple[int, list[Stop], Difference]:
        """Kill ``wanted`` times in the middle of the work or until it is done, then let it
        come to its end: kills, all stops, and what was forgotten at them.
        """
        n, stops, found = 0, list[Stop](), Difference()
        while n < wanted and not self.subject.done(folder):
            run, way = self._deadly(folder, seconds, writes)
            begins = not stops or not stops[-1].kept
            ended = fresh(run) if "fresh" in way else self.server(run)
            self._look_for_orphans(run)
            if not ended.killed:
                self._check(run, ended)
                break
            stage = self.subject.stage(folder)
            kept = self.subject.kept(folder)
            found += forgotten(stops[-1].kept if stops else {}, kept)
            if self.power:
                self.tally.undone += cut_power(folder, self._log(), self.draw)
                before, kept = kept, self.subject.kept(folder)
                found += forgotten(before, kept, in_flight=1)
            stops.append(Stop(kept, len(begun(folder))))
            self.tally.tries += 1
            self.tally.stages[stage] += 1
            if stage == "middle":
                n += 1
                self.tally.kills += 1
                self.tally.ways[way] += 1
            elif stage == "before" and begins:
                self._note_idle(run, way)
            elif stage == "after":
                break
        if not self.subject.done(folder):
            self._end(folder, self._run(folder))
        found += forgotten(stops[-1].kept if stops else {}, self.subject.kept(folder))
        return n, stops, found + begun_again(folder, stops)

    def _note_idle(self, run: Run, way: str) -> None:
        """Later ones shall not be killed so early, when they begin with nothing."""
        when = run.after or float(run.environment["GALENA_CHAOS_AT"])
        self.idle[way] = max(self.idle.get(way, 0.0), when)

    def _deadly(self, folder: Path, seconds: float, writes: int) -> tuple[Run, str]:
        begins = not folder.exists()
        run = self._run(folder)
        anew = self._may_be_fresh() and self.draw.random() < self.fresh_share
        if library() is not None and writes and (self.power or self.draw.random() < 0.65):
            log = self._log(clear=True) if self.power else None
            way = "power cuts" if self.power else "within a write"
            way += ", fresh process" if anew else ""
            idle = min(self.idle.get(way, 0.0), 0.8 * writes) if begins else 0.0
            aim = Aim(
                folder=folder,
                do="kill",
                at=self.draw.randint(int(idle) + 1, writes),
                share=self.draw.random(),
                log=log,
            )
            run = self._aimed(run, aim)
        else:
            way = "at a random time" + (", fresh process" if anew else "")
            longest = seconds * (3.0 if anew else 1.1)
            idle = min(self.idle.get(way, 0.0), 0.6 * longest) if begins else 0.0
            run = replace(run, after=max(0.01, self.draw.uniform(idle, longest)))
        return run, way

    def _may_be_fresh(self) -> bool:
        """What makes a run quick cannot be had there; what makes it small must be."""
        return "small" not in self.subject.setup

    def _log(self, *, clear: bool = False) -> Path:
        log = self.place.folder / "power"
        if clear:  # of a run that came to its end
            shutil.rmtree(log, ignore_errors=True)
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
