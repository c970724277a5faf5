"""A campaign whose oracle is asked by workers, and who has which candidate at any moment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import psutil

from tools.chaos.faults.answered import answers_compared
from tools.chaos.faults.orphans import outlived
from tools.chaos.killing import Difference
from tools.chaos.server import MARK, ROOT, Run, helper
from tools.chaos.subjects.campaign import state
from tools.chaos.subjects.specification import asking
from tools.chaos.subjects.specification import program as oracle

SECONDS = 1.0
"""That the oracle takes."""
GRACE, BEAT = 4.0, 0.5
"""s that a worker elsewhere may be silent here, and between its signs of life."""
_LEAVE = 60.0  # s that a worker may take to leave when all is over
_LONGEST = 300.0  # s of one life
_PROGRAM = '''\
"""Notes that it was asked and by whom, answers from the name, and notes that, too."""
import hashlib, json, os, sys, time

name = sys.argv[2]
calls = os.open(os.environ["CHAOS_CALLS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
line = f"{name} {os.getpid()} {os.getppid()}\\n"
os.write(calls, f"asked {line}".encode())
time.sleep(float(os.environ["CHAOS_SLEEP"]))
number = int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) / 2**32
print(json.dumps({"band_gap": 3 * number, "energy_above_hull": 0.2 * number}), flush=True)
os.write(calls, f"answered {line}".encode())
'''


@dataclass(frozen=True)
class Call:
    """One line of the program's book."""

    what: str
    name: str
    pid: int
    parent: int


@dataclass(frozen=True)
class Subject:
    """The campaign, and what it comes to without workers."""

    folder: Path
    spec: Path

    @classmethod
    def made(cls, folder: Path) -> Subject:
        """In a folder; run once, here."""
        program, spec = folder / "answer.py", folder / "program.yaml"
        program.write_text(_PROGRAM, encoding="utf-8")
        spec.write_text(asking(f"oracle: {oracle(program)}"), encoding="utf-8")
        subject = cls(folder, spec)
        place = subject.whole
        place.mkdir()
        run = Run(
            arguments=subject.arguments(place),
            folder=place,
            output=folder / "whole.txt",
            environment={**subject.environment(place), "CHAOS_SLEEP": "0"},
            setup="tools.chaos.faults.setups:begin",
        )
        if (code := helper()(run).code) != 0:
            raise RuntimeError(f"without workers it ended with {code}: see {run.output}")
        return subject

    @property
    def whole(self) -> Path:
        """Where it ran without workers."""
        return self.folder / "whole"

    def arguments(self, place: Path, *more: str) -> list[str]:
        """Of its command."""
        run = ["campaign", "run", str(self.spec), "--folder", str(place / "campaign")]
        store = f"sqlite:///{self.folder / 'mlflow.db'}"
        return [*run, "--tracking-uri", store, *more]

    def environment(self, place: Path) -> dict[str, str]:
        """Of all that takes part."""
        return {
            "CHAOS_CALLS": f"{place}.calls",
            "CHAOS_SLEEP": str(SECONDS),
            "CHAOS_LEAN": "1",
            "GALENA_ALLOW_COMMANDS": "all",  # the specification is ours
        }


