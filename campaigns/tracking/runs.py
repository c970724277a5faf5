"""A campaign in MLflow: parent run = campaign, child run = round.

MLflow is a copy for looking at; the ledger is the truth. ``Tracker.sync`` brings the copy to
the state of a view whatever it held before, so that a copy lost, late or half made costs
nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from campaigns.reports.markdown import markdown_summary
from campaigns.tracking.client import experiment_of, explained, open_client
from campaigns.tracking.datasets import tables_of
from campaigns.tracking.facts import (
    campaign_metrics,
    params_of,
    person,
    round_metrics,
    tags_of,
)
from campaigns.tracking.files import log_campaign_files, log_round_files
from campaigns.tracking.store import TrackingError, check_store, shown
from campaigns.tracking.times import ends_of, start_of
from campaigns.view import CampaignView
from campaigns.words import Words

if TYPE_CHECKING:
    from mlflow.entities import LoggedModelInput, Metric, Run
    from mlflow.tracking import MlflowClient

KIND_TAG = "galena.kind"  # "campaign" | "round"
CAMPAIGN_TAG = "galena.campaign_id"
ROUND_TAG = "galena.round"
CLOSED_TAG = "galena.closed"
"""When a round was closed, by which a copy of a campaign that went its own way is told."""
STATUS_TAG = "galena.status"
PARENT_TAG = "mlflow.parentRunId"
NOTE_TAG = "mlflow.note.content"
_NOTE_LENGTH = 8000  # the longest that MLflow keeps
_PLAIN_ID = re.compile(r"[\w.-]+")
_REGISTERED = re.compile(r"models:/(?P<name>[^/]+)/(?P<version>\d+)")
_NO_SOURCES: Mapping[str, str] = MappingProxyType({})
_NO_TIMES: Mapping[int, str] = MappingProxyType({})


@dataclass(frozen=True)
class Tracked:
    """Where a campaign is found in MLflow."""

    experiment_id: str
    run_id: str  # of the parent run


class Tracker:
    """Writes campaigns into one experiment of one store: a file, a server or a database.

    Nothing is touched before the first ``sync``. Credentials are MLflow's own:
    ``MLFLOW_TRACKING_USERNAME`` and ``MLFLOW_TRACKING_PASSWORD``, or ``MLFLOW_TRACKING_TOKEN``.

    Raises:
        TrackingError: ``uri`` names no such store.
    """

    def __init__(self, uri: str, experiment: str) -> None:
        self.uri = check_store(uri)
        self.experiment = experiment

    def sync(
        self,
        view: CampaignView,
        *,
        campaign_id: str | None = None,
        report_folder: Path | None = None,
        sources: Mapping[str, str] = _NO_SOURCES,
        closed: Mapping[int, str] = _NO_TIMES,
        say: Words | None = None,
    ) -> Tracked:
        """Bring MLflow to the state of ``view``; the same view twice changes nothing.

        ``campaign_id`` tells campaigns of one name apart; without it the name must do.
        ``sources`` are what decided, with hashes, and ``closed`` when rounds were closed, as
        the ledger has them; ``say`` is the description's language, the environment's if none
        is given. Closed rounds become child runs, each logged once; one that was cut off half
        way is completed. Metrics carry the round as ``step`` and the time of its end, so a
        point logged again is the same point, which MLflow keeps once. The status is told last.

        Raises:
            AwayError: the store does not answer.
            TrackingError: MLflow refused (database locked or of a newer version, disk full),
                or has these rounds from a copy of the campaign that went on by itself.
        """
        problem = "MLflow could not be brought up to date"
        advice = "The campaign is safe in its ledger"
        with explained(self.uri, problem=problem, advice=advice):
            client = open_client(self.uri)
            experiment_id = experiment_of(client, self.uri, self.experiment)
            parent = _parent(client, experiment_id, view, campaign_id or view.name)
            children = _children(client, parent)
            self._refuse_copies(parent, children, closed)
            ends = ends_of(view, closed, parent.info.start_time)
            _log_parent(client, parent, view, ends, say)
            _log_inputs(client, parent, view, sources)
            _log_rounds(client, parent, view, children, ends=ends, closed=closed)
            run_id = parent.info.run_id
            log_campaign_files(client, run_id, parent.data.tags, view, report_folder)
            _set_tags(client, parent, {STATUS_TAG: view.status})
            if view.status == "finished" and parent.info.status != "FINISHED":
                client.set_terminated(run_id, end_time=ends[-1] if ends else None)
            return Tracked(experiment_id, run_id)

    def _refuse_copies(
        self, parent: Run, children: Mapping[str, Run], closed: Mapping[int, str]
    ) -> None:
        """A folder that was copied keeps its identifier; two must not write one run."""
        for number, when in closed.items():
            child = children.get(str(number))
            there = when if child is None else child.data.tags.get(CLOSED_TAG, when)
            if there != when:
                raise TrackingError(
                    f"{shown(self.uri)}: run {parent.info.run_id} has round {number} as closed "
                    f"at {there}, this folder at {when}: one is a copy of the other that went "
                    "on by itself. Give this one a store of its own with --tracking-uri, or "
                    "delete that run in MLflow and sync again"
                )


def _parent(
    client: MlflowClient, experiment_id: str, view: CampaignView, campaign_id: str
) -> Run:
    """The campaign's run, the first if two processes made one at once; made if need be."""
    wanted = f"tags.`{KIND_TAG}` = 'campaign'"
    if _PLAIN_ID.fullmatch(campaign_id):  # others would need quoting, which MLflow lacks
        wanted += f" and tags.`{CAMPAIGN_TAG}` = '{campaign_id}'"
    found = [
        run
        for run in client.search_runs([experiment_id], wanted, max_results=10_000)
        if run.data.tags.get(CAMPAIGN_TAG) == campaign_id
    ]
    if found:
        return min(found, key=lambda run: (run.info.start_time, run.info.run_id))
    tags = {KIND_TAG: "campaign", CAMPAIGN_TAG: campaign_id, **_source_tags()}
    return client.create_run(
        experiment_id, start_time=start_of(view), tags=tags, run_name=view.name
    )


