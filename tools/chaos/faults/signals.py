"""A command that is told to stop: by a batch system, by Ctrl-C, by a terminal that closes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from functools import partial

from tools.chaos.faults.answered import answers_compared
from tools.chaos.faults.bench import Bench
from tools.chaos.faults.what import SUBJECTS
from tools.chaos.record import Outcome, Place, Scale, trial
from tools.chaos.record import Subject as Name
from tools.chaos.server import ROOT, Run

_CODES = {signal.SIGTERM: 143, signal.SIGINT: 130, signal.SIGHUP: 129}
_LONGEST = 300.0  # s, for a command to be in the middle of its work


def started(run: Run) -> subprocess.Popen[bytes]:
    """The command, in a process as users start it."""
    with run.output.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "campaigns.cli", *run.arguments],
            cwd=run.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), **run.environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )


def _stopped(bench: Bench, number: signal.Signals) -> None:
    """Signal one in the middle, go on, and say what went wrong."""
    bench.times += 1
    folder = bench.place.folder / f"case-{bench.times}"
    run = bench.given.run_of(folder)
    process = started(run)
    end = time.monotonic() + _LONGEST
    while bench.subject.stage(folder) == "before" and process.poll() is None:
        if time.monotonic() > end:
            process.kill()
            raise RuntimeError("it did not begin")
        time.sleep(0.01)
    process.send_signal(number)
    code = process.wait(_LONGEST)
    said = run.output.read_text(encoding="utf-8", errors="replace")
    wrong = "" if code in (_CODES[number], 0) else f": exit code {code}"
    if "Traceback" in said:
        wrong += ": a traceback"
    bench.stopped += code != 0
    # A process as users start it writes a report, which a lean subject does not.
    compare = answers_compared if bench.name == "campaign" and bench.given.lean else None
    told = f"{number.name}{wrong}"
    bench.go_on(run, folder, told, bad=bool(wrong), compare=compare)


def _met(place: Place, subject: Name) -> Outcome:
    bench = Bench.of(place, subject)
    numbers = list(_CODES)[:1] if place.scale is Scale.QUICK else list(_CODES)
    for number in numbers:
        _stopped(bench, number)
    return bench.outcome("told to stop", ", ".join(n.name for n in numbers))


for _subject in SUBJECTS:
    if _subject != "training":  # the small network is put in its place by a setup
        trial("told to stop", _subject)(partial(_met, subject=_subject))
