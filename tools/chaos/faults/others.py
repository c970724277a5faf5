"""Other processes: one that keeps a database locked, one that wants the same folder, and
whoever moves the folder away.
"""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

from tools.chaos.faults.bench import Bench, Fault
from tools.chaos.faults.what import SUBJECTS
from tools.chaos.record import Outcome, Place, Scale, trial
from tools.chaos.record import Subject as Name
from tools.chaos.subjects.campaign import CampaignSubject, state

_HOLDS = """\
import sys, time
from pathlib import Path
from campaigns.lock import held
with held(Path(sys.argv[1]), sys.argv[2], "--folder"):
    print("held", flush=True)
    time.sleep(600)
"""


@contextmanager
def locked(path: Path, seconds: float) -> Iterator[None]:
    """Keep an SQLite file to ourselves for so long; ended early with the ``with``."""
    over = threading.Event()
    if not path.exists():
        raise RuntimeError(f"there is no {path} to lock")
    db = sqlite3.connect(path, timeout=30.0, isolation_level=None, check_same_thread=False)
    db.execute("BEGIN EXCLUSIVE")

    def keep() -> None:
        over.wait(seconds)
        db.close()

    thread = threading.Thread(target=keep)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _locked_below(
    folder: Path, *, name: str | Path, seconds: float
) -> AbstractContextManager[None]:
    return locked(folder / name, seconds)


@trial("SQLite locked", "campaign", waits=True)
def sqlite_locked(place: Place) -> Outcome:
    """The ledger, Optuna's file and MLflow's, for less and for more than Galena waits."""
    times = (3.0,) if place.scale is Scale.QUICK else (20.0, 100.0)
    bench = Bench.of(place, "campaign")
    files = ["campaign/ledger.sqlite", "campaign/optuna.sqlite"]
    if not bench.given.lean:  # which has no MLflow
        files.append(str(_spec_of(bench).with_name("mlflow.db")))
    for seconds in times:
        for name in files:
            around = partial(_locked_below, name=name, seconds=seconds)
            told = f"{name} locked for {seconds:g} s"
            bench.meet(Fault(what=told, around=around), start=bench.half())
    return bench.outcome("SQLite locked", f"for {', '.join(map(str, times))} s")


@contextmanager
def _holder(folder: Path, what: str) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLDS, str(folder), what],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    )
    if process.stdout is None:
        raise RuntimeError("it has no pipe")
    process.stdout.readline()
    try:
        yield
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _beside(folder: Path, *, bench: Bench) -> AbstractContextManager[None]:
    """Somebody else at work where the subject is to work."""
    arguments = bench.subject.arguments(folder)
    options = [
        i for i, word in enumerate(arguments) if word in ("--folder", "-o", "--output")
    ]
    return _holder(Path(arguments[options[0] + 1]), bench.name)


def _two(place: Place, subject: Name) -> Outcome:
    bench = Bench.of(place, subject)
    around = partial(_beside, bench=bench)
    fault = Fault(what="another is there", around=around, must_stop=True)
    for start in (None, bench.half()):
        bench.meet(fault, start=start)
    told = "told process, machine and since when"
    return bench.outcome("two processes on one folder", told)


for _subject in SUBJECTS:
    trial("two processes on one folder", _subject)(partial(_two, subject=_subject))


def _moved_back(folder: Path) -> None:
    campaign, moved = folder / "campaign", folder / "moved"
    if moved.exists():
        shutil.rmtree(campaign, ignore_errors=True)
        moved.rename(campaign)


@trial("folder moved or replaced", "campaign")
def folder_moved(place: Place) -> Outcome:
    """At a verdict; it is put back before the campaign goes on."""
    bench = Bench.of(place, "campaign")
    verdicts = len(state(bench.given.whole)["verdicts"])
    numbers = (2,) if place.scale is Scale.QUICK else (1, 3, 6, verdicts)
    for number in numbers:
        for replaced in ("", "yes"):
            environment = {"CHAOS_NUMBER": str(number), "CHAOS_REPLACED": replaced}
            fault = Fault(
                what=f"moved at verdict {number}{', replaced' if replaced else ''}",
                environment=environment,
                setup="folder_goes",
                cure=_moved_back,
                must_stop=True,
                proof=True,
            )
            bench.meet(fault)
    return bench.outcome("folder moved or replaced")


@trial("spec edited in the middle", "campaign")
def spec_edited(place: Place) -> Outcome:
    """The file is changed, refused with the fields named, and put back."""
    bench = Bench.of(place, "campaign")
    spec = _spec_of(bench)
    for old, new in (("batch_size: 4", "batch_size: 5"), ("seed: 5", "seed: 6")):
        around = partial(_edited, spec=spec, old=old, new=new)
        fault = Fault(what=f"{old} became {new}", around=around, must_stop=True)
        bench.meet(fault, start=bench.half())
    return bench.outcome("spec edited in the middle")


@contextmanager
def _edited(_: Path, *, spec: Path, old: str, new: str) -> Iterator[None]:
    """As long as the run lasts, whatever comes of it."""
    text = spec.read_text(encoding="utf-8")
    if old not in text:
        raise RuntimeError(f"there is no {old} in {spec}")
    spec.write_text(text.replace(old, new), encoding="utf-8")
    try:
        yield
    finally:
        spec.write_text(text, encoding="utf-8")


def _spec_of(bench: Bench) -> Path:
    if not isinstance(bench.subject, CampaignSubject):
        raise TypeError("only a campaign has a specification")
    return bench.subject.spec
