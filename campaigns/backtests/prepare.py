"""From a specification to a pool: rows, labels, constraints, leakage, predictions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from campaigns.backtests.leakage import (
    check_disjoint,
    check_excluded,
    check_ids,
    seen_by,
    unseen_formulas,
)
from campaigns.backtests.pool import BoolArray, Pool, View
from campaigns.backtests.predictions import Predicted, predicted
from campaigns.backtests.replay import starting_rows
from campaigns.backtests.result import check_seeds
from campaigns.backtests.spec import BacktestSpec, Constraints, Window
from campaigns.backtests.tables import ChosenRows
from campaigns.protocols import FloatArray
from materials.errors import InputError
from models.training.targets import TARGETS, derived

if TYPE_CHECKING:
    import pandas as pd

    from models.loading import AnyPredictor

_DRAW = 2018  # seed of the rows that are drawn where pool_size is given


@dataclass(frozen=True)
class Prepared:
    """A pool, and what was left out on the way to it."""

    pool: Pool
    counts: Mapping[str, int]
    """Rows after each step, by what the step was, in order."""
    sha256: Mapping[str, str]
    """Hash of every table read, by the file's name."""


def prepare(
    spec: BacktestSpec,
    predictor: AnyPredictor,
    *,
    data: Path,
    cache: Path,
    tell: Callable[[int], None] = lambda _: None,
) -> Prepared:
    """Read the pool, check it for leaks, cut it, and ask the network about it.

    Raises:
        InputError: a table or column is not there, or a target is no number; the model has
            seen the pool, or what it has seen is not named in ``exclude``; too few rows or no
            hit are left, or all hits are starting labels.
    """
    rows = ChosenRows.open(spec.pool, data)
    rows.check_numbers(list(spec.targets))
    for column, window in spec.targets.items():
        bounds_of(column, window)
    excluded = [ChosenRows.open(one, data) for one in spec.exclude]
    seen = seen_by(predictor)
    check_disjoint(rows, seen)
    check_excluded(excluded, seen)
    frame = rows.frame(["material_id", "formula", *spec.targets])
    check_ids(rows, frame["material_id"].tolist(), excluded)
    answers = predicted(rows, predictor, cache, tell)
    if answers.ids.tolist() != frame["material_id"].tolist():
        raise InputError(f"{rows.path}: changed while it was read; start again")
    kept, counts = _cut(spec, frame, answers, excluded)
    pool = _pool(spec, frame, answers, np.flatnonzero(kept))
    _check(spec, pool, counts)
    tables = {one.path.name: one.sha256 for one in (rows, *excluded)}
    return Prepared(pool, counts, tables)


def _cut(
    spec: BacktestSpec,
    frame: pd.DataFrame,
    answers: Predicted,
    excluded: Sequence[ChosenRows],
) -> tuple[BoolArray, dict[str, int]]:
    """Which rows are kept, and how many were left after each step."""
    formulas = frame["formula"].tolist()
    kept = np.ones(len(frame), dtype=bool)
    counts = {"rows": len(frame)}
    labelled = np.isfinite(frame[list(spec.targets)].to_numpy(dtype=np.float64)).all(axis=1)
    steps = (
        ("labelled", labelled),
        ("formula not seen by the model", unseen_formulas(answers.counts, excluded)),
        ("predicted", np.isfinite(answers.mean).all(axis=1)),
        ("within the constraints", within(spec.constraints, formulas, answers.counts)),
    )
    for name, good in steps:
        kept &= good
        counts[name] = int(kept.sum())
    if spec.pool_size is not None and spec.pool_size < kept.sum():
        there = np.flatnonzero(kept)
        drawn = np.random.default_rng(_DRAW).permutation(len(there))[: spec.pool_size]
        kept[:] = False
        kept[there[drawn]] = True
        counts["drawn"] = int(kept.sum())
    return kept, counts


