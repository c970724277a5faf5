"""``galena train``: a predictor from your own table."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from campaigns.cli import show
from campaigns.lock import held
from campaigns.screening.outputs import check_folder
from campaigns.tracking.store import model_store
from campaigns.training import COMPARED_UP_TO, Method, Order
from materials.errors import InputError
from materials.whole import remove_parts_below

if TYPE_CHECKING:
    from campaigns.validation import Validation
    from models.small.compare import Report
    from models.small.examples import Examples
    from models.small.folder import SmallTarget
    from models.small.learn import Learned
    from models.small.network import Base

_FIRST_SKIPPED = 5  # rows that cannot be used are named, so many at most


def train(
    table: Annotated[Path, typer.Argument(help="What to learn: Parquet, CSV or JSON.")],
    *,
    target: Annotated[
        list[str] | None,
        typer.Option(help="Column to learn: numbers, or 0 and 1. May be repeated."),
    ] = None,
    validation: Annotated[
        Path | None,
        typer.Option(help="Table to calibrate and measure on; else rows of TABLE."),
    ] = None,
    from_model: Annotated[
        str | None,
        typer.Option(
            "--from", help="Model to start from: a folder, a name or an MLflow URI."
        ),
    ] = None,
    folder: Annotated[
        Path, typer.Option(help="Where training lives; gone on with if it exists.")
    ] = Path("runs/training"),
    name: Annotated[str, typer.Option(help="Name of the model.")] = "galena-own",
    method: Annotated[
        Method,
        typer.Option(
            help="With --target: compare methods, or fine-tune the network alone; auto "
            f"compares up to {COMPARED_UP_TO:,} labelled rows."
        ),
    ] = Method.AUTO,
    folds: Annotated[int, typer.Option(min=2, max=20, help="Of the comparison.")] = 5,
    passes: Annotated[
        int | None, typer.Option(min=1, help="Passes of the network over the rows.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of weights, order and folds.")] = 0,
    device: Annotated[
        str, typer.Option(help="auto, cpu or cuda; comparisons use the CPU.")
    ] = "auto",
    tracking_uri: Annotated[
        str | None, typer.Option(help="MLflow store for the figures; none if not given.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document instead of text.")
    ] = False,
) -> None:
    """Learn columns of your own TABLE, or train a predictor from the beginning.

    TABLE is a crystal table (Parquet), or any table with a column `structure` (CIF,
    pymatgen JSON, or paths of crystal files), or, with formulas alone, `composition`.

    With `--target`, up to about a thousand rows: fine-tuning the network that comes with
    Galena, a small head on its frozen states, and boosted trees on matminer's features are
    compared by cross-validation, and the best is kept. More rows: the network is fine-tuned.

    Without `--target`: every property that Galena predicts, from random weights or `--from`.

    Stopped at any time, the same command goes on. The model ends up in FOLDER/model, for
    `galena predict --model` and `galena screen --model`.

    Examples:

    - `galena train mine.csv --target bulk_modulus --folder runs/bulk`

    - `galena train train.parquet --validation val.parquet --passes 60`
    """
    if tracking_uri == "":
        raise InputError(
            "--tracking-uri is empty: expected a URI such as sqlite:///runs/mlflow.db; leave "
            "it out to log nowhere"
        )
    check_folder(folder)
    order = Order(
        table=table,
        folder=folder,
        name=name,
        targets=tuple(dict.fromkeys(target or [])),
        validation=validation,
        method=method,
        folds=folds,
        passes=passes,
        seed=seed,
        device=device,
        tracking_uri=tracking_uri,
    )
    with held(folder, "training", "--folder"):
        remove_parts_below(folder)
        if order.targets:
            _own_columns(order, from_model, as_json=as_json)
            return
        from campaigns.training import read_held

        held_rows = read_held(order)
        base = None if from_model is None else _base(from_model)
        _network(order, table, held_rows, base, as_json=as_json)


def _own_columns(order: Order, from_model: str | None, *, as_json: bool) -> None:
    from campaigns.training import compare, read_own
    from models.small.learn import check
    from models.small.reading import Compositions

    own = read_own(order)
    alone = isinstance(own.table, Compositions)
    if alone:
        _refuse_of_networks(order, from_model)
    base = None if alone else _base(from_model)
    if own.examples is None and not isinstance(own.table, Compositions):
        _network(order, own.table.path, own.validation, base, as_json=as_json)
        return
    rows = own.examples
    if rows is None:
        return
    _check_device(order.device)
    _tell_rows(rows, order)
    _tell_learned_before(order, base)
    _tell_shared(order, own.validation)
    with _reporting(order.folds * (2 if alone else 4)) as report:
        found = compare(order, rows, base, report=report, warn=show.warn)
    checked = check(found.folder, own.held) if own.held is not None else {}
    if as_json:
        show.print_json(_document(found, checked))
        return
    for name, told in found.manifest.targets.items():
        _print_comparison(name, told, found)
        for metric, value in checked.get(name, {}).items():
            show.echo(f"On {order.validation}: {metric} {value:.4g}")
    show.echo(f"{found.version}: {found.folder}")


def _network(
    order: Order,
    table: Path,
    held: Validation | None,
    base: Base | None,
    *,
    as_json: bool,
) -> None:
    from campaigns.training import train_network
    from models.small.reading import Compositions

    _tell_learned_before(order, base)
    _tell_shared(order, held)
    held_table = None
    if held is not None and not isinstance(held.table, Compositions):
        held_table = held.table.path
    bundle = train_network(
        order,
        table,
        base,
        held_table=held_table,
        warn=show.warn,
        progress=not as_json,
    )
    metrics = {target: asdict(m) for target, m in bundle.manifest.metrics.items()}
    model = order.folder / "model"
    if as_json:
        show.print_json({"model": bundle.version, "folder": str(model), "metrics": metrics})
        return
    for target, values in metrics.items():
        show.echo(f"{target}: MAE {values['mae']:.4f} {show.unit_of(target)}")
    show.echo(f"{bundle.version}: {model}")


def _refuse_of_networks(order: Order, from_model: str | None) -> None:
    """Formulas alone are learned by trees: what is meant for networks would do nothing."""
    given = {"--from": from_model, "--passes": order.passes}
    if idle := [option for option, value in given.items() if value is not None]:
        raise InputError(
            f"{order.table}: formulas alone, which no network learns; leave out "
            f"{' and '.join(idle)}, or give a column 'structure'"
        )


def _check_device(device: str) -> None:
    """A comparison uses the CPU; say so where another device was asked for."""
    from models.inference import choose_device

    choose_device(device)  # says what is wrong with a device that there is not
    if device not in ("auto", "cpu"):
        show.warn(f"comparisons use the CPU; --device {device} is not used")


def _base(model: str | None) -> Base:
    """The networks to start from."""
    from campaigns.training import starting_model

    with starting_model(model, model_store(None)) as base:
        return base


def _tell_rows(rows: Examples, order: Order) -> None:
    """What is learned from, and what was left out and why."""
    import numpy as np

    side = show.side_console()
    what = "compositions" if rows.crystals is None else "crystals"
    side.print(
        f"{order.table.name}: {len(rows)} {what}, {len(np.unique(rows.groups))} formulas; "
        f"{order.folds} folds, all rows of one reduced formula in the same",
        highlight=False,
    )
    if rows.crystals is None:
        side.print(
            "Formulas alone: nothing but boosted trees on matminer's features applies; "
            "networks need a column 'structure'",
            highlight=False,
        )
    for row in rows.skipped[:_FIRST_SKIPPED]:
        side.print(f"left out {row.name}: {row.reason}", style="yellow")
    if len(rows.skipped) > _FIRST_SKIPPED:
        side.print(f"… {len(rows.skipped)} left out in all", style="yellow")


def _tell_shared(order: Order, held: Validation | None) -> None:
    """Warn of rows to measure on whose compound is learned."""
    if held is not None and held.shared:
        show.warn(
            f"{held.table.file}: {held.shared} of {held.rows} rows have a formula that "
            f"{order.table.name} has, too; on compounds that are new, expect larger errors"
        )


def _tell_learned_before(order: Order, base: Base | None) -> None:
    """Warn that labels may be no news to the networks to start from."""
    known = () if base is None else base.config.net.targets
    if again := [name for name in order.targets or known if name in known]:
        show.warn(
            f"the model to start from was trained on {', '.join(again)}, perhaps on compounds "
            "of this table: errors measured here may be smaller than on new ones"
        )


def _print_comparison(name: str, told: SmallTarget, found: Learned) -> None:
    """All contenders of one target, the one kept marked."""
    from models.small.compare import METRICS
    from models.small.contenders import MEANING

    metrics = METRICS[told.kind]
    grid = show.table(["method", *metrics, "CPU s"], title=_title(name, told, found))
    for contender, figures in told.scores.items():
        kept = contender == told.method
        grid.add_row(
            f"{MEANING[contender]}{'  ← kept' if kept else ''}",
            *(f"{figures[m].mean:.4g} ± {figures[m].spread:.2g}" for m in metrics),
            f"{found.seconds[contender]:.0f}",
            style="bold" if kept else "",
        )
    show.console().print(grid)
    show.echo(
        f"Mean ± deviation over {found.manifest.folds} folds. Kept: {MEANING[told.method]}, "
        f"the lowest {metrics[0]}.\n"
    )


def _title(name: str, told: SmallTarget, found: Learned) -> str:
    kinds = {"number": "number", "non-negative": "number ≥ 0", "binary": "0 or 1"}
    return f"{name} ({kinds[told.kind]}), {found.manifest.training.rows} rows"


def _document(found: Learned, checked: dict[str, dict[str, float]]) -> dict[str, Any]:
    return {
        "model": found.version,
        "folder": str(found.folder),
        "rows": found.manifest.training.rows,
        "folds": found.manifest.folds,
        "targets": {
            name: {
                "kind": told.kind,
                "kept": told.method,
                "scores": {
                    contender: {
                        metric: {
                            "mean": score.mean,
                            "spread": score.spread,
                            "by_fold": score.by_fold,
                        }
                        for metric, score in figures.items()
                    }
                    for contender, figures in told.scores.items()
                },
                **({"validation": checked[name]} if name in checked else {}),
            }
            for name, told in found.manifest.targets.items()
        },
        "seconds": found.seconds,
    }


@contextmanager
def _reporting(folds: int) -> Iterator[Report]:
    """A bar on standard error that counts folds of all contenders."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
    )

    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=show.side_console(),
        transient=True,
    ) as bar:
        task = bar.add_task("preparing", total=folds)

        def report(what: str, share: float) -> None:
            bar.update(task, description=what, advance=share)

        yield report