@dataclass
class Life:
    """One campaign with workers: its own processes, or others that share a database."""

    subject: Subject
    place: Path
    storage: str = ""
    """The database; none: processes of its own."""
    hit: Counter[str] = field(default_factory=Counter)
    """Candidates whose workers were hurt, each as often as one more call is forgiven."""
    mark: str = field(default_factory=lambda: uuid4().hex)
    _campaign: subprocess.Popen[bytes] | None = None
    _workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    _began: float = field(default_factory=time.monotonic)

    def begin(self) -> None:
        """Start the campaign."""
        self.place.mkdir(parents=True)
        how = ("--storage", self.storage) if self.storage else ("--workers", "2")
        self._campaign = self._started(self.subject.arguments(self.place, *how), "campaign")

    def goes_on(self) -> bool:
        """Whether the campaign is at work; sees to it that it has its workers."""
        if self._campaign is None or time.monotonic() - self._began > _LONGEST:
            return False
        if self._campaign.poll() is not None:
            return False
        if self.storage and "Round" in self._said("campaign").read_text(encoding="utf-8"):
            self._workers = [one for one in self._workers if one.poll() is None]
            while len(self._workers) < 2:
                work = ["campaign", "work", "chaos", "--storage", self.storage]
                self._workers.append(self._started([*work, "--idle", "60"], "worker"))
        return True

    def calls(self) -> list[Call]:
        """What the oracle was asked, and answered."""
        path = Path(f"{self.place}.calls")
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        parts = [line.split() for line in lines]
        return [Call(p[0], p[1], int(p[2]), int(p[3])) for p in parts if len(p) == 4]

    def open_calls(self) -> dict[int, Call]:
        """Those not answered yet, by the worker that waits for them."""
        found = {}
        calls = self.calls()
        answered = {call.pid for call in calls if call.what == "answered"}
        for call in calls:
            if call.pid not in answered and (holder := self._holder(call)):
                found[holder] = call
        return found

    def end(self) -> tuple[Difference, str]:
        """Wait for all, and compare; the second is what else went wrong."""
        wrong = []
        for one in (self._campaign, *self._workers):
            if one is None:
                continue
            try:
                code = one.wait(_LEAVE)
            except subprocess.TimeoutExpired:
                one.kill()
                one.wait()
                wrong.append(
                    "it hung" if one is self._campaign else "a worker did not leave"
                )
                continue
            if code != 0 and one is self._campaign:
                wrong.append(f"ended with {code}")
        if left := outlived(self.mark):
            wrong.append(left)
        wrong += [
            f"a traceback in {said.name}"
            for said in self.place.parent.glob(f"{self.place.name}-*.txt")
            if "Traceback" in said.read_text(encoding="utf-8", errors="replace")
        ]
        return self._compared(), "; ".join(wrong)

    def _compared(self) -> Difference:
        """Answers as without workers, each once, and no call that nobody was hurt for."""
        if not (self.place / "campaign" / "ledger.sqlite").exists():
            return Difference(1, 0, ("there is no ledger",))
        found = answers_compared(self.subject.whole, self.place)
        names = Counter(row[0] for row in state(self.place)["verdicts"])
        asked = Counter(call.name for call in self.calls() if call.what == "asked")
        twice = names.total() - len(names)
        unasked = len(set(names) - set(asked))
        again = (asked - Counter(set(asked)) - self.hit).total()
        told = []
        if twice:
            told.append(f"{twice} verdicts on record twice")
        if unasked:
            told.append(f"{unasked} verdicts that no oracle gave")
        if again:
            told.append(f"{again} calls made again though nobody was hurt")
        return found + Difference(unasked, twice + again, tuple(told))

    def _holder(self, call: Call) -> int:
        """The worker whose oracle's process asked; 0 if it is gone."""
        if self._campaign is None:
            return 0
        ours = {one.pid for one in self._workers}
        try:
            line = [psutil.Process(call.parent), *psutil.Process(call.parent).parents()]
            for one in line:
                if one.pid in ours or (not ours and one.ppid() == self._campaign.pid):
                    return int(one.pid)
        except psutil.Error:
            pass
        return 0

    def _said(self, name: str) -> Path:
        """What the campaign, or its workers, have printed."""
        return Path(f"{self.place}-{name}.txt")

    def _started(self, arguments: list[str], name: str) -> subprocess.Popen[bytes]:
        with self._said(name).open("ab") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "tools.chaos.alone", *arguments],
                cwd=self.place,
                env={
                    **os.environ,
                    **self.subject.environment(self.place),
                    **_SETUP,
                    "PYTHONPATH": str(ROOT),
                    MARK: self.mark,
                },
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )


_SETUP: Mapping[str, str] = {
    "CHAOS_SETUP": "short_grace",
    "CHAOS_NUMBER": str(GRACE),
    "CHAOS_BEAT": str(BEAT),
}


def freeze(pid: int, seconds: float) -> None:
    """Stop a worker and all that it started, for so long."""
    worker = psutil.Process(pid)
    every = [worker, *worker.children(recursive=True)]
    try:
        for one in every:
            one.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
    finally:
        for one in every:
            try:
                one.send_signal(signal.SIGCONT)
            except psutil.Error:
                continue


__all__ = ["GRACE", "SECONDS", "Call", "Life", "Subject", "freeze"]
