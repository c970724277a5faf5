"""A campaign on a team's server: PostgreSQL, MLflow over it, and what befalls them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import tests.postgres
from campaigns.tracking.store import for_mlflow
from tests.campaigns.mlflow_servers import MlflowServer, running
from tests.campaigns.small_model import save_small_model
from tests.campaigns.stored import picture
from tests.postgres import PASSWORD, server

ROUNDS, BATCH = 4, 2
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
            env={**os.environ, "COLUMNS": "200", "LANGUAGE": "en"},
        )

    @property
    def folder(self) -> Path:
        return self.home / "runs" / "team"


@pytest.fixture(scope="module")
def postgres() -> Iterator[tests.postgres.Server]:
    with server() as running:
        yield running


def galena(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "campaigns.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=200,
        env={**os.environ, "COLUMNS": "200", "LANGUAGE": "en"},
    )


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
        time.sleep(max(0.0, 10.0 - (time.monotonic() - stopped)))
        team.start()
        campaign.free(back_at)
        said, warned = campaign.process.communicate(timeout=150)
        assert campaign.process.returncode == 0, warned
        assert "team: finished" in said
        assert warned.count("no answer (Connection refused)") == 1
        assert warned.count("MLflow is up to date again.") == 1
        disturbed = picture(team.uri, "galena")

        quiet = f"sqlite:///{tmp_path / 'quiet' / 'mlflow.db'}"
        done = galena(
            "campaign", "sync", campaign.folder, "--tracking-uri", quiet, "--json"
        )
        assert done.returncode == 0, done.stderr
        assert disturbed == picture(quiet, "galena")
        assert_complete(disturbed)

        again = galena("campaign", "sync", campaign.folder, "--tracking-uri", team.uri)
        assert again.returncode == 0, again.stderr
        assert picture(team.uri, "galena") == disturbed
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


def test_a_campaign_that_ends_while_the_server_is_away_is_made_up_for(tmp_path):
    """No server at all: the campaign waits for a while, ends well, and says what to do."""
    campaign = Campaign(tmp_path / "campaign", "http://127.0.0.1:9")  # nobody is there
    campaign.prepare()
    done = subprocess.run(
        [sys.executable, "-c", IMPATIENT, str(campaign.home / "team.yaml"),
         str(campaign.folder), campaign.uri],
        capture_output=True, text=True, timeout=200, env={**os.environ, "LANGUAGE": "en"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    command = f"galena campaign sync {campaign.folder} --tracking-uri {campaign.uri}"
    assert done.stderr.count("no answer") == 2  # when it went away, and at the end
    assert command in done.stderr
    away = galena(*command.split()[1:])
    assert away.returncode == 1
    assert "no answer" in away.stderr
    store = f"sqlite:///{tmp_path / 'late' / 'mlflow.db'}"
    late = galena("campaign", "sync", campaign.folder, "--tracking-uri", store, "--json")
    assert json.loads(late.stdout)["campaigns"][0]["rounds"] == ROUNDS
    assert_complete(picture(store, "galena"))


IMPATIENT = """
import sys
import campaigns.publishing
campaigns.publishing.PATIENCE = 2.0
campaigns.publishing.PAUSE = 0.5
from campaigns.cli.app import app
app(["campaign", "run", sys.argv[1], "--folder", sys.argv[2], "--tracking-uri", sys.argv[3]])
"""
