"""A campaign on a team's server: PostgreSQL, MLflow over it, and what befalls them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

import tests.postgres
from campaigns.folder import CampaignFolder
from campaigns.publishing import sync
from campaigns.results import open_view
from campaigns.tracking import AwayError, Tracker, TrackingError
from campaigns.tracking.store import for_mlflow
from tests.campaigns.mlflow_servers import MlflowServer, running
from tests.campaigns.small_model import save_small_model
from tests.campaigns.stored import picture
from tests.campaigns.views import empty_view, make_view
from tests.postgres import PASSWORD, server

PASSWORD_OF_ADMIN = "a-long-one-for-admins"
ROUNDS, BATCH = 4, 2
AWAY = float(os.environ.get("GALENA_SERVER_AWAY", "10"))
"""s that the server stays away at least."""
SPEC = """
name: team
elements: {{allowed: [Na, Zn, Sn, S, Se, O]}}
targets: {{band_gap: {{min: 0.9, max: 1.9}}}}
search: {{n_species: [2, 3], max_sites: 6, asks: 20, chunk: 10}}
rounds: {rounds}
batch_size: {batch}
seed: 5
model: {model}
oracle: {{kind: command, argv: [{python}, {oracle}, "{{structure}}", {folder}]}}
"""


@dataclass
class Campaign:
    """A campaign as a process, which waits before the calls that are barred."""

    home: Path
    uri: str
    process: subprocess.Popen[str] | None = None

    def prepare(self) -> None:
        self.home.mkdir()
        spec = SPEC.format(
            rounds=ROUNDS,
            batch=BATCH,
            model=save_small_model(self.home / "model"),
            python=sys.executable,
            oracle=Path(__file__).with_name("gated_oracle.py"),
            folder=self.home,
        )
        (self.home / "team.yaml").write_text(spec)

    def bar(self, call: int) -> None:
        (self.home / f"gate-{call}").touch()

    def free(self, call: int) -> None:
        (self.home / f"gate-{call}").unlink()

    def reaches(self, call: int, *, patience: float = 120.0) -> None:
        """Wait until the oracle was called so often."""
        assert self.process is not None
        end = time.monotonic() + patience
        count = self.home / "calls"
        while not count.exists() or int(count.read_text() or 0) < call:
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < end, f"call {call} was not reached"
            time.sleep(0.1)

    def start(self) -> None:
        command = [
            *(sys.executable, "-m", "campaigns.cli", "campaign", "run"),
            *(str(self.home / "team.yaml"), "--folder", str(self.folder)),
            *("--tracking-uri", self.uri),
        ]
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                "COLUMNS": "200",
                "LANGUAGE": "en",
                "GALENA_ALLOW_COMMANDS": "all",
            },
        )

    @property
    def folder(self) -> Path:
        return self.home / "runs" / "team"


@pytest.fixture(scope="module")
def postgres() -> Iterator[tests.postgres.Server]:
    with server() as running:
        yield running


def test_a_server_stopped_in_the_middle_loses_nothing(postgres, tmp_path):
    team = MlflowServer(for_mlflow(postgres.url), tmp_path)
    campaign = Campaign(tmp_path / "campaign", team.uri)
    campaign.prepare()
    stopped_at, back_at = BATCH + 1, 3 * BATCH + 1  # in rounds 2 and 4
    for call in (stopped_at, back_at):
        campaign.bar(call)
    with running(team):
        campaign.start()
        campaign.reaches(stopped_at)
        team.stop()
        stopped = time.monotonic()
        campaign.free(stopped_at)
        campaign.reaches(back_at)  # two rounds were closed without a server
        time.sleep(max(0.0, AWAY - (time.monotonic() - stopped)))
        team.start()
        campaign.free(back_at)
        said, warned = campaign.process.communicate(timeout=150)
        assert campaign.process.returncode == 0, warned
        assert "team: finished" in said
        assert warned.count("no answer (Connection refused)") == 1
        assert warned.count("MLflow is up to date again.") == 1
        disturbed = picture(team.uri, "galena")

        place = CampaignFolder(campaign.folder)
        sync(place, open_view(place.path), team.uri)
        assert picture(team.uri, "galena") == disturbed
    quiet = f"sqlite:///{tmp_path / 'quiet' / 'mlflow.db'}"
    sync(place, open_view(place.path), quiet)  # as if nothing had happened
    assert disturbed == picture(quiet, "galena")
    assert_complete(disturbed)
    assert PASSWORD not in (said + warned)


def assert_complete(runs: list[dict]) -> None:
    """Every round's run, numbers and files, and a campaign that says it is finished."""
    names = [f"round {number}" for number in range(1, ROUNDS + 1)]
    assert [run["name"] for run in runs] == [*names, "team"]
    assert {run["status"] for run in runs} == {"FINISHED"}
    parent = runs[-1]
    assert parent["tags"]["galena.status"] == "finished"
    calls = [(step, value) for step, value, _ in parent["metrics"]["n_evaluated_total"]]
    assert calls == [(n, BATCH * n) for n in range(1, ROUNDS + 1)]
    for run in runs[:-1]:
        assert "tables/verdicts.parquet" in run["files"]
    assert "report/report.html" in parent["files"]
    assert {"known", "training"} <= {context for *_, context in parent["datasets"]}


def test_mlflows_own_accounts_are_used_and_never_shown(tmp_path, monkeypatch):
    pytest.importorskip(
        "flask_wtf", reason="no accounts without: pip install 'mlflow[auth]'"
    )
    settings = tmp_path / "accounts.ini"
    settings.write_text(
        "[mlflow]\ndefault_permission = READ\nadmin_username = admin\n"
        f"admin_password = {PASSWORD_OF_ADMIN}\n"
        f"database_uri = sqlite:///{tmp_path / 'accounts.db'}\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
    )
    team = MlflowServer(
        f"sqlite:///{tmp_path / 'mlflow.db'}",
        tmp_path,
        options=("--app-name", "basic-auth"),
        environment={
            "MLFLOW_AUTH_CONFIG_PATH": str(settings),
            "MLFLOW_FLASK_SERVER_SECRET_KEY": "only for this test",
        },
    )
    tracker = Tracker(team.uri, "galena")
    with running(team):
        with pytest.raises(TrackingError, match="authenticated") as refused:
            tracker.sync(empty_view())
        assert not isinstance(refused.value, AwayError)  # no waiting mends it

        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "admin")
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORD_OF_ADMIN)
        tracker.sync(make_view(calls=8, status="running"))
        make_account(team.uri, "reader", "reading-is-enough")
        assert picture(team.uri, "galena")[-1]["tags"]["mlflow.user"] == "admin"

        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "reader")
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "reading-is-enough")
        assert picture(team.uri, "galena")
        with pytest.raises(TrackingError, match="Permission denied") as denied:
            tracker.sync(make_view(calls=16, status="running"))
        assert not isinstance(denied.value, AwayError)
    assert "reading-is-enough" not in str(denied.value)


def make_account(uri: str, name: str, password: str) -> None:
    made = requests.post(
        f"{uri}/api/2.0/mlflow/users/create",
        json={"username": name, "password": password},
        auth=("admin", PASSWORD_OF_ADMIN),
        timeout=30,
    )
    assert made.status_code == 200, made.text
