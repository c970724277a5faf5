"""``galena ui``: MLflow on this machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from campaigns.cli import show
from campaigns.tracking.store import default_store


def ui(
    *,
    folder: Annotated[Path, typer.Option(help="Folder whose campaigns are shown.")] = Path(
        "runs"
    ),
    port: Annotated[
        int, typer.Option(min=1, max=65535, help="The next free one from here is taken.")
    ] = 5000,
) -> None:
    """Open the campaigns of FOLDER in MLflow, on this machine only, until Ctrl-C.

    Each campaign is a run, each of its rounds a run inside it.

    Example: `galena ui --folder runs --port 5000`
    """
    from campaigns.tracking import ui_command, ui_environment

    command = ui_command(default_store(folder / "any"), port)
    chosen = command[command.index("--port") + 1]
    show.side_console().print(f"MLflow: http://127.0.0.1:{chosen}  (Ctrl-C ends it)")
    # MLflow takes the place of this process, so that signals reach it and no server is left.
    os.execve(command[0], command, ui_environment())  # noqa: S606
