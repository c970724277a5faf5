"""What an MLflow store holds, so that two can be compared."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from campaigns.tracking import PARENT_TAG
from campaigns.tracking.client import open_client


def picture(uri: str, experiment: str) -> list[dict[str, Any]]:
    """Everything in the store but identifiers and the time of day, in a fixed order."""
    client = open_client(uri)
    place = client.get_experiment_by_name(experiment)
    runs = client.search_runs([place.experiment_id], max_results=1000)
    names = {run.info.run_id: run.info.run_name for run in runs}
    starts = {run.info.run_id: run.info.start_time for run in runs}
    seen = []
    for run in runs:
        tags = dict(run.data.tags)
        origin = starts[tags.get(PARENT_TAG, run.info.run_id)]
        if PARENT_TAG in tags:
            tags[PARENT_TAG] = names[tags[PARENT_TAG]]
        seen.append(
            {
                "name": run.info.run_name,
                "status": run.info.status,
                "span": (
                    run.info.start_time - origin,
                    (run.info.end_time or origin) - origin,
                ),
                "params": run.data.params,
                "tags": tags,
                "metrics": {
                    key: [
                        (point.step, point.value, point.timestamp - origin)
                        for point in client.get_metric_history(run.info.run_id, key)
                    ]
                    for key in run.data.metrics
                },
                "datasets": sorted(
                    (given.dataset.name, given.dataset.digest, given.tags[0].value)
                    for given in run.inputs.dataset_inputs
                ),
                "models": [given.model_id for given in run.inputs.model_inputs],
                "files": files_of(client, run.info.run_id),
            }
        )
    return sorted(
        seen, key=lambda run: (run["name"], run["tags"].get("galena.campaign_id"))
    )


def files_of(client: Any, run_id: str) -> dict[str, bytes]:
    """Path and content of every file of a run, fetched as MLflow fetches them."""
    if not client.list_artifacts(run_id):
        return {}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(client.download_artifacts(run_id, "", folder))
        return {
            str(path.relative_to(place)): path.read_bytes()
            for path in sorted(place.rglob("*"))
            if path.is_file()
        }
