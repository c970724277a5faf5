"""A training run in MLflow, which a resumed training goes on with."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from campaigns.tracking.client import experiment_of, explained, open_client
from campaigns.tracking.facts import PARAM_LENGTH, flat
from campaigns.tracking.runs import KIND_TAG
from campaigns.tracking.store import TrackingError
from materials.whole import write_whole

EXPERIMENT = "training"
_RECORD = "mlflow_run_id.txt"
_PROBLEM = "MLflow did not take the training's figures"
_ADVICE = "Training itself is safe in its folder; go on without --tracking-uri"
_NAME_LENGTH = 250  # the longest that MLflow takes


class TrainingRun:
    """One run of the experiment ``training``, for one training folder.

    The folder remembers the run, so that training that was stopped goes on in it. A point
    logged again at the same step is shown once more by MLflow, not twice as another curve.
    Once it is open, nothing is raised: what MLflow refuses is told to ``warn``, once, and
    training goes on without it.

    Raises:
        TrackingError: MLflow refused to open it.
    """

    def __init__(
        self, uri: str, folder: Path, *, name: str, warn: Callable[[str], None]
    ) -> None:
        self.uri = uri
        self._warn = warn
        self._lost = False
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
        write_whole(record, run.info.run_id)
        return str(run.info.run_id)

    def params(self, plain: Mapping[str, Any]) -> None:
        """Log a nested mapping as ``train.learning_rate`` and so on."""
        from mlflow.entities import Param

        told = [Param(mlflow_name(key), value[:PARAM_LENGTH]) for key, value in flat(plain)]
        for start in range(0, len(told), 100):  # as many as MLflow takes at once
            self._log(params=told[start : start + 100])

    def metrics(self, figures: Mapping[str, float], step: int) -> None:
        """Log figures of a step; fit to be a training's ``log``."""
        from mlflow.entities import Metric

        now = int(1000 * time.time())
        self._log(
            metrics=[
                Metric(mlflow_name(name), value, now, step)
                for name, value in figures.items()
            ]
        )

    def finish(self, status: str) -> None:
        """Say that training is over, and how it ended: FINISHED, FAILED or KILLED."""
        with self._forgiven():
            self._client.set_terminated(self.run_id, status)

    def _log(self, **batch: Any) -> None:
        if not self._lost:
            with self._forgiven():
                self._client.log_batch(self.run_id, **batch)

    @contextmanager
    def _forgiven(self) -> Iterator[None]:
        try:
            with explained(self.uri, problem=_PROBLEM, advice="Training goes on without"):
                yield
        except TrackingError as error:
            if not self._lost:
                self._warn(str(error))
            self._lost = True


@contextmanager
def tracked(
    uri: str | None, folder: Path, *, name: str, warn: Callable[[str], None]
) -> Iterator[TrainingRun | None]:
    """Open the run and close it, however the work inside ends; nothing without ``uri``.

    Raises:
        TrackingError: MLflow refused to open it.
    """
    if uri is None:
        yield None
        return
    run = TrainingRun(uri, folder, name=name, warn=warn)
    status = "FAILED"
    try:
        yield run
        status = "FINISHED"
    except KeyboardInterrupt:
        status = "KILLED"
        raise
    finally:
        run.finish(status)


def mlflow_name(name: str) -> str:
    """``K (GPa)`` as MLflow takes it, ``K _GPa_``: columns are named as people like."""
    taken = re.sub(r"[^\w. :/-]", "_", name)
    parts = [part.strip(".") or "_" for part in taken.split("/")]  # it refuses ../ and //
    return "/".join(parts)[:_NAME_LENGTH]
