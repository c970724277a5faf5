"""``galena screen``: numbers for a table of any size."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from campaigns.cli import show
from campaigns.cli.model import MODEL_HELP, STORE_HELP
from campaigns.cli.show import ExitCode
from campaigns.tracking.store import model_store

if TYPE_CHECKING:
    import pandas as pd

    from campaigns.screening.local import ScreenResult


def screen(
    table: Annotated[
        Path, typer.Argument(help="Crystal table: a Parquet file or a folder of them.")
    ],
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="Parquet file to write.")],
    columns: Annotated[
        list[str] | None,
        typer.Option("--columns", "-c", help="Column of TABLE to keep; repeat for more."),
    ] = None,
    top: Annotated[int, typer.Option(min=0, help="Print this many rows at the end.")] = 0,
    by: Annotated[
        str, typer.Option(help="With --top: the column that should be lowest.")
    ] = "energy_above_hull",
    force: Annotated[
        bool, typer.Option("--force", help="Replace the output file if it exists.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document instead of text.")
    ] = False,
    model: Annotated[str | None, typer.Option(help=MODEL_HELP)] = None,
    tracking_uri: Annotated[str | None, typer.Option(help=STORE_HELP)] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Predict every crystal of TABLE, in batches, into a Parquet file.

    The output keeps `material_id` and `formula`, adds for each property `<property>`,
    `<property>_std` and the ends of its 90 % interval, `<property>_lower` and `_upper`;
    `in_domain`, false for a crystal unlike those of training; and `error`, which says why a
    row has no numbers. It appears only when complete. What made it is in its schema
    metadata under `galena`.

    Examples:

    - `galena screen crystals.parquet -o screened.parquet`

    - `galena screen crystals.parquet -o out.parquet -c release --top 10`

    Exit codes: 0 all predicted; 3 some rows have an error; 1 nothing was written.
    """
    from campaigns.screening.local import best_rows
    from campaigns.screening.local import screen as screen_table
    from campaigns.screening.outputs import check_output
    from campaigns.tracking.resolve import local_model
    from materials.table import CrystalTable
    from models.loading import load_predictor
    from models.measured.predictor import with_measured_gap

    check_output(output, suffixes=(".parquet",), force=force)
    crystals = CrystalTable.open(table)
    with local_model(model, model_store(tracking_uri)) as found:
        predictor = with_measured_gap(load_predictor(found.folder, device=device))
    start = time.monotonic()
    with show.counting("screening", len(crystals)) as tell:
        result = screen_table(crystals, output, predictor, keep=columns or (), tell=tell)
    seconds = time.monotonic() - start
    best = best_rows(output, by=by, k=top) if top else None
    if as_json:
        show.print_json(_document(result, predictor.version, seconds, best))
    else:
        rate = result.n_rows / max(seconds, 1e-9)
        typer.echo(
            f"{result.n_rows} rows, {result.n_failed} with an error, "
            f"{rate:,.0f} crystals/s: {result.path}"
        )
        if best is not None:
            _print_best(best, predictor.targets)
    if result.n_failed:
        raise typer.Exit(ExitCode.PARTIAL)


def _document(
    result: ScreenResult, version: str, seconds: float, best: pd.DataFrame | None
) -> dict[str, Any]:
    return {
        "output": str(result.path),
        "model": version,
        "rows": result.n_rows,
        "failed": result.n_failed,
        "seconds": round(seconds, 3),
        "top": [] if best is None else best.to_dict("records"),
    }


def _print_best(best: pd.DataFrame, targets: Sequence[str]) -> None:
    shown = show.on_screen(targets)
    grid = show.table(["material_id", "formula", *map(show.heading, shown)])
    for _, row in best.iterrows():
        values = [show.number(row, target) for target in shown]
        grid.add_row(str(row["material_id"]), str(row["formula"]), *values)
    show.console().print(grid)
