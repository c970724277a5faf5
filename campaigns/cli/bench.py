"""``galena bench``: measure what the predictor is worth."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from campaigns.cli import show

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode="markdown", help="Measure the predictor."
)


@app.callback()
def bench() -> None:
    """Measure the predictor."""


@app.command()
def accuracy(
    train: Annotated[
        Path, typer.Argument(help="Labelled crystal table the baseline learns from.")
    ],
    validation: Annotated[
        Path, typer.Argument(help="Labelled crystal table both are measured on.")
    ],
    *,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Also write the numbers as JSON.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Use the first rows of both tables only.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Processes of the forest.")] = 2,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document instead of a table.")
    ] = False,
    model: Annotated[
        Path | None, typer.Option(help="Folder of a model; the shipped one if not given.")
    ] = None,
) -> None:
    """Set the predictor beside baselines that know compositions only.

    The baselines (Magpie features; a random forest and gradient boosting) are trained in the
    same run on the rows of TRAIN; all are measured on VALIDATION.

    Example: `galena bench accuracy mp_train.parquet mp_val.parquet -o accuracy.json`
    """
    from models.evaluation.accuracy import as_table, run, write_json

    side = show.side_console()
    report = run(train, validation, model=model, limit=limit, jobs=jobs, say=side.print)
    if output is not None:
        write_json(report, output)
    if as_json:
        show.print_json(asdict(report))
    else:
        show.console().print(as_table(report))
