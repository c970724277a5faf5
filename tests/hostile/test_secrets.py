"""Secrets of the environment, or in an address, are in nothing that is written or said."""

from __future__ import annotations

import logging
import traceback
from pathlib import Path
from urllib.parse import quote

import pytest
from typer.testing import CliRunner

import campaigns.publishing
from campaigns.cli.app import app
from campaigns.folder import CampaignFolder
from campaigns.loop import run_campaign
from campaigns.pictures.registry import PICTURES
from campaigns.publishing import publisher
from campaigns.words import words
from tests.campaigns.fakes import toy_config, toy_machinery
from tests.materials.sources.loopback import Answer, serving
from tools.hostile.folders import finished

pytestmark = pytest.mark.usefixtures("copied_databases")

MARK = "c4n4ry"
KEY = MARK.ljust(32, "0")  # as long as a key of the Materials Project
PASSWORD = f"{MARK}:/@%{{x}}"
AT = f"ada:{quote(PASSWORD, safe='')}@127.0.0.1:1"  # nobody listens at port 1
SECRETS = {
    "MP_API_KEY": KEY,
    "MLFLOW_TRACKING_PASSWORD": PASSWORD,
    "MLFLOW_TRACKING_TOKEN": KEY,
    "AWS_SECRET_ACCESS_KEY": KEY,
    "PGPASSWORD": PASSWORD,
    "GALENA_STORAGE": f"postgresql://{AT}/db",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch, caplog):
    """Secrets in it; logs are kept as they would be where somebody asks for all of them."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LANGUAGE", "en")
    for name in ("campaigns", "materials", "models", "mlflow", "optuna"):
        caplog.set_level(logging.DEBUG, logger=name)


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """A campaign of one round, and what was said of it; MLflow's server cannot be reached."""
    folder = tmp_path_factory.mktemp("campaign")
    config = toy_config(rounds=1, batch_size=2)
    told: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SECRETS.items():
            patch.setenv(name, value)
        patch.setattr(
            "campaigns.reports.writing.PICTURES", {"discovery": PICTURES["discovery"]}
        )
        patch.setattr(campaigns.publishing, "PATIENCE", 0.1)
        patch.setattr(campaigns.publishing, "PAUSE", 0.01)
        place = CampaignFolder(folder / "toy")
        stores = (f"http://{AT}", f"sqlite:///{folder}/mlflow.db")
        publish = [
            publisher(place, store, told.append, say=words("en")) for store in stores
        ]
        run_campaign(
            config,
            place.path,
            machinery=toy_machinery(config),
            publish=lambda view: [each(view) for each in publish],
        )
    return folder, told


def holding(folder: Path) -> list[str]:
    """Files in which the secret is."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return [str(path) for path in files if MARK.encode() in path.read_bytes()]


def test_nothing_that_a_campaign_writes_or_says_holds_a_secret(begun):
    folder, told = begun
    names = {path.name for path in folder.rglob("*")}
    assert {
        "mlflow.db",
        "ledger.sqlite",
        "optuna.sqlite",
        "report.html",
        "report.pdf",
    } <= names
    assert any("ada:***@127.0.0.1:1" in line for line in told)
    assert MARK not in "".join(told)
    assert holding(folder) == []


@pytest.mark.parametrize(
    "command",
    [
        ("campaign", "sync", "toy", "--tracking-uri", f"http://{AT}"),
        ("campaign", "sync", "toy", "--tracking-uri", f"postgresql://{AT}/db"),
        ("campaign", "sync", "toy", "--tracking-uri", f"mysql://{AT}/db"),
        ("campaign", "work", "toy", "--storage", f"postgresql://ada:{KEY}@host:port/db"),
        ("model", "list", "--tracking-uri", f"http://{AT}"),
        ("ui", "--tracking-uri", f"http://{AT}"),
        ("ui", "--tracking-uri", f"http://ada:{KEY}@host:port"),
        ("data", "pull", f"optimade:http://{AT}", "-o", "pulled.parquet"),
        ("data", "pull", "mp", "-o", "pulled.parquet"),
        ("hull", "GaN", "--energy", "-12.3", "--references", "mp"),
    ],
    ids=lambda command: " ".join(command[:2]) if isinstance(command, tuple) else None,
)
def test_no_failing_request_tells_its_secret(command, tmp_path, monkeypatch, caplog):
    (tmp_path / "toy").mkdir()
    finished(tmp_path / "toy")
    monkeypatch.chdir(tmp_path)
    # A server that tells the key to whoever is refused.
    with serving(lambda asked: Answer({"message": str(asked.headers)}, 403)) as server:
        monkeypatch.setenv("MP_API_ENDPOINT", server.url)
        done = CliRunner().invoke(app, list(command))
    assert done.exit_code != 2, done.output  # it is a command
    said = done.output + caplog.text
    if done.exc_info is not None:
        said += "".join(traceback.format_exception(*done.exc_info))
    assert MARK not in said
    assert holding(tmp_path) == []
