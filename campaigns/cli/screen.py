"""``galena screen``: numbers for as many crystals as there are, and the best of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from campaigns.cli import show
from campaigns.cli.model import MODEL_HELP, STORE_HELP
from campaigns.cli.show import ExitCode
from campaigns.screening.spec import Order, ScreenSpec
from campaigns.specs import validated
from campaigns.tracking.store import model_store
from materials.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from campaigns.screening.run import ScreenResult

_YAML = (".yaml", ".yml")
_FILES = (".csv", ".tsv", ".json", ".jsonl", ".txt", ".xlsx", ".feather", ".arrow", ".pq")


def screen(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="Crystal table: a Parquet file, a folder of them or a glob in quotes; or a "
            "screening specification, a YAML file.",
        ),
    ],
    *,
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", help="A name ending in .parquet, or a folder for shards."
        ),
    ],
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--columns", "-c", help="Column of the table to keep; repeat for more."
        ),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            "--where",
            "-w",
            help="Write only rows whose prediction is so: 'band_gap >= 1.0'; repeat for more.",
        ),
    ] = None,
    allow: Annotated[
        str | None, typer.Option(help="Only crystals of these elements: Cu,Zn,Sn,S.")
    ] = None,
    forbid: Annotated[
        str | None, typer.Option(help="No crystals with these elements: Pb,Cd,As.")
    ] = None,
    max_sites: Annotated[
        int | None, typer.Option(min=1, help="No crystals of more atoms per cell.")
    ] = None,
    neutral: Annotated[
        bool, typer.Option("--neutral", help="Only compositions whose charges balance.")
    ] = False,
    new: Annotated[
        bool, typer.Option("--new", help="Only formulas that are not known already.")
    ] = False,
    in_domain: Annotated[
        bool, typer.Option("--in-domain", help="Only crystals like those of training.")
    ] = False,
    best: Annotated[
        int | None, typer.Option(min=1, help="Write only so many rows, the best first.")
    ] = None,
    by: Annotated[
        str | None, typer.Option(help="What is best: a predicted column.")
    ] = None,
    order: Annotated[Order | None, typer.Option(help="Which end of it is best.")] = None,
    top: Annotated[int, typer.Option(min=0, help="Print this many of the best rows.")] = 0,
    rows_per_shard: Annotated[
        int | None,
        typer.Option(min=1, help="Rows done, and after a kill done again, together."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace what is there, and start over.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document instead of text.")
    ] = False,
    model: Annotated[str | None, typer.Option(help=MODEL_HELP)] = None,
    tracking_uri: Annotated[str | None, typer.Option(help=STORE_HELP)] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    precision: Annotated[
        str, typer.Option(help="float32, bfloat16 (on GPUs) or float64 (to check).")
    ] = "float32",
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Shards at once; by default one per processor, two on a GPU of this machine.",
        ),
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Screen on a Ray cluster: auto, HOST:6379, ray://HOST:10001 or local.",
        ),
    ] = None,
) -> None:
    """Predict every crystal of SOURCE and write what is wanted of it.

    The output keeps `material_id` and `formula`, adds for each property `<property>`,
    `<property>_std` and the ends of its 90 % interval, `<property>_lower` and `_upper`;
    `in_domain`, false for a crystal unlike those of training; and `error`, which says why a
    row has no numbers. What made it is in its schema metadata under `galena`.

    Killed at any moment, the same command goes on with the shards that are left. A
    specification may also say how to make candidates, which then need no table.

    Examples:

    - `galena screen crystals.parquet -o screened.parquet`

    - `galena screen 'db/*.parquet' -o absorbers.parquet --forbid Pb,Cd -w 'band_gap >= 1.0'
      -w 'band_gap <= 1.8' --best 100`

    - `galena screen candidates.yaml -o screened/ --model fast --ray auto`

    Exit codes: 0 all predicted; 3 some rows have an error; 1 it could not be done.
    """
    from campaigns.screening import run
    from campaigns.screening.best import best_rows
    from campaigns.screening.local import default_workers
    from campaigns.screening.outputs import check_folder, check_output
    from campaigns.screening.recipe import Recipe
    from campaigns.screening.sources import open_source
    from campaigns.tracking.resolve import local_model

    spec = _spec(
        source,
        {
            "columns": columns,
            "constraints": where,
            "best": best,
            "by": by,
            "order": order,
            "in_domain": in_domain or None,
            "rows_per_shard": rows_per_shard,
        },
        {
            "allowed": _symbols("--allow", allow),
            "forbidden": _symbols("--forbid", forbid),
            "max_sites": max_sites,
            "charge_neutral": neutral or None,
            "new": new or None,
        },
    )
    if output.suffix.lower() == ".parquet":
        begun = run.was_begun(output)  # by whoever might replace the file
        check_output(output, suffixes=(".parquet",), force=force or begun)
    elif output.suffix.lower() in _FILES:
        raise InputError(
            f"{output}: screening writes Parquet; give a name ending in .parquet, or a folder"
        )
    else:
        check_folder(output)
    crystals = open_source(spec)
    crystals.check_output(output)
    total = sum(len(shard) for shard in crystals.shards)
    with local_model(model, model_store(tracking_uri)) as found:
        recipe = Recipe.of(
            spec, found.folder, device=device, precision=_precision(precision)
        )
        screener = recipe.screener()
    if top:
        screener.check_column(spec.by)
    with show.counting("screening", total) as tell:
        if ray is None:
            several = workers or default_workers(device)
            engine = run.local_engine(screener, workers=several, tell=tell)
        else:
            engine = run.ray_engine(recipe, address=ray, workers=workers, tell=tell)
        result = run.screen(
            crystals,
            output,
            spec,
            engine,
            model=screener.version,
            precision=precision,
            fresh=force,
            tell=tell,
        )
    rows = best_rows(result.files, by=spec.by, k=top, order=spec.order) if top else None
    if as_json:
        show.print_json(_document(result, screener.version, rows))
    else:
        _print(result, rows, screener.targets)
    if result.counts.failed:
        raise typer.Exit(ExitCode.PARTIAL)


def _spec(source: str, options: dict[str, Any], filters: dict[str, Any]) -> ScreenSpec:
    """What a file or table and the options that were given ask for together."""
    if not source.strip():
        raise InputError("SOURCE is empty; give a table, a folder, a glob or a YAML file")
    if source.lower().endswith(_YAML):
        plain = ScreenSpec.load(Path(source)).model_dump(mode="json", exclude_unset=True)
        plain.setdefault("filters", {})
    else:
        plain, source = {"table": source, "filters": {}}, "the options given"
    plain |= {name: value for name, value in options.items() if value is not None}
    plain["filters"] |= {name: v for name, v in filters.items() if v is not None}
    return validated(ScreenSpec, plain, name=source)


def _symbols(option: str, text: str | None) -> list[str] | None:
    if text is None:
        return None
    found = text.replace(",", " ").split()
    if not found:
        raise InputError(f"{option} names no element; leave it out for all")
    return found


def _precision(name: str) -> Any:
    from models.inference import PRECISIONS

    if name not in PRECISIONS:
        raise InputError(f"precision '{name}': expected {', '.join(PRECISIONS)}")
    return name


def _document(
    result: ScreenResult, version: str, best: pd.DataFrame | None
) -> dict[str, Any]:
    return {
        "output": str(result.path),
        "model": version,
        "rows": result.counts.given,
        "failed": result.counts.failed,
        "written": result.counts.written,
        "filtered": result.counts.filtered,
        "missed": result.counts.missed,
        "seconds": round(result.seconds, 3),
        "stages": {stage: round(s, 3) for stage, s in result.stages.items()},
        "resumed_shards": result.n_resumed,
        "top": [] if best is None else best.to_dict("records"),
    }


def _print(result: ScreenResult, best: pd.DataFrame | None, targets: Sequence[str]) -> None:
    counts = result.counts
    if result.n_resumed:
        show.echo(f"went on after {result.n_resumed} shards that were there")
    for what, lost in (("filter", counts.filtered), ("constraint", counts.missed)):
        for name, n in lost.items():
            show.echo(f"{n:>9,} turned down by {what} {name}")
    done = result.n_screened
    show.echo(
        f"{counts.given} rows, {counts.failed} with an error, {counts.written} written, "
        f"{done / max(result.seconds, 1e-9):,.0f} crystals/s: {result.path}"
    )
    if best is not None:
        shown = show.on_screen(targets)
        grid = show.table(["material_id", "formula", *map(show.heading, shown)])
        for _, row in best.iterrows():
            values = [show.number(row, target) for target in shown]
            grid.add_row(str(row["material_id"]), str(row["formula"]), *values)
        show.console().print(grid)
