"""A subject that meets a fault, is helped if need be, goes on, and is compared."""

from __future__ import annotations

import os
import random
import re
import shutil
import sqlite3
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Self
from uuid import uuid4

from tools.chaos.faults.orphans import outlived
from tools.chaos.faults.what import EVERY
from tools.chaos.kept import Difference
from tools.chaos.killing import Subject
from tools.chaos.record import Outcome, Place, Scale
from tools.chaos.record import Subject as Name
from tools.chaos.server import MARK, Ended, Run, Server, helper
from tools.chaos.shim import Aim, library, traced

_DONE = (0, 3)
"""Exit codes of commands that did what they were asked to."""
_TIMES, _LEAST = 20.0, 300.0
"""A run is hung after so many times what it takes undisturbed, or so many s if that is more."""
_REPAIR = re.compile(r"galena campaign repair ")

Do = Callable[[Path], None]
Compare = Callable[[Path, Path], Difference]


def _nothing(_: Path) -> None:
    return


def _alone(_: Path) -> AbstractContextManager[object]:
    return nullcontext()


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What is done to a subject, and what ends it."""

    what: str
    """In a few words, where a case went wrong."""
    environment: Mapping[str, str] = field(default_factory=dict)
    aim: Aim | None = None
    """Of the shim; its folder is put in."""
    setup: str = ""
    before: Do = _nothing
    """To the folder, before the run."""
    around: Callable[[Path], AbstractContextManager[object]] = _alone
    """What holds while the run lasts."""
    cure: Do = _nothing
    """To the folder, after a run that stopped; a repair that was advised is made anyway."""
    codes: tuple[int, ...] = (1,)
    """Exit codes of a run that stopped in good order."""
    must_stop: bool = False
    """Whether a run that comes to its end has not noticed what it must not pass over."""
    proof: bool = False
    """Whether it has happened only if the run stopped, or left a line of it in
    ``CHAOS_FIRED``: what is done to calls that are drawn may find none."""


@dataclass(frozen=True)
class Prepared:
    """A subject and what it comes to undisturbed; one for all trials of a process."""

    folder: Path
    subject: Subject
    server: Server
    seconds: float
    changes: tuple[str, ...]
    """Of the disk, in the undisturbed run: see :func:`tools.chaos.shim.traced`."""
    lean: bool
    """Whether reports and MLflow are left out, for speed."""

    @property
    def writes(self) -> int:
        """How many changes there are."""
        return len(self.changes)

    @property
    def longest(self) -> float:
        """s, after which a run is hung."""
        return max(_LEAST, _TIMES * self.seconds)

    def run_of(self, folder: Path) -> Run:
        """The subject's command on a folder, which is killed if it hangs."""
        run = run_of(self.subject, folder, lean=self.lean)
        return replace(run, after=self.longest)

    @property
    def whole(self) -> Path:
        """The folder of the undisturbed subject."""
        return self.folder / "whole"

    def half(self) -> Path:
        """A subject that was killed in the middle."""
        folder = self.folder / "half"
        if folder.exists():
            return folder
        run = self.run_of(folder)
        if library() is None:
            run = replace(run, after=0.6 * self.seconds)
        else:
            aim = Aim(folder=folder, do="kill", at=max(1, int(0.7 * self.writes)))
            run = aimed(run, aim)
        self.server(run)
        return folder


_PREPARED: dict[tuple[Path, Name], Prepared] = {}


def prepared(place: Place, name: Name) -> Prepared:
    """Make the subject and run it undisturbed, twice; or what was made before."""
    root, tell = place.folder.parent, place.tell
    if (root, name) not in _PREPARED:
        folder = root / f"undisturbed-{name}-{os.getpid()}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        server = helper()
        subject = EVERY[name](folder)
        lean = place.scale is Scale.QUICK
        _to_the_end(server, run_of(subject, folder / "first", lean=lean))
        whole, trace = folder / "whole", folder / "changes"
        run = aimed(run_of(subject, whole, lean=lean), Aim(folder=whole, trace=trace))
        seconds = _to_the_end(server, run).seconds
        subject.check(whole)
        found = subject.compare(folder / "first", whole, kills=0)
        if found.told:
            raise RuntimeError(f"two undisturbed runs differ: {'; '.join(found.told)}")
        changes = tuple(traced(trace))
        _PREPARED[root, name] = Prepared(folder, subject, server, seconds, changes, lean)
        tell(f"undisturbed: {seconds:.1f} s, {len(changes)} changes of the disk")
    return _PREPARED[root, name]


