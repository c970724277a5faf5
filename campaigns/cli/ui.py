"""``galena ui``: campaigns in a browser, by MLflow."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from campaigns.cli import show
from campaigns.tracking.store import default_store, is_server, model_store


def ui(
    *,
    folder: Annotated[Path, typer.Option(help="Folder whose campaigns are shown.")] = Path(
        "runs"
    ),
    tracking_uri: Annotated[
        str | None,
        typer.Option(help="MLflow store or server to show in place of FOLDER's."),
    ] = None,
    host: Annotated[
        str,
        typer.Option(help="Address to listen at; others than this machine's own open it."),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=1, max=65535, help="The next free one from here is taken.")
    ] = 5000,
    open_page: Annotated[
        bool, typer.Option("--open", help="Open the page in the browser.")
    ] = False,
) -> None:
    """Show the campaigns of FOLDER in MLflow, to this machine only, until Ctrl-C.

    Each campaign is a run, each of its rounds a run inside it. Of a tracking server, which
    shows itself, the page's address is told.

    Examples:

    - `galena ui --folder runs --port 5000 --open`

    - `galena ui --tracking-uri http://mlflow.example.org:5000 --open`
    """
    from campaigns.publishing import EXPERIMENT
    from campaigns.tracking import (
        first_page,
        is_loopback,
        open_when_ready,
        ui_command,
        ui_environment,
    )

    store = default_store(folder / "any")
    if tracking_uri is not None:
        store = model_store(tracking_uri)
    if is_server(store):
        page = first_page(store, store, EXPERIMENT)
        show.console().print(f"MLflow: {page}", soft_wrap=True, highlight=False)
        if open_page:
            typer.launch(page)
        return
    command = ui_command(store, port, host=host)
    chosen = command[command.index("--port") + 1]
    at = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104  # nosec B104
    page = first_page(
        store, f"http://{f'[{at}]' if ':' in at else at}:{chosen}", EXPERIMENT
    )
    if not is_loopback(host):
        show.warn(
            f"Warning: whoever reaches {host} can read and change these campaigns: MLflow asks "
            "for no password here. docs/teams.md says how to set up a server for a team."
        )
    show.side_console().print(
        f"MLflow: {page}  (Ctrl-C ends it)", soft_wrap=True, highlight=False
    )
    if open_page:
        open_when_ready(page)
    # MLflow takes the place of this process, so that signals reach it and no server is left.
    os.execve(command[0], command, ui_environment(store))  # noqa: S606  # nosec B606
