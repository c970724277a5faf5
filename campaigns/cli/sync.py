"""``galena campaign sync``: bring MLflow up to date with campaigns, whoever ran them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from campaigns.cli import show
from campaigns.tracking.store import model_store, shown
from campaigns.words import words
from materials.errors import GalenaError

if TYPE_CHECKING:
    from campaigns.folder import CampaignFolder
    from campaigns.view import CampaignView

PATIENCE = 10.0
"""s to wait for a store that does not answer."""


def sync(
    folders: Annotated[list[Path], typer.Argument(help="Campaigns' folders.")],
    *,
    tracking_uri: Annotated[
        str | None,
        typer.Option(
            help="MLflow store or server; $MLFLOW_TRACKING_URI, else mlflow.db beside each "
            "folder, if not given."
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document instead of tables.")
    ] = False,
) -> None:
    """Bring MLflow to where the campaigns in FOLDERS stand, also of campaigns made elsewhere.

    Nothing is written twice: what is there stays, what is missing or half done is completed.
    A campaign that is running does this by itself after every round.

    Examples:

    - `galena campaign sync runs/solar-absorber`

    - `galena campaign sync runs/one runs/two --tracking-uri http://mlflow.example.org:5000`
    """
    done: list[dict[str, Any]] = []
    for folder in folders:
        done.append(_synced(folder, model_store(tracking_uri, beside=folder)))
        if not as_json:
            _tell(done[-1])
    if as_json:
        show.print_json({"campaigns": done})
    failed = sum(one["error"] is not None for one in done)
    if failed:
        raise typer.Exit(
            show.ExitCode.ERROR if failed == len(done) else show.ExitCode.PARTIAL
        )


def _synced(folder: Path, store: str) -> dict[str, Any]:
    """One campaign; an error is told, and the next one is looked at."""
    from campaigns import publishing
    from campaigns.folder import CampaignFolder
    from campaigns.results import open_view

    place = CampaignFolder(folder)
    told: dict[str, Any] = {"folder": str(folder), "store": shown(store), "error": None}
    try:
        place.check_begun()
        with place.hold():
            view = open_view(folder)
            _refresh_report(place, view)
            tracked = publishing.wait_for(
                lambda: publishing.sync(place, view, store), seconds=PATIENCE
            )
    except GalenaError as error:
        return told | {"error": str(error)}
    return told | {
        "name": view.name,
        "status": view.status,
        "rounds": len(view.closed_rounds()),
        "experiment_id": tracked.experiment_id,
        "run_id": tracked.run_id,
    }


def _refresh_report(place: CampaignFolder, view: CampaignView) -> None:
    """Write the report, if the campaign went on since it was written."""
    from campaigns.reports import write_report

    page = place.report / "report.html"
    if not page.exists() or page.stat().st_mtime < place.ledger.stat().st_mtime:
        write_report(view, place.report)


def _tell(one: dict[str, Any]) -> None:
    if one["error"]:
        show.side_console().print(
            f"Error: {one['error']}", style="red", soft_wrap=True, highlight=False
        )
        return
    say = words()
    message = say.several(
        "{name}: one round in MLflow, {store}, run {run}",
        "{name}: {n} rounds in MLflow, {store}, run {run}",
        one["rounds"],
        name=one["name"],
        store=one["store"],
        run=one["run_id"],
    )
    show.console().print(message, soft_wrap=True, highlight=False)
