"""The command: table, JSON, figures, MLflow, and what it refuses."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from campaigns.backtests.records import BACKTEST
from campaigns.cli.app import app
from campaigns.tracking.backtests import EXPERIMENT
from campaigns.tracking.client import open_client
from tests.campaigns.backtests.toys import Guesser, spec_of, write_table

pytestmark = pytest.mark.usefixtures("copied_databases")

RUNNER = CliRunner()


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """The command run once, twice over: as a table and as JSON."""
    folder = tmp_path_factory.mktemp("backtest")
    table = write_table(folder / "toy.parquet")
    (folder / "toy.yaml").write_text(spec_of(table).dump())
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    args = ["backtest", str(folder / "toy.yaml"), "-o", str(folder / "out")]
    args += ["--tracking-uri", uri, "--strategies", "network,tpe"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("models.loading.load_predictor", lambda *_, **__: Guesser(table))
        told = [RUNNER.invoke(app, args), RUNNER.invoke(app, [*args, "--json"])]
    return folder, uri, told


def test_the_table_has_a_row_for_each_strategy_and_for_chance(done):
    _, _, (text, _) = done
    assert text.exit_code == 0, text.output
    assert "network" in text.stdout
    assert "random" in text.stdout
    assert "hits among them" in text.stderr


def test_json_is_what_the_folder_holds(done):
    folder, _, (_, plain) = done
    document = json.loads(plain.stdout)
    assert [one["strategy"] for one in document["strategies"]] == ["network", "tpe"]
    kept = json.loads((folder / "out" / "backtest.json").read_text())
    assert kept == {**BACKTEST.stamp(), **document}


def test_figures_are_pictures(done):
    folder, _, _ = done
    for name in ("discovery_curves.png", "acceleration.png"):
        assert (folder / "out" / name).read_bytes().startswith(b"\x89PNG")


def test_mlflow_has_a_run_per_strategy_below_the_backtest(done):
    folder, uri, _ = done
    client = open_client(uri)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    runs = client.search_runs([experiment.experiment_id])
    parents = [run for run in runs if run.data.tags.get("galena.kind") == "backtest"]
    assert len(parents) == 1  # the second time, nothing was new
    names = {file.path for file in client.list_artifacts(parents[0].info.run_id)}
    assert names == {"backtest.json", "discovery_curves.png", "acceleration.png"}
    (one,) = [run for run in runs if run.data.tags.get("galena.strategy") == "network"]
    assert one.data.tags["mlflow.parentRunId"] == parents[0].info.run_id
    curve = client.get_metric_history(one.info.run_id, "acceleration")
    document = json.loads((folder / "out" / "backtest.json").read_text())
    expected = document["strategies"][0]["acceleration"]["mean"]
    assert [(point.step, point.value) for point in curve] == list(
        zip([5, 10, 15], expected, strict=True)
    )


def test_a_store_that_cannot_be_reached_costs_no_result(done, monkeypatch):
    folder, _, _ = done
    table = folder / "toy.parquet"
    monkeypatch.setattr("models.loading.load_predictor", lambda *_, **__: Guesser(table))
    args = ["backtest", str(folder / "toy.yaml"), "-o", str(folder / "out"), "--json"]
    args += ["--strategies", "network,tpe", "--tracking-uri", "sqlite:////dev/null/no.db"]
    found = RUNNER.invoke(app, args)
    assert found.exit_code == 0, found.output
    kept = json.loads((folder / "out" / "backtest.json").read_text())
    assert kept == {**BACKTEST.stamp(), **json.loads(found.stdout)}
    assert "sqlite:////dev/null/no.db: this file cannot be opened" in found.stderr


def test_a_model_that_is_not_there_says_how_one_is_made(done):
    folder, _, _ = done
    found = RUNNER.invoke(
        app, ["backtest", str(folder / "toy.yaml"), "--model", "runs/weights/none"]
    )
    assert found.exit_code == 1
    assert "make_weights.py" in found.stderr


def test_options_that_name_nothing_are_refused(done):
    folder, _, _ = done
    found = RUNNER.invoke(
        app, ["backtest", str(folder / "toy.yaml"), "--strategies", "galena,forrest"]
    )
    assert found.exit_code == 1
    assert "Did you mean 'forest'" in found.stderr