def within(
    constraints: Constraints, formulas: Sequence[str], counts: np.ndarray
) -> BoolArray:
    """Which compositions ``(n,)`` keep the constraints; ``counts`` ``(n, 119)`` atoms."""
    from ase.data import atomic_numbers

    good = np.ones(len(formulas), dtype=bool)
    if constraints.allowed:
        others = np.ones(counts.shape[1], dtype=bool)
        others[[atomic_numbers[symbol] for symbol in constraints.allowed]] = False
        good &= ~(counts[:, others] > 0).any(axis=1)
    for symbol in constraints.forbidden:
        good &= counts[:, atomic_numbers[symbol]] == 0
    if (burden := constraints.burden) is not None:
        from materials.sustainability.index import Burdens
        from materials.sustainability.table import columns_of

        index = Burdens.of(columns_of(formulas)).index(burden.weights())
        value = np.where(np.isfinite(index.central), index.central, index.high)
        good &= value <= burden.max
    return good


def _pool(
    spec: BacktestSpec, frame: pd.DataFrame, answers: Predicted, rows: np.ndarray
) -> Pool:
    learned = [learned_name(column) for column in spec.targets]
    raw = frame[list(spec.targets)].to_numpy(dtype=np.float64)[rows]  # (n, m)
    bounds = np.array([bounds_of(c, w) for c, w in spec.targets.items()])  # (m, 2)
    labels = np.stack(
        [derived(name, raw[:, place]) for place, name in enumerate(learned)], axis=1
    )
    hits = np.ones(len(rows), dtype=bool)
    for place, window in enumerate(spec.targets.values()):
        if window.min is not None:
            hits &= raw[:, place] >= window.min
        if window.max is not None:
            hits &= raw[:, place] <= window.max
    mean, std = (_columns(answers, part, learned)[rows] for part in ("mean", "std"))
    view = View(
        frame["formula"].to_numpy(dtype=str)[rows],
        answers.counts[rows],
        np.array(learned),
        bounds[:, 0],
        bounds[:, 1],
        mean,
        std,
        answers.embedding[rows],
    )
    return Pool(view, answers.ids[rows], labels, hits)


def learned_name(column: str) -> str:
    """The name under which models learn a column: effective masses by their logarithm."""
    logarithm = f"log10_{column}"
    return logarithm if logarithm in TARGETS else column


def bounds_of(column: str, window: Window) -> tuple[float, float]:
    """A window in the scale that models learn; an end that is open is infinite.

    Raises :class:`InputError` for an end that has no logarithm where that is learned.
    """
    low = -np.inf if window.min is None else window.min
    high = np.inf if window.max is None else window.max
    if learned_name(column) == column:
        return low, high
    for end in (window.min, window.max):
        if end is not None and end <= 0:
            raise InputError(f"targets.{column}: {end:g} is not positive, as masses are")
    return (-np.inf if window.min is None else float(np.log10(low))), float(np.log10(high))


def _columns(answers: Predicted, part: str, names: Sequence[str]) -> FloatArray:
    """The network's columns by name ``(n, m)``; NaN for what it does not predict."""
    values: FloatArray = getattr(answers, part)
    found = np.full((len(values), len(names)), np.nan)
    for place, name in enumerate(names):
        if name in answers.targets:
            found[:, place] = values[:, answers.targets.index(name)]
    return found


def _check(spec: BacktestSpec, pool: Pool, counts: Mapping[str, int]) -> None:
    needed = spec.n_initial + spec.calls
    if len(pool) <= needed:
        steps = ", ".join(f"{n:,} {what}" for what, n in counts.items())
        raise InputError(
            f"{spec.name}: {len(pool)} rows are left of the pool ({steps}), which "
            f"{spec.n_initial} starting labels and {spec.calls} calls use up; allow more rows "
            "or spend less"
        )
    if not pool.hits.any():
        raise InputError(
            f"{spec.name}: no row of the pool meets all targets; widen the windows"
        )
    starts = (starting_rows(len(pool), spec.n_initial, n) for n in range(spec.seeds))
    counted = sum(bool(pool.hits.sum() > pool.hits[start].sum()) for start in starts)
    check_seeds(spec.name, counted, spec.seeds - counted)
