"""``galena campaign sync``: bring MLflow up to date with campaigns, whoever ran them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from campaigns.cli import show
from campaigns.cli.speech import Language
from campaigns.tracking.store import is_server, model_store, shown
from campaigns.words import Words, words
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
    lang: Language = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document instead of tables.")
    ] = False,
) -> None:
    """Bring MLflow to where the campaigns in FOLDERS stand, also of campaigns made elsewhere.

    Nothing is written twice: what is there stays, what is missing or half done is completed.
    A campaign that is running does this by itself after every round. Report and description
    stay in the campaign's language; `--lang` changes it.

    Examples:

    - `galena campaign sync runs/solar-absorber`

    - `galena campaign sync runs/one runs/two --tracking-uri http://mlflow.example.org:5000`
    """
    done: list[dict[str, Any]] = []
    for folder in folders:
        done.append(_synced(folder, model_store(tracking_uri, beside=folder), lang))
        if not as_json:
            _tell(done[-1], words(lang))
    if as_json:
        show.print_json({"campaigns": done})
    failed = sum(one["error"] is not None for one in done)
    if failed:
        raise typer.Exit(
            show.ExitCode.ERROR if failed == len(done) else show.ExitCode.PARTIAL
        )


def _synced(folder: Path, store: str, lang: str | None) -> dict[str, Any]:
    """One campaign; an error is told, and the next one is looked at."""
    from campaigns import publishing
    from campaigns.folder import CampaignFolder
    from campaigns.results import open_view
    from campaigns.tracking import check_store, run_page

    place = CampaignFolder(folder)
    told: dict[str, Any] = {"folder": str(folder), "store": shown(store), "error": None}
    try:
        place.check_begun()
        with place.hold():
            check_store(store)
            if lang is not None:
                publishing.keep_language(place, words(lang))
            say = publishing.own_words(place)
            view = open_view(folder)
            _refresh_report(place, view, say)
            tracked = publishing.wait_for(
                lambda: publishing.sync(place, view, store, say=say), seconds=PATIENCE
            )
    except GalenaError as error:
        return told | {"error": str(error)}
    page = run_page(store, tracked) if is_server(store) else None
    return told | {
        "page": page,
        "name": view.name,
        "status": view.status,
        "rounds": len(view.closed_rounds()),
        "experiment_id": tracked.experiment_id,
        "run_id": tracked.run_id,
    }


def _refresh_report(place: CampaignFolder, view: CampaignView, say: Words) -> None:
    """Write the report, if the campaign or its language went on since it was written."""
    from campaigns.publishing import report_language
    from campaigns.reports import write_report

    page = place.report / "report.html"
    if (
        report_language(place) != say.language
        or page.stat().st_mtime < place.ledger.stat().st_mtime
    ):
        write_report(view, place.report, say)


def _tell(one: dict[str, Any], say: Words) -> None:
    if one["error"]:
        show.side_console().print(
            f"Error: {one['error']}", style="red", soft_wrap=True, highlight=False
        )
        return
    message = say.several(
        "{name}: one round in MLflow, {store}, run {run}",
        "{name}: {n} rounds in MLflow, {store}, run {run}",
        one["rounds"],
        name=one["name"],
        store=one["store"],
        run=one["run_id"],
    )
    show.console().print(message, soft_wrap=True, highlight=False)
    if one["page"]:
        show.console().print(f"MLflow: {one['page']}", soft_wrap=True, highlight=False)
