"""``galena campaign sync``: campaigns of any origin, into any store, as often as one likes."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from campaigns.cli.app import app
from campaigns.cli.show import ExitCode
from campaigns.folder import CampaignFolder
from campaigns.loop import run_campaign
from tests.campaigns.fakes import toy_config, toy_machinery
from tests.campaigns.stored import picture

pytestmark = pytest.mark.usefixtures("copied_databases")

NOBODY = "http://127.0.0.1:9"


def report(folder: Path) -> str:
    return (folder / "report" / "report.html").read_text()


def galena(*arguments: object, language: str = "en") -> Result:
    environment = {"COLUMNS": "200", "LANGUAGE": language, "MLFLOW_TRACKING_URI": ""}
    return CliRunner().invoke(app, [str(a) for a in arguments], env=environment)


@pytest.fixture(scope="module")
def made_elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished campaign that no MLflow and no report knows of."""
    folder = tmp_path_factory.mktemp("elsewhere") / "runs" / "toy"
    config = toy_config(rounds=2, batch_size=2)
    run_campaign(config, folder, machinery=toy_machinery(config))
    return folder


@pytest.fixture
def folder(made_elsewhere: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made_elsewhere, tmp_path / "runs" / "toy"))


@pytest.fixture
def no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports take long, and are none of some tests' business."""
    monkeypatch.setattr("campaigns.reports.write_report", lambda *_: None)


def test_a_campaign_made_elsewhere_is_there_afterwards_and_only_once(folder: Path) -> None:
    first = galena("campaign", "sync", folder)
    assert first.exit_code == ExitCode.OK, first.output
    assert "toy: 2 rounds in MLflow" in first.stdout
    assert (folder / "report" / "report.html").exists()
    store = f"sqlite:///{folder.parent / 'mlflow.db'}"
    before = picture(store, "galena")
    assert [run["name"] for run in before] == ["round 1", "round 2", "toy"]
    seen = re.search(r'<html lang="(\w+)"', report(folder))
    assert seen[1] == "en"
    again = galena("campaign", "sync", folder, "--json", language="eu")
    assert json.loads(again.stdout)["campaigns"][0]["status"] == "finished"
    assert picture(store, "galena") == before
    galena("campaign", "sync", folder, "--lang", "es")
    galena("campaign", "sync", folder)
    assert '<html lang="es"' in report(folder)
    note = picture(store, "galena")[-1]["tags"]["mlflow.note.content"]
    assert note != before[-1]["tags"]["mlflow.note.content"]


@pytest.mark.usefixtures("no_report")
def test_one_folder_that_fails_does_not_keep_the_others(folder: Path, tmp_path) -> None:
    (folder / "report").mkdir(exist_ok=True)
    done = galena("campaign", "sync", tmp_path / "nothing", folder)
    assert done.exit_code == ExitCode.PARTIAL
    assert "no campaign here" in done.stderr
    assert "toy: 2 rounds" in done.stdout


def test_a_campaign_at_work_is_left_to_itself(folder: Path) -> None:
    with CampaignFolder(folder).hold():
        done = galena("campaign", "sync", folder, "--tracking-uri", NOBODY)
    assert done.exit_code == ExitCode.ERROR
    assert "being run by process" in done.stderr


@pytest.mark.usefixtures("no_report")
def test_a_server_that_is_away_is_an_error_without_its_password(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("campaigns.cli.sync.PATIENCE", 0.0)
    store = NOBODY.replace("//", "//ada:secret@")
    done = galena("campaign", "sync", folder, "--tracking-uri", store)
    assert done.exit_code == ExitCode.ERROR
    assert "no answer (Connection refused)" in done.stderr
    assert "secret" not in done.output


@pytest.mark.usefixtures("no_report")
def test_the_environment_names_the_store(folder: Path, tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'other.db'}"
    done = CliRunner().invoke(
        app,
        ["campaign", "sync", str(folder), "--json"],
        env={"MLFLOW_TRACKING_URI": store},
    )
    assert done.exit_code == ExitCode.OK, done.output
    assert json.loads(done.stdout)["campaigns"][0]["store"] == store
    assert not (folder.parent / "mlflow.db").exists()