def _to_the_end(server: Server, run: Run) -> Ended:
    ended = server(run)
    if ended.code not in _DONE:
        raise RuntimeError(f"undisturbed it ended with {ended.code}: {_last(run)}")
    return ended


def run_of(subject: Subject, folder: Path, *, lean: bool) -> Run:
    """The command on a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    return Run(
        arguments=subject.arguments(folder),
        folder=folder,
        output=folder.parent / f"{folder.name}.txt",
        environment={
            "CHAOS_CALLS": f"{folder}.calls",
            "GALENA_ALLOW_COMMANDS": "all",  # the specifications are ours
            "CHAOS_LEAN": "1" if lean else "",
            "CHAOS_ALSO": subject.setup,
            MARK: uuid4().hex,
        },
        setup="tools.chaos.faults.setups:begin",
    )


@dataclass
class Bench:
    """A subject that meets one fault after another, each beginning anew."""

    place: Place
    given: Prepared
    name: Name
    tried: int = 0
    times: int = 0
    """Of those tried, in which the fault had an effect."""
    survived: int = 0
    stopped: int = 0
    difference: Difference = field(default_factory=Difference)
    troubles: list[str] = field(default_factory=list)
    _began: float = field(default_factory=time.monotonic)

    @classmethod
    def of(cls, place: Place, name: Name) -> Self:
        """For one trial."""
        return cls(place, prepared(place, name), name)

    @property
    def subject(self) -> Subject:
        return self.given.subject

    def writes(self, only: str = "") -> int:
        """Changes of the disk of an undisturbed run, of files with this in their path."""
        return sum(only in line for line in self.given.changes)

    def half(self) -> Path:
        """A subject that was killed in the middle."""
        return self.given.half()

    @property
    def draw(self) -> random.Random:
        """New for every case, so that cases can be repeated one by one."""
        return random.Random(f"{self.place.seed} {self.place.folder.name} {self.tried}")

    def case(self) -> Path:
        """The folder of another case."""
        self.tried += 1
        return self.place.folder / f"case-{self.tried}"

    def until(self, cases: int, make: Callable[[random.Random], Fault]) -> None:
        """Draw faults until so many had an effect, or thrice as many were tried."""
        while self.times < cases and self.tried < 3 * cases:
            self.meet(make(self.draw))

    def meet(
        self, fault: Fault, *, start: Path | None = None, compare: Compare | None = None
    ) -> None:
        """One case: the fault, its end, and what came of it; ``start`` is gone on with."""
        folder = self.case()
        fired = Path(f"{folder}.fired")
        if start is not None:
            shutil.copytree(start, folder)
            if (calls := Path(f"{start}.calls")).exists():
                shutil.copy(calls, f"{folder}.calls")
        run = self.given.run_of(folder)
        fault.before(folder)
        faulty = replace(
            run,
            environment={
                **run.environment,
                **fault.environment,
                "CHAOS_SETUP": fault.setup,
                "CHAOS_FIRED": str(fired),
            },
        )
        if fault.aim is not None:
            faulty = aimed(faulty, replace(fault.aim, folder=folder, trace=fired))
        with fault.around(folder):
            ended = self.given.server(faulty)
        wrong = self._manners(faulty, ended, fault)
        if ended.code in _DONE and not wrong:
            wrong = self._unsaid(faulty, folder, compare)
        if ended.code not in _DONE:
            self.stopped += 1
            fault.cure(folder)
            self._repair(run, folder)
        happened = not fault.proof or fired.exists() or ended.code not in _DONE
        told = f"{fault.what}{wrong}"
        good = self._goes_on(run, folder, told, bad=bool(wrong), compare=compare)
        if happened or not good:
            self.times += 1
            self.survived += good

    def go_on(
        self,
        run: Run,
        folder: Path,
        what: str,
        *,
        bad: bool,
        compare: Compare | None = None,
    ) -> None:
        """Run a case to its end without the fault, and count it."""
        self.times += 1
        self.survived += self._goes_on(run, folder, what, bad=bad, compare=compare)

    def _goes_on(
        self, run: Run, folder: Path, what: str, *, bad: bool, compare: Compare | None
    ) -> bool:
        """Run to the end without the fault, and compare as the subject does, or otherwise."""
        over = self.subject.done(folder)
        code = 0 if over else self.given.server(run).code
        if left := outlived(run.environment[MARK]):
            bad, what = True, f"{what}: {left}"
        found = Difference()
        if code not in _DONE:
            bad, what = True, f"{what}: then ended with {code}: {_last(run)}"
        else:
            compared = compare or partial(self.subject.compare, kills=1)
            found = compared(self.given.whole, folder)
        if found.told:
            bad, what = True, f"{what}: {'; '.join(found.told)}"
        self.difference += found
        if bad:
            self.troubles.append(what)
            self.place.tell(what)
            return False
        shutil.rmtree(folder, ignore_errors=True)
        return True

    def _manners(self, run: Run, ended: Ended, fault: Fault) -> str:
        """What is wrong with how a run ended; empty if nothing is."""
        said = run.output.read_text(encoding="utf-8", errors="replace")
        if left := outlived(run.environment[MARK]):
            return f": {left}"
        if ended.killed and ended.seconds >= self.given.longest:
            return f": hung, and killed after {ended.seconds:.0f} s: {_last(run)}"
        if "Traceback" in said:
            return f": a traceback: {said.strip().splitlines()[-1]}"
        if ended.code in _DONE:
            return ": it went on, as if nothing had happened" if fault.must_stop else ""
        if ended.code not in fault.codes:
            return f": exit code {ended.code}: {_last(run)}"
        if ended.code == 1 and "Error: " not in said:
            return f": it ended without saying why: {_last(run)}"
        return ""

    def _unsaid(self, run: Run, folder: Path, compare: Compare | None) -> str:
        """What is wrong where a run ended well: it must be right, or say what is not."""
        compared = compare or partial(self.subject.compare, kills=1)
        try:
            told = compared(self.given.whole, folder).told
        except (OSError, sqlite3.Error, ValueError, LookupError) as error:
            told = (f"{type(error).__name__}: {error}",)
        usual = _lines(self.given.run_of(self.given.whole))
        if not told or _lines(run) - usual:
            return ""
        return f": it ended well, not as undisturbed, and said nothing of it: {told[0]}"

    def _repair(self, run: Run, folder: Path) -> None:
        """What the message said to do."""
        said = run.output.read_text(encoding="utf-8", errors="replace")
        if _REPAIR.search(said):
            arguments = ["campaign", "repair", str(folder / "campaign")]
            self.given.server(replace(run, arguments=arguments))

    def outcome(self, fault: str, note: str = "") -> Outcome:
        """For the table."""
        told = [f"{self.stopped} stopped with one line and went on"] if self.stopped else []
        if idle := self.tried - self.times:
            told.append(f"{idle} more found nothing to do anything to, and do not count")
        told += [note] if note else []
        return Outcome(
            fault=fault,
            subject=self.name,
            times=self.times,
            survived=self.survived,
            lost=self.difference.lost,
            duplicates=self.difference.duplicates,
            seconds=time.monotonic() - self._began,
            note="; ".join([*told, *self.troubles[:3]]),
        )


def _lines(run: Run) -> set[str]:
    """What was said, without numbers and without the folder's name."""
    said = run.output.read_text(encoding="utf-8", errors="replace")
    plain = re.sub(r"[\d.,]+", "", said.replace(run.folder.name, ""))
    return {line.strip() for line in plain.splitlines() if line.strip()}


def aimed(run: Run, aim: Aim) -> Run:
    """The run with the shim aimed."""
    return replace(run, environment={**run.environment, **aim.environment()})


def _last(run: Run) -> str:
    lines = run.output.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1][:300] if lines else "nothing said"
