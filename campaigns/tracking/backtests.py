"""A back-test in MLflow: parent run = back-test, child run = strategy."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from campaigns.backtests.result import BacktestResult, StrategyResult
from campaigns.tracking.client import experiment_of, explained, open_client
from campaigns.tracking.facts import PARAM_LENGTH, flat
from campaigns.tracking.runs import PARENT_TAG

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

EXPERIMENT = "backtests"
STRATEGY_TAG = "galena.strategy"
MARK_TAG = "galena.backtest"


def log_backtest(uri: str, result: BacktestResult, files: Sequence[Path]) -> str:
    """Log a finished back-test, its curves and its files; returns the parent run's id.

    The same figures are logged once, however often this is called.

    Raises:
        TrackingError: MLflow refused (database locked or of a newer version, disk full).
    """
    problem = "the back-test could not be logged"
    advice = "Its results are safe in its own folder"
    with explained(uri, problem=problem, advice=advice):
        client = open_client(uri)
        experiment = experiment_of(client, uri, EXPERIMENT)
        mark = sha256(json.dumps(result.document()).encode()).hexdigest()[:16]
        found = client.search_runs([experiment], f"tags.`{MARK_TAG}` = '{mark}'")
        if found:
            return str(found[0].info.run_id)
        parent = client.create_run(
            experiment, tags={"galena.kind": "backtest"}, run_name=result.name
        ).info.run_id
        for name, value in flat(result.facts):
            client.log_param(parent, name, value[:PARAM_LENGTH])
        client.log_metric(parent, "n_pool", result.n_pool)
        client.log_metric(parent, "n_hits", result.n_hits)
        for file in files:
            client.log_artifact(parent, str(file))
        for one in result.strategies:
            last = one.acceleration.last
            client.log_metric(parent, f"acceleration_{one.strategy}", last.mean)
            _log_strategy(client, experiment, parent, one, result.random.calls)
        client.set_tag(parent, MARK_TAG, mark)  # last: now it is all there
        client.set_terminated(parent)
        return str(parent)


def _log_strategy(
    client: MlflowClient,
    experiment: str,
    parent: str,
    one: StrategyResult,
    calls: Sequence[int],
) -> None:
    from mlflow.entities import Metric

    tags = {PARENT_TAG: parent, STRATEGY_TAG: one.strategy, "galena.verdict": one.verdict}
    run = client.create_run(experiment, tags=tags, run_name=one.strategy)
    now = int(run.info.start_time)
    curves = {
        "hits": one.hits,
        "acceleration": one.acceleration,
        "enhancement": one.enhancement,
        "best": one.best,
        "hypervolume": one.hypervolume,
    }
    points = [
        Metric(f"{name}{end}", value, now, call)
        for name, curve in curves.items()
        for end, values in (("", curve.mean), ("_low", curve.low), ("_high", curve.high))
        for call, value in zip(calls, values, strict=True)
    ]
    for first in range(0, len(points), 1000):  # MLflow takes 1000 at once
        client.log_batch(run.info.run_id, metrics=points[first : first + 1000])
    client.log_metric(run.info.run_id, "seconds_per_round", one.seconds_per_round)
    client.set_terminated(run.info.run_id)
