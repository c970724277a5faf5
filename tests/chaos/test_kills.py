"""Little of each kill, and that the harness sees what is lost and what is there twice."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

import pytest

from tools.chaos.crew import How, all_of, run
from tools.chaos.kills.campaign import program
from tools.chaos.listed import find_trials
from tools.chaos.record import TRIALS, Outcome, Scale, Trial, failed
from tools.chaos.subjects.screening import ScreeningSubject

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="it forks and preloads"
)

find_trials()
KILLED = [
    ("killed, a program answers", "campaign"),
    ("killed", "screening"),
    ("power cut", "screening"),
    ("killed", "training"),
]


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", KILLED)
def test_nothing_is_lost_or_there_twice(tmp_path, name):
    found = run(TRIALS[name], How(root=tmp_path, seed=1, scale=Scale.QUICK))
    assert found.good, found.note
    assert found.times >= 1


def test_a_trial_that_did_nothing_or_failed_is_not_good():
    nothing = Outcome(
        fault="x",
        subject="campaign",
        times=0,
        survived=0,
        lost=0,
        duplicates=0,
        seconds=0.0,
    )
    assert not nothing.good
    one = Trial(name="x", subject="campaign", run=program)
    assert not failed(one, RuntimeError("no"), 1.0).good


def test_a_trial_that_its_process_cannot_do_is_not_good(tmp_path):
    one = Trial(name="there is none", subject="campaign", run=program)
    other = Trial(name="nor of this", subject="campaign", run=program, waits=True)
    heard: list[Outcome] = []
    how = How(root=tmp_path, seed=1, scale=Scale.QUICK)
    found = all_of([one, other], how, jobs=2, heard=heard.append)
    assert [outcome.fault for outcome in found] == ["there is none", "nor of this"]
    assert len(heard) == 2
    assert not any(outcome.good for outcome in found)


def test_a_lost_row_and_a_second_one_are_seen(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    subject = ScreeningSubject(tmp_path, "out.parquet")
    rows = {"whole": ["a", "b", "c"], "lost": ["a", "b"], "twice": ["a", "b", "c", "c"]}
    for name, ids in rows.items():
        (tmp_path / name).mkdir()
        pq.write_table(pa.table({"material_id": ids}), tmp_path / name / "out.parquet")
    whole = tmp_path / "whole"
    assert subject.compare(whole, whole, kills=0).told == ()
    assert subject.compare(whole, tmp_path / "lost", kills=1).lost == 1
    assert subject.compare(whole, tmp_path / "twice", kills=1).duplicates == 1


def test_calls_that_were_made_again_without_a_kill_are_seen(tmp_path):
    from tools.chaos.subjects.campaign import _of_calls

    folder = tmp_path / "life"
    ledger = folder / "campaign" / "ledger.sqlite"
    ledger.parent.mkdir(parents=True)
    _ledger(ledger, ["a", "b"])
    calls = Path(f"{folder}.calls")
    calls.write_text("a\nb\n")
    assert _of_calls(folder, 0).told == ()
    calls.write_text("a\nb\nb\n")
    assert _of_calls(folder, 1).told == ()
    assert _of_calls(folder, 0).duplicates == 1
    calls.write_text("a\n")
    assert _of_calls(folder, 0).lost == 1
    calls.write_text("a\nb\nc\n")
    assert "1 calls for nothing" in _of_calls(folder, 0).told


def _ledger(path: Path, names: list[str]) -> None:
    from campaigns.ledger import Ledger

    Ledger(path).close()
    db = sqlite3.connect(path)
    for name in names:
        row = (name, 1, "{}")
        db.execute("INSERT INTO verdicts (id, round, content) VALUES (?, ?, ?)", row)
    db.commit()
    db.close()
