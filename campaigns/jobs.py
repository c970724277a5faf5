"""What commands do, as functions: ``screen``, ``train``, ``backtest``.

Each takes what its command takes, goes the command's way and gives back the objects that the
command prints from. A file goes on where an interrupted call left it.

>>> from campaigns.jobs import screen
>>> found = screen({"table": "crystals.parquet", "best": 20}, Path("best.parquet"))
>>> found.counts.written  # rows in best.parquet
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from campaigns.specs import validated
from materials.errors import InputError

if TYPE_CHECKING:
    from campaigns.backtests.result import BacktestResult
    from campaigns.backtests.spec import BacktestSpec
    from campaigns.screening.run import ScreenResult
    from campaigns.screening.spec import ScreenSpec
    from models.small.learn import Learned

Inputs = Literal["structure", "composition"]


def screen(
    spec: ScreenSpec | Mapping[str, Any] | Path | str,
    output: Path | str,
    *,
    model: str | None = None,
    workers: int = 1,
    fresh: bool = False,
    tracking_uri: str | None = None,
) -> ScreenResult:
    """Predict every crystal of a table, or candidates made on the way; keep what is wanted.

    ``spec`` is a specification, its keys as a mapping, or a YAML file (docs/screening.md).
    ``output`` is a name ending in ``.parquet``, or a folder for shards. ``fresh`` replaces
    what is there.

    Raises:
        InputError: the specification cannot be used, or the output cannot be written.
    """
    from campaigns.screening import run
    from campaigns.screening.outputs import check_folder, check_output
    from campaigns.screening.recipe import screening_predictor
    from campaigns.screening.shard import Screener
    from campaigns.screening.sources import open_source
    from campaigns.screening.spec import ScreenSpec
    from campaigns.tracking.resolve import local_model
    from campaigns.tracking.store import model_store

    wanted = spec if isinstance(spec, ScreenSpec) else _screening(spec)
    place = Path(output)
    if place.suffix.lower() == ".parquet":
        replaces = fresh or run.was_begun(place)
        check_output(place, suffixes=(".parquet",), force=replaces)
    else:
        check_folder(place)
    crystals = open_source(wanted)
    crystals.check_output(place)
    with local_model(model, model_store(tracking_uri)) as found:
        predictor = screening_predictor(found.folder, device="auto", precision="float32")
    screener = Screener(wanted, predictor)
    engine = run.local_engine(screener, workers=workers)
    return run.screen(crystals, place, wanted, engine, model=screener.version, fresh=fresh)


def train(
    table: Path | str,
    targets: str | Sequence[str],
    folder: Path | str,
    *,
    name: str = "galena-own",
    folds: int = 5,
    passes: int | None = None,
    seed: int = 0,
    model: str | None = None,
    inputs: Inputs = "structure",
) -> Learned:
    """Learn columns of a table of up to about a thousand rows by whatever does best on it.

    A fine-tuned network, a small head on the frozen one, and boosted trees are compared by
    cross-validation (docs/train-your-own.md); the best is kept in ``folder/model``. ``model``
    is what the networks start from; the default one if not given. With ``composition`` as
    ``inputs``, crystals of the table are left aside and trees learn from formulas alone: such
    a model has seen this table and nothing else. For more rows, use ``galena train``.

    Raises:
        InputError: a column is missing or holds no numbers, there are too few rows, or the
            folder holds other work.
    """
    from campaigns.screening.outputs import check_folder
    from campaigns.tracking.store import model_store
    from campaigns.training import Method, Order, compare, read_own, starting_model

    place = Path(folder)
    check_folder(place)
    order = Order(
        table=Path(table),
        folder=place,
        name=name,
        targets=(targets,) if isinstance(targets, str) else tuple(targets),
        method=Method.COMPARE,
        folds=folds,
        passes=passes,
        seed=seed,
        device="cpu",
    )
    if not order.targets:
        raise InputError("no column to learn; name one or more as targets")
    rows = read_own(order).examples
    if rows is None:
        raise InputError(f"{table}: holds no labelled rows to compare methods on")
    if inputs == "composition":
        rows = dataclasses.replace(rows, crystals=None)
    if rows.crystals is None:
        return compare(order, rows, None, report=_quiet, warn=warnings.warn)
    with starting_model(model, model_store(None, beside=place)) as base:
        return compare(order, rows, base, report=_quiet, warn=warnings.warn)


def backtest(
    spec: BacktestSpec | Mapping[str, Any] | Path | str,
    output: Path | str,
    *,
    data: Path | str | None = None,
    workers: int = 1,
    tracking_uri: str | None = None,
) -> BacktestResult:
    """Replay campaigns on a table whose answers are known: does the model find more with less?

    ``spec`` is a specification, its keys as a mapping, or a YAML file (docs/backtests.md).
    Tables are looked for in ``data``: beside the file, or in the working folder, if not given.
    The folder ``output`` gets ``backtest.json`` and both figures.

    Raises:
        InputError: the specification cannot be used, or the model has seen the table.
    """
    from campaigns.backtests.figures import write_figures
    from campaigns.backtests.run import run_backtest
    from campaigns.backtests.spec import BacktestSpec
    from campaigns.tracking.resolve import local_model
    from campaigns.tracking.store import model_store
    from models.loading import load_predictor

    wanted = spec if isinstance(spec, BacktestSpec) else _backtest(spec)
    beside = Path(spec).parent if isinstance(spec, Path | str) else Path()
    place = Path(output)
    with local_model(wanted.model, model_store(tracking_uri, beside=place)) as found:
        predictor = load_predictor(found.folder)
    result = run_backtest(
        wanted,
        predictor,
        data=beside if data is None else Path(data),
        output=place,
        cache=place.parent / "predictions",
        workers=workers,
    )
    write_figures(result, place)
    return result


def _screening(spec: Mapping[str, Any] | Path | str) -> ScreenSpec:
    from campaigns.screening.spec import ScreenSpec

    if isinstance(spec, Path | str):
        return ScreenSpec.load(Path(spec))
    return validated(ScreenSpec, dict(spec), name="screen")


def _backtest(spec: Mapping[str, Any] | Path | str) -> BacktestSpec:
    from campaigns.backtests.spec import BacktestSpec

    if isinstance(spec, Path | str):
        return BacktestSpec.load(Path(spec))
    return validated(BacktestSpec, dict(spec), name="backtest")


def _quiet(_what: str, _share: float) -> None:
    """Hears of progress and says nothing."""
