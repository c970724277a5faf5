"""How far values are from labels, each figure with the interval that chance leaves it.

Intervals are 95 % percentile intervals of 2,000 bootstrap samples of the rows (Efron &
Tibshirani, *An Introduction to the Bootstrap*, ch. 13): what the figure would be on other
validation crystals of the same kind, the method being the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from materials.errors import InputError

FloatArray = NDArray[np.float64]
Statistic = Callable[..., Any]

LEVEL = 0.95
FEWEST = 20
"""Rows below which neither a figure nor its interval means much."""

_RESAMPLES = 2000
_BATCH = 250  # samples held at a time: 250 x 3,586 rows of numbers are 7 MB
_SEED = 0


@dataclass(frozen=True)
class Figure:
    """A number and its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Scores:
    """One method on one target, errors in the target's unit."""

    rows: int
    mae: Figure
    rmse: Figure
    r2: Figure  # share of the labels' variance that is explained; below 0: worse than the mean


def scores(values: ArrayLike, labels: ArrayLike) -> Scores:
    """Measure ``values`` against ``labels``, ``(n,)`` each, where both are finite.

    Raises :class:`InputError` for fewer than 20 such rows.
    """
    v, y = _finite_pairs(values, labels)
    error = v - y
    size = np.abs(error)
    return Scores(
        rows=len(error),
        mae=_figure((size,), _mean),
        rmse=_figure((size,), _root_mean_square),
        r2=_figure((error, y), _explained),
    )


def mean_absolute(values: ArrayLike, labels: ArrayLike) -> Figure:
    """The mean absolute error alone; rows and errors as in :func:`scores`."""
    v, y = _finite_pairs(values, labels)
    return _figure((np.abs(v - y),), _mean)


def roc_auc(score: ArrayLike, positive: ArrayLike) -> Figure:
    """Chance that a positive row scores above a negative one, ties counting half.

    This is the area under the receiver operating characteristic (Hanley & McNeil,
    Radiology 143, 29 (1982)). ``positive`` is 1, 0, or NaN for unknown. The two classes are
    resampled apart. Raises :class:`InputError` for fewer than 20 rows of either.
    """
    s, p = _finite_pairs(score, positive)
    yes, no = s[p > 0.5], s[p <= 0.5]
    if min(len(yes), len(no)) < FEWEST:
        raise InputError(
            f"{len(yes)} positive and {len(no)} negative rows: expected at least {FEWEST} "
            "of each to tell them apart; use a larger table"
        )
    return _figure((yes, no), _ranked_above, paired=False)


def _finite_pairs(first: ArrayLike, second: ArrayLike) -> tuple[FloatArray, FloatArray]:
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if a.shape != b.shape:
        raise ValueError(
            f"values have shape {a.shape}, labels {b.shape}: expected the same"
        )
    known = np.isfinite(a) & np.isfinite(b)
    if known.sum() < FEWEST:
        raise InputError(
            f"{int(known.sum())} labelled rows: expected at least {FEWEST} to measure on; "
            "use a larger table"
        )
    return a[known], b[known]


def _figure(
    samples: tuple[FloatArray, ...], statistic: Statistic, *, paired: bool = True
) -> Figure:
    """The statistic and its interval, which is a point where samples do not vary."""
    from scipy.stats import bootstrap

    value = float(statistic(*samples, axis=-1))
    if all(np.ptp(sample) == 0.0 for sample in samples):
        return Figure(value, value, value)
    found = bootstrap(
        samples,
        statistic,
        n_resamples=_RESAMPLES,
        batch=_BATCH,
        vectorized=True,
        paired=paired and len(samples) > 1,
        axis=-1,
        confidence_level=LEVEL,
        method="percentile",
        rng=np.random.default_rng(_SEED),
    ).confidence_interval
    return Figure(value, float(found.low), float(found.high))


def _mean(size: FloatArray, axis: int) -> Any:
    return np.mean(size, axis=axis)


def _root_mean_square(size: FloatArray, axis: int) -> Any:
    return np.sqrt(np.mean(size**2, axis=axis))


def _explained(error: FloatArray, label: FloatArray, axis: int) -> Any:
    return 1.0 - np.mean(error**2, axis=axis) / np.var(label, axis=axis)


def _ranked_above(yes: FloatArray, no: FloatArray, axis: int) -> Any:
    """Mann & Whitney's U over all pairs, from the ranks of both samples together."""
    from scipy.stats import rankdata

    n_yes, n_no = yes.shape[axis], no.shape[axis]
    ranks = rankdata(np.concatenate([yes, no], axis=axis), axis=axis)
    of_yes = np.take(ranks, np.arange(n_yes), axis=axis).sum(axis=axis)
    return (of_yes - n_yes * (n_yes + 1) / 2) / (n_yes * n_no)
