"""``galena campaign report``: a campaign for people who were not there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from campaigns.cli import show


def report(
    folder: Annotated[Path, typer.Argument(help="A campaign's folder.")],
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Folder to write to; FOLDER/report if not given."
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document instead of tables.")
    ] = False,
) -> None:
    """Write the report of the campaign in FOLDER: one HTML page, figures, a CSV.

    Example: `galena campaign report runs/solar-absorber -o report/`
    """
    from campaigns.folder import CampaignFolder
    from campaigns.reports import write_report
    from campaigns.results import open_view

    paths = write_report(open_view(folder), output or CampaignFolder(folder).report)
    if as_json:
        show.print_json(
            {
                "html": str(paths.html),
                "csv": str(paths.csv),
                "pngs": {name: str(path) for name, path in paths.pngs.items()},
            }
        )
    else:
        typer.echo(str(paths.html))
