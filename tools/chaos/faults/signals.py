"""A command that is told to stop: by a batch system, by Ctrl-C, by a terminal that closes."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

from tools.chaos.faults.answered import answers_compared
from tools.chaos.faults.bench import Bench
from tools.chaos.faults.what import SUBJECTS
from tools.chaos.record import Outcome, Place, Scale, trial
from tools.chaos.record import Subject as Name
from tools.chaos.server import ROOT, Run

_CODES = {signal.SIGTERM: 143, signal.SIGINT: 130, signal.SIGHUP: 129}
_LONGEST = 300.0  # s, for a command to be in the middle of its work
_TRIES = 12  # until one is still at work when it is told


def started(run: Run) -> subprocess.Popen[bytes]:
    """The command, in a process as users start it; only a network is still made small."""
    small = "small" in run.environment.get("CHAOS_ALSO", "")
    module = "tools.chaos.alone" if small else "campaigns.cli"
    with run.output.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", module, *run.arguments],
            cwd=run.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), **run.environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )


def _stopped(bench: Bench, number: signal.Signals) -> bool:
    """Signal one in the middle, go on, and say what went wrong; false if it had ended."""
    draw, folder = bench.draw, bench.case()
    run = bench.given.run_of(folder)
    process = started(run)
    try:
        end = time.monotonic() + _LONGEST
        while not _begun(bench, folder) and process.poll() is None:
            if time.monotonic() > end:
                raise RuntimeError("it did not begin")
            time.sleep(0.01)
        time.sleep(draw.uniform(0.0, 0.1 * bench.given.seconds))
        if process.poll() is not None:
            return False
        process.send_signal(number)
        code = _end_of(process)
    finally:
        process.kill()
        process.wait()
    said = run.output.read_text(encoding="utf-8", errors="replace")
    over = code in (0, -number) and bench.subject.stage(folder) == "after"
    if over and "Traceback" not in said:
        return False  # all was written when it came
    wrong = "" if code == _CODES[number] else f": exit code {code}"
    if code is None:
        wrong = ": hung, and was killed"
    if "Traceback" in said:
        wrong += ": a traceback"
    bench.stopped += code == _CODES[number]
    # A process as users start it writes a report, which a lean subject does not.
    compare = answers_compared if bench.name == "campaign" and bench.given.lean else None
    told = f"{number.name}{wrong}"
    bench.go_on(run, folder, told, bad=bool(wrong), compare=compare)
    return True


def _begun(bench: Bench, folder: Path) -> bool:
    try:
        return bench.subject.stage(folder) != "before"
    except sqlite3.Error:  # it was being written while it was copied
        return False


def _end_of(process: subprocess.Popen[bytes]) -> int | None:
    """Its exit code; None if it is still there after minutes."""
    try:
        return process.wait(_LONGEST)
    except subprocess.TimeoutExpired:
        return None


def _met(place: Place, subject: Name) -> Outcome:
    bench = Bench.of(place, subject)
    numbers = list(_CODES)[:1] if place.scale is Scale.QUICK else list(_CODES)
    for number in numbers:
        if not any(_stopped(bench, number) for _ in range(_TRIES)):
            raise RuntimeError(f"it was never at work when {number.name} came")
    return bench.outcome("told to stop", ", ".join(n.name for n in numbers))


for _subject in SUBJECTS:
    trial("told to stop", _subject)(partial(_met, subject=_subject))