def _log_parent(
    client: MlflowClient,
    parent: Run,
    view: CampaignView,
    ends: Iterable[int],
    say: Words | None,
) -> None:
    """Parameters, tags, description, and every closed round's metrics."""
    from mlflow.entities import Param

    run_id = parent.info.run_id
    params = [
        Param(name, value)
        for name, value in params_of(view.spec).items()
        if name not in parent.data.params
    ]
    if params:
        client.log_batch(run_id, params=params)
    note = markdown_summary(view, say)
    if len(note) > _NOTE_LENGTH:
        note = f"{note[: _NOTE_LENGTH - 1]}…"
    _set_tags(client, parent, tags_of(view) | {NOTE_TAG: note})
    closed = view.closed_rounds()
    calls = closed["n_evaluated"].astype(float).cumsum()
    logged = {
        point.step for point in client.get_metric_history(run_id, "n_evaluated_total")
    }
    for row, time, total in zip(closed.to_dict("records"), ends, calls, strict=True):
        if int(row["round"]) in logged:  # a batch of metrics is kept whole or not at all
            continue
        metrics = campaign_metrics(row) | {"n_evaluated_total": float(total)}
        client.log_batch(run_id, metrics=_points(metrics, time, int(row["round"])))


def _set_tags(client: MlflowClient, run: Run, tags: Mapping[str, str]) -> None:
    from mlflow.entities import RunTag

    changed = [RunTag(k, v) for k, v in tags.items() if run.data.tags.get(k) != v]
    if changed:
        client.log_batch(run.info.run_id, tags=changed)


def _log_inputs(
    client: MlflowClient, parent: Run, view: CampaignView, sources: Mapping[str, str]
) -> None:
    """The tables that the campaign rests on and its predictor, where it is registered."""
    inputs = parent.inputs
    there = {
        (given.dataset.name, given.dataset.digest)
        for given in (inputs.dataset_inputs if inputs else ())
    }
    models = {given.model_id for given in (inputs.model_inputs if inputs else ())}
    new = [
        table.input()
        for table in tables_of(view, sources)
        if (table.name, table.digest) not in there
    ]
    linked = [m for m in _registered_model(client, view) if m.model_id not in models]
    if new or linked:
        client.log_inputs(parent.info.run_id, new, linked)


def _registered_model(
    client: MlflowClient, view: CampaignView
) -> Iterable[LoggedModelInput]:
    """The predictor, if it is a version in this store's registry."""
    from mlflow.entities import LoggedModelInput
    from mlflow.exceptions import MlflowException

    named = _REGISTERED.fullmatch(view.versions.get("model", ""))
    if named is None:
        return ()
    try:
        version = client.get_model_version(named["name"], named["version"])
        run = client.get_run(
            version.run_id or ""
        )  # the version names no logged model itself
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return ()  # it was taken from another store
    made = run.outputs.model_outputs if run.outputs else ()
    return [LoggedModelInput(model.model_id) for model in made]


def _children(client: MlflowClient, parent: Run) -> dict[str, Run]:
    """The rounds' runs that are there, by the round's number."""
    return {
        run.data.tags.get(ROUND_TAG, ""): run
        for run in client.search_runs(
            [parent.info.experiment_id],
            f"tags.`{PARENT_TAG}` = '{parent.info.run_id}'",
            max_results=10_000,
        )
    }


def _log_rounds(
    client: MlflowClient,
    parent: Run,
    view: CampaignView,
    children: Mapping[str, Run],
    *,
    ends: Iterable[int],
    closed: Mapping[int, str],
) -> None:
    """One child per closed round; children that are finished are left alone."""
    from mlflow.entities import Param

    start = parent.info.start_time
    for row, end in zip(view.closed_rounds().to_dict("records"), ends, strict=True):
        step = int(row["round"])
        child = children.get(str(step))
        if child is None:
            tags = {PARENT_TAG: parent.info.run_id, KIND_TAG: "round", ROUND_TAG: str(step)}
            if step in closed:
                tags[CLOSED_TAG] = closed[step]
            child = client.create_run(
                parent.info.experiment_id,
                start_time=start,
                tags={**_source_tags(), **tags},
                run_name=f"round {step}",
            )
        if child.info.status != "FINISHED":
            run_id = child.info.run_id
            client.log_batch(
                run_id,
                metrics=_points(round_metrics(row), end, step),
                params=[Param("round", str(step))],  # what rounds are compared by
            )
            log_round_files(client, run_id, view, step)
            client.set_terminated(run_id, end_time=end)
        start = end


def _source_tags() -> dict[str, str]:
    return {"mlflow.user": person(), "mlflow.source.name": "galena campaign run"}


def _points(metrics: Mapping[str, float], time: int, step: int) -> list[Metric]:
    from mlflow.entities import Metric

    return [Metric(name, value, time, step) for name, value in metrics.items()]
