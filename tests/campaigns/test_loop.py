"""A campaign comes out the same however often it was killed, and pays for nothing twice."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from campaigns.asking import hand_out
from campaigns.folder import CampaignFolder
from campaigns.ledger import Ledger, LedgerError
from campaigns.lock import BusyError
from campaigns.loop import run_campaign
from campaigns.progress import Silent
from campaigns.results import open_view
from campaigns.rounds import PATIENCE
from campaigns.session import at_work
from campaigns.view import CampaignView
from campaigns.words.sentences import NOTHING_NEW
from materials.errors import InputError
from tests.campaigns.fakes import FakeOracle, toy_config, toy_machinery
from tests.campaigns.killed import killed

MOMENTS = ["asking:2", "asking:6", "oracle:1", "oracle:6", "verdict:3", "close", "study"]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> CampaignView:
    config = toy_config()
    folder = tmp_path_factory.mktemp("undisturbed") / "campaign"
    return run_campaign(config, folder, machinery=toy_machinery(config))


def same(a: CampaignView, b: CampaignView) -> None:
    for name in ("shortlist", "verdicts", "candidates", "rejections"):
        pd.testing.assert_frame_equal(getattr(a, name), getattr(b, name))


def test_every_figure_of_the_rounds_adds_up(undisturbed: CampaignView) -> None:
    rounds, verdicts = undisturbed.rounds, undisturbed.verdicts
    assert undisturbed.status == "finished"
    parts = rounds["n_rejected"] + rounds["n_duplicate"] + rounds["n_valid"]
    assert (rounds["n_asked"] == parts).all()
    assert rounds["n_evaluated"].sum() == len(verdicts) == 12
    assert rounds["n_hits_total"].iloc[-1] == verdicts["hit"].sum() > 0
    assert (
        len(undisturbed.rejections) == (rounds["n_rejected"] + rounds["n_duplicate"]).sum()
    )
    assert verdicts["candidate_id"].is_unique
    assert (verdicts.groupby("round")["formula"].nunique() == 4).all()


def test_what_the_oracle_says_changes_what_is_proposed_next(
    undisturbed: CampaignView,
) -> None:
    assert undisturbed.rounds["n_changed_by_update"].iloc[0] == 0
    assert undisturbed.rounds["n_changed_by_update"].iloc[1:].sum() > 0
    residual = undisturbed.rounds["mean_abs_residual"]
    assert residual.iloc[-1] < residual.iloc[0]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_it_goes_on_to_the_same_end(
    moment: str, undisturbed: CampaignView, tmp_path: Path
) -> None:
    folder = tmp_path / "campaign"
    assert killed(folder, moment)
    before = len(open_view(folder).verdicts)
    oracle = FakeOracle()
    config = toy_config()
    resumed = run_campaign(config, folder, machinery=toy_machinery(config, oracle))
    same(resumed, undisturbed)
    assert len(oracle.calls) == len(undisturbed.verdicts) - before
    assert _study_size(folder) == len(undisturbed.candidates)


def _study_size(folder: Path) -> int:
    with sqlite3.connect(CampaignFolder(folder).study) as db:
        return int(db.execute("SELECT count(*) FROM trials").fetchone()[0])


def test_running_a_finished_campaign_again_costs_nothing(
    undisturbed: CampaignView, tmp_path: Path
) -> None:
    config, oracle = toy_config(rounds=1), FakeOracle()
    first = run_campaign(config, tmp_path / "c", machinery=toy_machinery(config, oracle))
    again = run_campaign(config, tmp_path / "c", machinery=toy_machinery(config, oracle))
    same(first, again)
    assert len(oracle.calls) == 4


def test_failures_are_rows_and_are_not_tried_again(tmp_path: Path) -> None:
    config, oracle = toy_config(), FakeOracle(failing=True)
    view = run_campaign(config, tmp_path / "c", machinery=toy_machinery(config, oracle))
    failed = view.verdicts[view.verdicts["error"].notna()]
    assert 0 < len(failed) < len(view.verdicts)
    assert view.rounds["n_failed"].sum() == len(failed)
    assert failed["score"].isna().all()
    assert not failed["hit"].any()
    assert len(set(oracle.calls)) == len(oracle.calls) == len(view.verdicts)


def test_a_nan_from_the_oracle_is_a_failure(tmp_path: Path) -> None:
    from dataclasses import replace

    class Nonsense(FakeOracle):
        def __call__(self, candidate):
            return replace(super().__call__(candidate), energy_above_hull=float("nan"))

    config = toy_config(rounds=1)
    view = run_campaign(config, tmp_path / "c", machinery=toy_machinery(config, Nonsense()))
    assert view.verdicts["error"].str.contains("oracle returned").all()


def test_the_budget_stops_the_campaign(tmp_path: Path) -> None:
    config = toy_config(budget={"oracle_calls": 6})
    view = run_campaign(config, tmp_path / "c", machinery=toy_machinery(config))
    assert len(view.verdicts) == 6
    assert view.status == "finished"


def test_another_specification_is_refused_and_named(tmp_path: Path) -> None:
    config = toy_config(rounds=1)
    run_campaign(config, tmp_path / "c", machinery=toy_machinery(config))
    other = toy_config(rounds=1, seed=4)
    with pytest.raises(InputError, match="seed: begun with 3, now 4"):
        run_campaign(other, tmp_path / "c", machinery=toy_machinery(other))


def test_another_model_is_refused(tmp_path: Path) -> None:
    from dataclasses import replace

    config = toy_config(rounds=1)
    machinery = toy_machinery(config)
    run_campaign(config, tmp_path / "c", machinery=machinery)
    newer = replace(machinery, versions=machinery.versions | {"predictor": "fake-2"})
    with pytest.raises(InputError, match="fake-1, now fake-2"):
        run_campaign(config, tmp_path / "c", machinery=newer)


def test_a_foreign_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    config = toy_config()
    with pytest.raises(InputError, match=r"thesis\.tex"):
        run_campaign(config, tmp_path, machinery=toy_machinery(config))
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_a_damaged_ledger_is_an_error_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").write_bytes(b"not a database" * 100)
    with pytest.raises(LedgerError, match="cannot be used as a campaign ledger"):
        open_view(tmp_path)


def test_a_folder_without_a_campaign_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="galena campaign run"):
        open_view(tmp_path)


def test_one_process_at_a_time(tmp_path: Path) -> None:
    place = CampaignFolder(tmp_path / "c")
    other = CampaignFolder(tmp_path / "c")
    with (
        place.hold(),
        pytest.raises(BusyError, match=str(os.getpid())),
        other.hold(),
    ):
        pytest.fail("two processes hold one campaign")
    with other.hold():
        assert (tmp_path / "c" / ".holder").exists()


def test_a_verdict_is_recorded_once(tmp_path: Path) -> None:
    config, oracle = toy_config(rounds=1), FakeOracle()
    run_campaign(config, tmp_path / "c", machinery=toy_machinery(config, oracle))
    ledger = Ledger(tmp_path / "c" / "ledger.sqlite")
    number, verdict = ledger.verdicts()[0]
    with pytest.raises(LedgerError, match="UNIQUE"):
        ledger.commit_verdict(number, verdict)
    assert len(ledger.verdicts()) == 4


def test_structures_survive_the_ledger(undisturbed: CampaignView) -> None:
    for name in undisturbed.verdicts["candidate_id"]:
        structure = undisturbed.structure(name)
        assert structure.composition.reduced_formula == name.rsplit("-", 1)[0]
        assert np.isfinite(structure.lattice.volume)


class Hearing(Silent):
    """Keeps warnings."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def warned(self, message: str) -> None:
        self.told.append(message)


SMALL = {
    "elements": {"allowed": ["Na", "S", "Se"]},
    "search": {"n_species": [2], "max_sites": 6, "asks": 4, "chunk": 4},
    "rounds": 60,
    "batch_size": 2,
}


def test_a_round_without_anything_new_is_not_the_end(tmp_path: Path) -> None:
    config, oracle, heard = toy_config(**SMALL), FakeOracle(), Hearing()
    view = run_campaign(
        config, tmp_path / "c", machinery=toy_machinery(config, oracle), watcher=heard
    )
    chosen = view.rounds["n_chosen"].tolist()
    assert view.status == "finished"
    assert PATIENCE < len(chosen) < config.rounds
    assert chosen[-PATIENCE:] == [0] * PATIENCE
    assert 0 in chosen[: -PATIENCE - 1]  # it went on behind an empty one
    assert heard.told == [NOTHING_NEW.format(n=len(chosen), total=60)]
    again = run_campaign(config, tmp_path / "c", machinery=toy_machinery(config, oracle))
    same(view, again)
    with at_work(
        config, tmp_path / "c", machinery=toy_machinery(config, oracle)
    ) as session:
        assert hand_out(session).over
    same(view, open_view(tmp_path / "c"))
