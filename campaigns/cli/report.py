"""``galena campaign report``: a campaign for people who were not there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from campaigns.cli import show
from campaigns.cli.speech import Language


def report(
    folder: Annotated[Path, typer.Argument(help="A campaign's folder.")],
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Folder to write to; FOLDER/report if not given, FOLDER/report/CODE with "
            "--lang.",
        ),
    ] = None,
    lang: Language = None,
    formats: Annotated[
        str,
        typer.Option("--format", help="What to write, by commas: html, pdf."),
    ] = "html,pdf",
    grid: Annotated[
        str | None,
        typer.Option(
            help="Where the electricity came from, for the estimate of CO₂: a country's code "
            "(ES), grams per kWh (174) or world; $GALENA_GRID if not given."
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document instead of text.")
    ] = False,
) -> None:
    """Write the report of the campaign in FOLDER: a page, a PDF, pictures, tables, crystals.

    Examples:

    - `galena campaign report runs/solar-absorber`

    - `galena campaign report runs/solar-absorber --lang es --grid ES`

    - `galena campaign report runs/solar-absorber --format pdf -o for-the-board/`
    """
    from campaigns.folder import CampaignFolder
    from campaigns.grids import grid_of
    from campaigns.reports import forms_of, write_report
    from campaigns.results import open_view
    from campaigns.words import words

    forms, place, say = forms_of(formats), grid_of(grid), words(lang)
    view = open_view(folder)
    if output is None:
        output = CampaignFolder(folder).report
        output = output if lang is None else output / say.language
    paths = write_report(view, output, say, forms=forms, grid=place)
    if as_json:
        show.print_json(
            {
                "language": say.language,
                "html": None if paths.html is None else str(paths.html),
                "pdf": None if paths.pdf is None else str(paths.pdf),
                "crystals": None if paths.viewer is None else str(paths.viewer),
                "csv": str(paths.csv),
                "pngs": {name: str(path) for name, path in paths.pngs.items()},
                "structures": [str(path) for path in paths.structures],
            }
        )
        return
    for path in (paths.html, paths.pdf):
        if path is not None:
            show.echo(str(path))
