"""A search for hyper-parameters in MLflow: parent run = search, child run = trial."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from campaigns.tracking.client import experiment_of, explained, open_client
from models.training.search import TrialReport

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

EXPERIMENT = "searches"
SEARCH_TAG = "galena.search"
TRIAL_TAG = "galena.trial"
PARENT_TAG = "mlflow.parentRunId"
_STATUS = {"complete": "FINISHED", "pruned": "KILLED", "fail": "FAILED"}


class SearchTracker:
    """Copies trials that are over into MLflow, each once.

    ``folder`` is the search's; its resolved path tells searches apart.
    """

    def __init__(self, uri: str, folder: Path) -> None:
        self.uri = uri
        self.search = str(folder.resolve())
        self.name = folder.name

    def log(self, report: TrialReport) -> None:
        """Add a trial as a child run; one already there is left as it is.

        Raises:
            TrackingError: MLflow refused (database locked or of a newer version, disk full).
        """
        problem = f"trial {report.number} could not be logged"
        advice = "The search is safe in its own database"
        with explained(self.uri, problem=problem, advice=advice):
            client = open_client(self.uri)
            experiment = experiment_of(client, self.uri, EXPERIMENT)
            parent = self._parent(client, experiment)
            siblings = f"tags.`{PARENT_TAG}` = '{parent}'"
            this = f"{siblings} and tags.`{TRIAL_TAG}` = '{report.number}'"
            if not client.search_runs([experiment], this, max_results=1):
                _log_trial(client, experiment, parent, report)

    def _parent(self, client: MlflowClient, experiment: str) -> str:
        """The run of the search, made if need be."""
        for run in client.search_runs([experiment], f"tags.`{TRIAL_TAG}` = 'all'"):
            if run.data.tags.get(SEARCH_TAG) == self.search:
                return str(run.info.run_id)
        tags = {SEARCH_TAG: self.search, TRIAL_TAG: "all"}
        made = client.create_run(experiment, tags=tags, run_name=self.name)
        client.set_terminated(made.info.run_id)  # its trials say how far it is
        return str(made.info.run_id)


def _log_trial(
    client: MlflowClient, experiment: str, parent: str, report: TrialReport
) -> None:
    tags = {PARENT_TAG: parent, TRIAL_TAG: str(report.number)}
    run = client.create_run(experiment, tags=tags, run_name=f"trial {report.number}")
    for name, value in report.parameters.items():
        client.log_param(run.info.run_id, name, value)
    for passes, score in report.scores.items():
        client.log_metric(run.info.run_id, "score", score, step=passes)
    if report.error is not None:
        client.set_tag(run.info.run_id, "galena.error", report.error)
    client.set_terminated(run.info.run_id, status=_STATUS[report.state])
