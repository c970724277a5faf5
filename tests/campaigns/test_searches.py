from __future__ import annotations

import pytest

from campaigns.tracking.client import open_client
from campaigns.tracking.searches import EXPERIMENT, SearchTracker
from models.training.search import TrialReport

REPORTS = (
    TrialReport(0, "complete", {"learning_rate": 1e-3}, 0.5, {1: 0.7, 2: 0.5}, None),
    TrialReport(1, "pruned", {"learning_rate": 9e-3}, 1.9, {1: 1.9}, None),
    TrialReport(2, "fail", {"learning_rate": 5e-2}, None, {}, "not a number"),
)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    for _ in range(2):  # as a search that is gone on with does
        tracker = SearchTracker(uri, folder / "search")
        for report in REPORTS:
            tracker.log(report)
    SearchTracker(uri, folder / "another").log(REPORTS[0])
    client = open_client(uri)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    found = client.search_runs([experiment.experiment_id], order_by=["start_time"])
    points = [
        [(m.step, m.value) for m in client.get_metric_history(run.info.run_id, "score")]
        for run in found
    ]
    return found, points


def test_each_trial_is_one_run_below_its_search(runs):
    found, _ = runs
    names = [run.info.run_name for run in found]
    assert sorted(names) == [
        "another",
        "search",
        "trial 0",
        "trial 0",
        "trial 1",
        "trial 2",
    ]
    parent = {run.info.run_name: run.info.run_id for run in found}
    below = [r for r in found if r.data.tags.get("mlflow.parentRunId") == parent["search"]]
    assert [run.info.status for run in below] == ["FINISHED", "KILLED", "FAILED"]
    assert [run.data.params["learning_rate"] for run in below] == ["0.001", "0.009", "0.05"]
    assert below[2].data.tags["galena.error"] == "not a number"


def test_scores_are_curves_over_passes(runs):
    found, points = runs
    curves = [p for run, p in zip(found, points, strict=True) if p]
    assert curves[0] == [(1, 0.7), (2, 0.5)]
