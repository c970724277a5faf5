"""``galena backtest``: replay a campaign where the answers are known."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from campaigns.cli import show
from campaigns.cli.model import MODEL_HELP, STORE_HELP
from materials.errors import InputError

if TYPE_CHECKING:
    from campaigns.backtests.prepare import Prepared
    from campaigns.backtests.result import BacktestResult
    from campaigns.backtests.run import Watch
    from campaigns.backtests.spec import BacktestSpec


def backtest(
    spec: Annotated[
        Path, typer.Argument(metavar="SPEC", help="Back-test specification (YAML).")
    ],
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Folder of results; runs/backtests/NAME if not given."
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="Where tables are; the specification's folder if not given."),
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(min=2, help="Replays per strategy, in place of the file's."),
    ] = None,
    strategies: Annotated[
        str | None,
        typer.Option(help="Which to replay, in place of the file's: galena,forest,tpe."),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Replays at once.")] = 1,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document instead of a table.")
    ] = False,
    model: Annotated[str | None, typer.Option(help=MODEL_HELP)] = None,
    tracking_uri: Annotated[str | None, typer.Option(help=STORE_HELP)] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Replay campaigns on a labelled table: does the model find more with less?

    Each strategy starts from the same few labels and asks for one batch of crystals after the
    other, as a campaign does; the table answers. Counted is what is found afterwards:

    - *acceleration*: calls that random search needs on average for as many hits, over all
      calls made (until the last hit of the pool was found). Random search has 1;

    - *enhancement*: hits, over those that random search finds on average with as many calls.

    A model that has seen the pool is refused, and crystals with a formula that it has seen
    are taken out. Killed at any moment, the same command goes on with the replays that are
    left.

    The folder gets `backtest.json`, `discovery_curves.png` and `acceleration.png`; the curves
    go to MLflow too; a store that cannot be reached is a warning.

    Examples:

    - `galena backtest benchmarks/backtests/solar_absorber.yaml --data tables --workers 2`

    - `galena backtest mine.yaml --strategies galena,forest --seeds 3 --json`
    """
    from campaigns.backtests.figures import write_figures
    from campaigns.backtests.run import RESULT, run_backtest
    from campaigns.tracking.backtests import log_backtest
    from campaigns.tracking.resolve import local_model
    from campaigns.tracking.store import TrackingError, model_store
    from models.loading import load_predictor

    wanted = _spec(spec, seeds, strategies, model)
    folder = output or Path("runs/backtests") / wanted.name
    store = model_store(tracking_uri, beside=folder)
    with local_model(wanted.model, store) as found:
        predictor = load_predictor(found.folder, device=device)
    with _watched() as watch:
        result = run_backtest(
            wanted,
            predictor,
            data=data or spec.parent,
            output=folder,
            cache=folder.parent / "predictions",
            workers=workers,
            watch=watch,
        )
    figures = write_figures(result, folder)
    if as_json:
        show.print_json(result.document())
    else:
        _print(result, folder)
    try:  # last: a store that cannot be reached costs no result
        log_backtest(store, result, [folder / RESULT, *figures])
    except TrackingError as error:
        show.warn(str(error))


def _spec(
    path: Path, seeds: int | None, strategies: str | None, model: str | None
) -> BacktestSpec:
    """The file, with what options put in its place."""
    from campaigns.backtests.spec import BacktestSpec
    from campaigns.specs import validated

    plain = BacktestSpec.load(path).model_dump(mode="json")
    if seeds is not None:
        plain["seeds"] = seeds
    if model is not None:
        plain["model"] = model
    if strategies is not None:
        names = strategies.replace(",", " ").split()
        if not names:
            raise InputError("--strategies names none; leave it out for the file's")
        plain["strategies"] = names
    return validated(BacktestSpec, plain, name=str(path))


@contextmanager
def _watched() -> Iterator[Watch]:
    """Bars for predictions and replays, and a few lines about the pool."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    from campaigns.backtests.run import Watch

    console = show.side_console()
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    ) as bars:
        predicting = bars.add_task("predicting", total=None)
        replaying = bars.add_task("replaying", total=None, visible=False)

        def prepared(found: Prepared, jobs: int) -> None:
            steps = ", ".join(f"{n:,} {what}" for what, n in found.counts.items())
            hits = int(found.pool.hits.sum())
            console.print(f"pool: {steps}", highlight=False)
            share = 100 * hits / len(found.pool)
            console.print(f"{hits:,} hits among them, {share:.1f} %", highlight=False)
            bars.update(predicting, visible=False)
            bars.update(replaying, total=jobs, visible=True)

        yield Watch(
            predicted=lambda n: bars.advance(predicting, n),
            prepared=prepared,
            replayed=lambda n: bars.advance(replaying, n),
        )


def _print(result: BacktestResult, folder: Path) -> None:
    calls = result.random.calls[-1]
    seeds = max(one.n_seeds for one in result.strategies)
    heads = (
        "",
        "hits",
        "acceleration\n(95 %)",
        "enhancement\n(95 %)",
        "hyper-\nvolume",
        "s/round",
    )
    grid = show.table(heads, title=f"{result.name}: {calls} calls, {seeds} seeds")
    for one in result.strategies:
        fast, much = one.acceleration.last, one.enhancement.last
        grid.add_row(
            one.strategy
            if one.n_seeds == seeds
            else f"{one.strategy}, {one.n_seeds} seeds",
            f"{one.hits.last.mean:.1f}",
            f"{fast.mean:.1f} ({fast.low:.1f}–{fast.high:.1f})",
            f"{much.mean:.1f} ({much.low:.1f}–{much.high:.1f})",
            f"{one.hypervolume.last.mean:.2f}",
            f"{one.seconds_per_round:.2f}",
        )
    grid.add_row("random", f"{result.random.hits[-1]:.1f}", "1", "1", "", "")
    show.console().print(grid)
    if result.left_out:
        numbers = ", ".join(map(str, result.left_out))
        show.warn(
            f"seed {numbers} left out: every hit was among the starting labels, so that "
            "nothing was left to find"
        )
    for one in result.strategies:
        if one.verdict == "decelerates":
            show.warn(f"{one.strategy} is slower than random search on this task")
        elif one.verdict == "unclear":
            show.warn(f"{one.strategy}: too few seeds to tell it from random search")
    show.echo(f"{folder}")
