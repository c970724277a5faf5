"""A campaign in MLflow: parent run = campaign, child run = round.

MLflow is a copy for looking at; the ledger is the truth. ``Tracker.sync`` brings the copy to
the state of a view whatever it held before, so that a copy lost, late or half made costs
nothing.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import yaml

from campaigns.reports.crystals import cif
from campaigns.reports.markdown import markdown_summary
from campaigns.tracking.store import database_path, experiment_of, explained, open_client
from campaigns.view import CampaignView, decomposition_text

if TYPE_CHECKING:
    from mlflow.entities import Metric, Run
    from mlflow.tracking import MlflowClient

KIND_TAG = "galena.kind"  # "campaign" | "round"
CAMPAIGN_TAG = "galena.campaign_id"
ROUND_TAG = "galena.round"
VERSION_TAG = "galena.version."
PARENT_TAG = "mlflow.parentRunId"
NOTE_TAG = "mlflow.note.content"
TABLES_TAG = "mlflow.loggedArtifacts"
SOURCE_TAGS = {"mlflow.user": "galena", "mlflow.source.name": "galena campaign run"}

PARAM_LENGTH = 6000
"""Longest parameter MLflow keeps; the YAML artifact has the whole specification."""

SHORTLIST_SHOWN = (
    *("rank", "formula", "known", "prototype", "band_gap", "band_gap_std"),
    *("energy_above_hull", "formation_energy_per_atom", "decomposition", "score", "round"),
)


@dataclass(frozen=True)
class Tracked:
    """Where a campaign is found in MLflow."""

    experiment_id: str
    run_id: str  # of the parent run


class Tracker:
    """Writes campaigns into one experiment of one SQLite file.

    ``uri`` is ``sqlite:///…/mlflow.db``; artifacts go to ``artifacts`` beside the file. Nothing
    is touched before the first ``sync``.
    """

    def __init__(self, uri: str, experiment: str) -> None:
        self.uri = uri
        self.experiment = experiment
        database_path(uri)  # another kind of store is told here, before any work

    def sync(
        self,
        view: CampaignView,
        *,
        campaign_id: str | None = None,
        report_folder: Path | None = None,
    ) -> Tracked:
        """Bring MLflow to the state of ``view``; the same view twice changes nothing.

        ``campaign_id`` tells campaigns of one name apart; without it the name must do.
        Closed rounds become child runs, each logged once; one that was cut off half way is
        completed. Metrics carry the round as ``step`` and a time that follows from the start
        of the parent run, so a point logged again is the same point, which MLflow keeps once.

        Raises:
            TrackingError: MLflow refused (database locked or of a newer version, disk full).
        """
        problem = "MLflow could not be brought up to date"
        advice = "The campaign is safe in its ledger; the next sync catches up"
        with explained(self.uri, problem=problem, advice=advice):
            client = open_client(self.uri)
            experiment_id = experiment_of(client, self.uri, self.experiment)
            parent = self._parent(client, experiment_id, view, campaign_id or view.name)
            _log_parent(client, parent, view)
            _log_rounds(client, parent, view)
            _log_artifacts(client, parent.info.run_id, view, report_folder)
            if view.status == "finished" and parent.info.status != "FINISHED":
                closed = view.closed_rounds()
                end = (
                    int(_times(closed, parent.info.start_time)[-1]) if len(closed) else None
                )
                client.set_terminated(parent.info.run_id, end_time=end)
            return Tracked(experiment_id, parent.info.run_id)

    def _parent(
        self, client: MlflowClient, experiment_id: str, view: CampaignView, campaign_id: str
    ) -> Run:
        for run in client.search_runs(
            [experiment_id], f"tags.`{KIND_TAG}` = 'campaign'", max_results=10_000
        ):
            if run.data.tags.get(CAMPAIGN_TAG) == campaign_id:
                return run
        tags = {KIND_TAG: "campaign", CAMPAIGN_TAG: campaign_id, **SOURCE_TAGS}
        return client.create_run(experiment_id, tags=tags, run_name=view.name)


def flat(spec: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """``targets.band_gap.min`` and its value, for every leaf of a nested mapping."""
    for key, value in spec.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{key}.")
        elif isinstance(value, list | tuple):
            yield f"{prefix}{key}", " ".join(map(str, value))
        else:
            yield f"{prefix}{key}", "" if value is None else str(value)


def round_metrics(row: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of one round that are numbers, by name."""
    return {
        str(name): float(value)
        for name, value in row.items()
        if name != "round"
        and isinstance(value, int | float | np.number)
        and np.isfinite(float(value))
    }


