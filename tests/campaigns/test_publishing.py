"""The report and MLflow's copy never stop a campaign, and people are told once."""

from __future__ import annotations

from pathlib import Path

import pytest

import campaigns.publishing
from campaigns.folder import CampaignFolder
from campaigns.loop import run_campaign
from campaigns.publishing import publisher, wait_for
from campaigns.tracking import AwayError, Tracked, TrackingError
from materials.errors import GalenaError
from tests.campaigns.fakes import toy_config, toy_machinery

pytestmark = pytest.mark.usefixtures("copied_databases", "without_study")

AWAY = AwayError("http://team: MLflow could not be brought up to date: no answer")
STORE = "http://ada:secret@team"


class Copy:
    """Stands in for MLflow: says at each call what it is told to say."""

    def __init__(self, *answers: GalenaError | None) -> None:
        self.answers = list(answers)
        self.seen: list[str] = []

    def __call__(self, place: object, view: object, store: str, *, say: object) -> Tracked:
        self.seen.append(view.status)
        answer = self.answers.pop(0) if self.answers else None
        if answer is not None:
            raise answer
        return Tracked("1", "r")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Run a campaign of three rounds with such a copy; returns what people were told."""
    monkeypatch.setattr("campaigns.reports.write_report", lambda *_, **__: None)
    monkeypatch.setattr(campaigns.publishing, "PAUSE", 0.01)
    monkeypatch.setenv("LANGUAGE", "en")

    def go(copy: Copy, *, patience: float = 0.2) -> list[str]:
        monkeypatch.setattr(campaigns.publishing, "PATIENCE", patience)
        monkeypatch.setattr(campaigns.publishing, "sync", copy)
        told: list[str] = []
        folder = tmp_path / "toy"
        view = run_campaign(
            toy_config(rounds=3, batch_size=2),
            folder,
            machinery=toy_machinery(toy_config(rounds=3, batch_size=2)),
            publish=publisher(CampaignFolder(folder), STORE, told.append),
        )
        assert view.status == "finished"
        return told

    return go


def test_all_well_is_not_worth_a_word(run):
    copy = Copy()
    assert run(copy) == []
    assert copy.seen == ["running"] * 3 + ["finished"]


def test_away_and_back_are_told_once_each(run):
    away, back = run(Copy(AWAY, AWAY, None, None))
    assert "no answer" in away
    assert "The campaign goes on" in away
    assert back == "MLflow is up to date again."


def test_gone_and_back_twice_is_told_twice(run):
    told = run(Copy(AWAY, None, AWAY, None))
    assert ["up to date again" in line for line in told] == [False, True, False, True]


def test_a_finished_campaign_waits_for_the_server(run):
    copy = Copy(None, None, None, AWAY, AWAY, AWAY)
    _, waiting, back = run(copy, patience=30.0)
    assert "tried for 30 s more" in waiting
    assert "up to date again" in back
    assert copy.seen.count("finished") == 4


def test_in_the_end_it_names_the_command_that_catches_up(run):
    told = run(Copy(*[AWAY] * 1000))
    assert "galena campaign sync" in told[-1]
    assert "--tracking-uri http://ada:***@team" in told[-1]
    assert "secret" not in "".join(told)
    assert len(told) == 3


def test_what_is_no_address_is_refused_before_the_campaign_begins(tmp_path):
    with pytest.raises(TrackingError, match="no possible address"):
        publisher(CampaignFolder(tmp_path), "postgresql://a:hush@db:nn/d", print)


def test_who_is_refused_is_not_asked_again_and_again(run):
    copy = Copy(*[TrackingError("http://team: Permission denied")] * 9)
    told = run(copy)
    assert len(copy.seen) == 4
    assert "Permission denied" in told[0]
    assert "stays behind until that is mended" in told[0]
    assert "galena campaign sync" in told[-1]
    assert len(told) == 2


def test_a_report_that_cannot_be_written_does_not_keep_mlflow_from_being_told(
    run, monkeypatch
):
    def refuse(*_, **__):
        raise GalenaError("report: disk full")

    monkeypatch.setattr("campaigns.reports.write_report", refuse)
    copy = Copy()
    told = run(copy)
    assert "disk full" in told[0]
    assert len(copy.seen) == 4


def test_waiting_ends():
    calls = []

    def call() -> Tracked:
        calls.append(1)
        raise AWAY

    with pytest.raises(AwayError):
        wait_for(call, seconds=0.0)
    assert len(calls) == 1
