"""Little of each kill, and that the harness sees what is lost and what is there twice."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

import pytest

from tools.chaos.crew import How, all_of, run
from tools.chaos.kept import Stop, begun, begun_again, book_of, forgotten
from tools.chaos.kills.campaign import program
from tools.chaos.listed import find_trials
from tools.chaos.record import TRIALS, Outcome, Scale, Trial, failed
from tools.chaos.subjects.campaign import CampaignSubject
from tools.chaos.subjects.quickly import noted_shards
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


@pytest.mark.slow
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
    calls.write_text(_book("a", "b"))
    assert _of_calls(folder, 0).told == ()
    calls.write_text(_book("a", "b", "b"))
    assert _of_calls(folder, 1).told == ()
    assert _of_calls(folder, 0).duplicates == 1
    calls.write_text(_book("a"))
    assert _of_calls(folder, 0).lost == 1
    calls.write_text(_book("a") + "asked b\n")
    assert _of_calls(folder, 0).lost == 1
    calls.write_text(_book("a", "b", "c"))
    assert "1 calls for nothing" in _of_calls(folder, 0).told


def test_work_that_is_forgotten_or_done_again_is_seen(tmp_path):
    kept = {"a": 1, "b": 2}
    assert forgotten(kept, {**kept, "c": 3}).told == ()
    assert forgotten(kept, {"a": 1}).lost == 1
    assert forgotten(kept, {"a": 1, "b": 3}).lost == 1
    assert forgotten(kept, {"a": 1}, in_flight=1).lost == 0  # a power cut may take the last
    assert forgotten(kept, {"b": 2}, in_flight=1).lost == 1
    assert forgotten(kept, {}, in_flight=1).lost == 1
    folder = tmp_path / "life"
    book = book_of(folder)
    book.write_text(_book("a", "b") + "asked c\n" + _book("c", "d"))
    assert begun_again(folder, [Stop(kept, 3)]).told == ()
    assert begun_again(folder, [Stop({"a": 1}, 3)]).lost == 1  # b was over
    book.write_text(_book("a", "b") + "asked c\n" + _book("b", "c", "d"))
    assert begun_again(folder, [Stop(kept, 3)]).lost == 1


@pytest.mark.parametrize("forgets", [False, True])
def test_a_screening_that_forgets_its_shards_is_seen(tmp_path, monkeypatch, forgets):
    from campaigns.screening import store
    from materials.errors import InputError
    from tests.campaigns.screening.guesses import rocksalt_table, screen

    table, folder = rocksalt_table(tmp_path / "a.parquet", 40), tmp_path / "life"
    folder.mkdir()
    subject = ScreeningSubject(tmp_path, "out")
    monkeypatch.setenv("CHAOS_CALLS", str(book_of(folder)))
    monkeypatch.setattr(store.ShardStore, "add", store.ShardStore.add)  # is put back
    noted_shards()
    real, left = store.pq.write_table, [3]

    def stops(*given, **options):
        left[0] -= 1
        if left[0] == -1:
            raise OSError(28, "No space left on device")
        real(*given, **options)

    monkeypatch.setattr(store.pq, "write_table", stops)
    with pytest.raises(InputError):
        screen(table, folder / "out", rows_per_shard=6)
    stop = Stop(subject.kept(folder), len(begun(folder)))
    assert len(stop.kept) == 3
    if forgets:
        monkeypatch.setattr(store.ShardStore, "_read_lines", lambda _: {})
    screen(table, folder / "out", rows_per_shard=6)
    lost = 3 if forgets else 0
    assert forgotten(stop.kept, subject.kept(folder)).lost == lost
    assert begun_again(folder, [stop]).lost == lost


def test_a_verdict_that_is_asked_for_again_is_seen(tmp_path):
    subject = CampaignSubject(tmp_path, logs_calls=True)
    folder = tmp_path / "life"
    ledger = folder / "campaign" / "ledger.sqlite"
    ledger.parent.mkdir(parents=True)
    _ledger(ledger, ["a", "b"])
    book_of(folder).write_text(_book("a", "b"))
    stop = Stop(subject.kept(folder), 2)
    assert list(stop.kept) == ["a", "b"]
    db = sqlite3.connect(ledger)
    db.execute("DELETE FROM verdicts WHERE id = 'b'")
    db.execute("INSERT INTO verdicts (id, round, content) VALUES ('b', 1, '{\"s\": 1}')")
    db.commit()
    db.close()
    book_of(folder).write_text(_book("a", "b", "b"))
    assert forgotten(stop.kept, subject.kept(folder)).lost == 1
    assert begun_again(folder, [stop]).lost == 1


def _book(*names: str) -> str:
    return "".join(f"asked {name}\nanswered {name}\n" for name in names)


def _ledger(path: Path, names: list[str]) -> None:
    from campaigns.ledger import Ledger

    Ledger(path).close()
    db = sqlite3.connect(path)
    for name in names:
        row = (name, 1, "{}")
        db.execute("INSERT INTO verdicts (id, round, content) VALUES (?, ?, ?)", row)
    db.commit()
    db.close()


def test_a_life_without_a_stop_has_forgotten_nothing(tmp_path: Path) -> None:
    book_of(tmp_path / "life").write_text("asked a\nanswered a\n")
    assert not begun_again(tmp_path / "life", []).told