def _log_parent(client: MlflowClient, parent: Run, view: CampaignView) -> None:
    """Parameters, versions, description, and every closed round's metrics."""
    from mlflow.entities import Param, RunTag

    run_id = parent.info.run_id
    params = [
        Param(name, value[:PARAM_LENGTH])
        for name, value in flat(view.spec)
        if name not in parent.data.params
    ]
    tags = {f"{VERSION_TAG}{part}": version for part, version in view.versions.items()}
    tags |= {"galena.status": view.status, NOTE_TAG: markdown_summary(view)}
    changed = [RunTag(k, v) for k, v in tags.items() if parent.data.tags.get(k) != v]
    for start in range(0, len(params), 100):  # MLflow takes 100 at once
        client.log_batch(run_id, params=params[start : start + 100])
    client.log_batch(run_id, tags=changed)
    closed = view.closed_rounds()
    times = _times(closed, parent.info.start_time)
    calls = closed["n_evaluated"].astype(float).cumsum()
    logged = {
        point.step for point in client.get_metric_history(run_id, "n_evaluated_total")
    }
    for row, time, total in zip(closed.to_dict("records"), times, calls, strict=True):
        if int(row["round"]) in logged:  # a batch of metrics is kept whole or not at all
            continue
        metrics = round_metrics(row) | {"n_evaluated_total": float(total)}
        client.log_batch(run_id, metrics=_points(metrics, int(time), int(row["round"])))


def _log_rounds(client: MlflowClient, parent: Run, view: CampaignView) -> None:
    """One child per closed round; children that are finished are left alone."""
    children = {
        run.data.tags.get(ROUND_TAG): run
        for run in client.search_runs(
            [parent.info.experiment_id],
            f"tags.`{PARENT_TAG}` = '{parent.info.run_id}'",
            max_results=10_000,
        )
    }
    closed = view.closed_rounds()
    start = parent.info.start_time
    for row, end in zip(closed.to_dict("records"), _times(closed, start), strict=True):
        step = int(row["round"])
        child = children.get(str(step))
        if child is None:
            child = client.create_run(
                parent.info.experiment_id,
                start_time=start,
                tags={
                    **SOURCE_TAGS,
                    PARENT_TAG: parent.info.run_id,
                    KIND_TAG: "round",
                    ROUND_TAG: str(step),
                },
                run_name=f"round {step}",
            )
        if child.info.status != "FINISHED":
            run_id = child.info.run_id
            client.log_batch(run_id, metrics=_points(round_metrics(row), int(end), step))
            _log_tables(
                client,
                run_id,
                {
                    "candidates": view.candidates[view.candidates["round"] == step],
                    "verdicts": view.verdicts[view.verdicts["round"] == step],
                },
            )
            client.set_terminated(run_id, end_time=int(end))
        start = int(end)


def _log_artifacts(
    client: MlflowClient, run_id: str, view: CampaignView, report_folder: Path | None
) -> None:
    """Everything of the parent run that is a file."""
    spec = yaml.safe_dump(dict(view.spec), sort_keys=False, allow_unicode=True)
    client.log_text(run_id, spec, "campaign.yaml")
    names = ["candidates", "verdicts", "rejections", "rounds", "shortlist"]
    if not view.confirmations.empty:
        names.append("confirmations")
    tables = {name: getattr(view, name) for name in names}
    _log_tables(client, run_id, tables)
    shortlist = _plain(view.shortlist)
    client.log_text(run_id, shortlist.to_csv(index=False), "shortlist.csv")
    shown = shortlist[list(SHORTLIST_SHOWN)].infer_objects().round(4)
    client.log_text(run_id, shown.to_json(orient="split", index=False), "shortlist.json")
    client.set_tag(
        run_id, TABLES_TAG, json.dumps([{"path": "shortlist.json", "type": "table"}])
    )
    for row in view.shortlist.itertuples():
        name = (
            f"structures/{row.formula}_{row.candidate_id}.cif"  # ranks change, ids do not
        )
        client.log_text(run_id, cif(view.structure(row.candidate_id)), name)
    if report_folder is not None:
        client.log_artifacts(run_id, str(report_folder), "report")


def _log_tables(
    client: MlflowClient, run_id: str, tables: Mapping[str, pd.DataFrame]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, table in tables.items():
            _plain(table).to_parquet(Path(folder) / f"{name}.parquet", index=False)
        client.log_artifacts(run_id, folder, "tables")


def _plain(table: pd.DataFrame) -> pd.DataFrame:
    """The table with decompositions as text, which every reader of Parquet understands."""
    if "decomposition" not in table.columns:
        return table
    return table.assign(decomposition=table["decomposition"].map(decomposition_text))


def _points(metrics: Mapping[str, float], time: int, step: int) -> list[Metric]:
    from mlflow.entities import Metric

    return [Metric(name, value, time, step) for name, value in metrics.items()]


def _times(closed: pd.DataFrame, start: int) -> list[int]:
    """When each closed round ended, had all been computed in one go: ms since 1970."""
    elapsed = closed["seconds"].astype(float).fillna(0.0).cumsum()
    return [start + round(1000 * seconds) for seconds in elapsed]
