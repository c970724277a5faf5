"""A campaign meets faults, each for some seconds; ``make chaos`` does more of each."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from campaigns.ledger import Ledger
from tools.chaos.crew import How, run
from tools.chaos.faults.bench import Bench, Fault
from tools.chaos.listed import find_trials
from tools.chaos.record import TRIALS, Place, Scale
from tools.chaos.shim import library

find_trials()

QUICK = ["file truncated", "bit flipped", "oracle raising", "out of memory"]
SHIM = ["disk full"]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One folder, so that the subject is made and run undisturbed once."""
    return tmp_path_factory.mktemp("faults")


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", QUICK + SHIM)
def test_nothing_is_lost(name: str, root: Path) -> None:
    if name in SHIM and library() is None:
        pytest.skip("no C compiler here")
    outcome = run(TRIALS[name, "campaign"], How(root=root, seed=1, scale=Scale.QUICK))
    assert outcome.good, outcome.note


@pytest.mark.timeout(1800)
def test_a_verdict_that_was_tampered_with_would_be_seen(root: Path) -> None:
    def tamper(folder: Path) -> None:
        path = folder / "campaign" / "ledger.sqlite"
        ledger = Ledger(path)
        _, verdict = ledger.verdicts()[0]
        ledger.replace_verdict(0, replace(verdict, band_gap=9.0, error=None))
        ledger.close()

    place = Place(folder=root / "tampered", seed=1, scale=Scale.QUICK)
    place.folder.mkdir()
    bench = Bench.of(place, "campaign")
    bench.meet(Fault(what="tampered with", before=tamper), start=bench.given.whole)
    outcome = bench.outcome("tampered with")
    assert not outcome.good
    assert outcome.lost >= 1


@pytest.mark.timeout(1800)
def test_a_run_with_bad_manners_would_be_seen(root: Path) -> None:
    def break_it(folder: Path) -> None:
        db = sqlite3.connect(folder / "campaign" / "ledger.sqlite")
        db.execute("DELETE FROM verdicts")
        db.commit()
        db.close()

    place = Place(folder=root / "broken", seed=1, scale=Scale.QUICK)
    place.folder.mkdir()
    bench = Bench.of(place, "campaign")
    fault = Fault(what="rows taken away", before=break_it, codes=(7,))
    bench.meet(fault, start=bench.given.whole)
    assert not bench.outcome("rows taken away").good


def test_there_are_faults_of_every_kind() -> None:
    of_ours = {n for (n, _), t in TRIALS.items() if "kill" not in n and "power" not in n}
    assert len(of_ours) >= 25
    assert {"campaign", "screening", "training"} <= {subject for _, subject in TRIALS}
