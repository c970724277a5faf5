"""A training run in MLflow, which a resumed training goes on with."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from campaigns.tracking.runs import KIND_TAG, PARAM_LENGTH, flat
from campaigns.tracking.store import experiment_of, explained, open_client

EXPERIMENT = "training"
_RECORD = "mlflow_run_id.txt"
_PROBLEM = "MLflow did not take the training's figures"
_ADVICE = "Training itself is safe in its folder; go on without --tracking-uri"


class TrainingRun:
    """One run of the experiment ``training``, for one training folder.

    The folder remembers the run, so that training that was stopped goes on in it. A point
    logged again at the same step is shown once more by MLflow, not twice as another curve.

    Raises:
        TrackingError: MLflow refused; from every method.
    """

    def __init__(self, uri: str, folder: Path, *, name: str) -> None:
        self.uri = uri
        with explained(uri, problem=_PROBLEM, advice=_ADVICE):
            self._client = open_client(uri)
            self.run_id = self._open(folder / _RECORD, name)

    def _open(self, record: Path, name: str) -> str:
        if record.is_file():
            begun = record.read_text(encoding="utf-8").strip()
            self._client.update_run(begun, status="RUNNING")
            return begun
        experiment = experiment_of(self._client, self.uri, EXPERIMENT)
        tags = {KIND_TAG: "training", "mlflow.source.name": "galena train"}
        run = self._client.create_run(experiment, tags=tags, run_name=name)
        record.parent.mkdir(parents=True, exist_ok=True)
        record.write_text(run.info.run_id, encoding="utf-8")
        return str(run.info.run_id)

    def params(self, plain: Mapping[str, Any]) -> None:
        """Log a nested mapping as ``train.learning_rate`` and so on."""
        from mlflow.entities import Param

        with explained(self.uri, problem=_PROBLEM, advice=_ADVICE):
            told = [Param(key, value[:PARAM_LENGTH]) for key, value in flat(plain)]
            for start in range(0, len(told), 100):  # as many as MLflow takes at once
                self._client.log_batch(self.run_id, params=told[start : start + 100])

    def metrics(self, figures: Mapping[str, float], step: int) -> None:
        """Log figures of a step; fit to be a training's ``log``."""
        from mlflow.entities import Metric

        now = int(1000 * time.time())
        with explained(self.uri, problem=_PROBLEM, advice=_ADVICE):
            told = [Metric(name, value, now, step) for name, value in figures.items()]
            self._client.log_batch(self.run_id, metrics=told)

    def finish(self) -> None:
        """Say that training is over."""
        with explained(self.uri, problem=_PROBLEM, advice=_ADVICE):
            self._client.set_terminated(self.run_id)
