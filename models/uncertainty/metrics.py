"""How good a stated doubt is, as plain functions of errors and what was said of them.

All take rows of one target, ``(n,)`` each, without blanks, and errors in the target's unit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from materials.errors import InputError
from models.uncertainty.calibration import ONE_STD

FloatArray = NDArray[np.float64]

LEVELS = (0.5, 0.8, 0.9, 0.95)
"""Shares of crystals that intervals are made for, and checked at."""

DROPPED = 0.2
"""Share of the least certain that :func:`saved_by_dropping` leaves out."""

_LAPLACE_PER_STD = 1.0 / -np.log(1.0 - ONE_STD)
"""Scale of the Laplace distribution with 68.3 % of its mass within one deviation."""


@dataclass(frozen=True)
class DoubtMetrics:
    """How far the doubt about one target may be trusted, on rows that did not calibrate."""

    rows: int
    covered: dict[str, float]  # level -> share of labels inside the interval
    width: dict[str, float]  # level -> mean width of the interval, in the target's unit
    likelihood: float  # mean negative log-likelihood, nats
    rank_correlation: float  # Spearman's, of deviation and absolute error
    saved: float  # share of the MAE that goes when the least certain fifth is left out
    sparsification_error: float  # area between sparsification and its best, see below


@dataclass(frozen=True)
class Sparsification:
    """Mean absolute error of the rows kept, as ever more are left out."""

    kept: FloatArray  # (n_steps,) share of the rows, falling from 1
    by_doubt: FloatArray  # (n_steps,) MAE, the least certain left out first
    by_error: FloatArray  # (n_steps,) MAE, the worst left out first: the best there can be

    @property
    def area(self) -> float:
        """Area between both curves over the MAE of all rows (Ilg et al., ECCV 2018, AUSE).

        Zero for a doubt that orders the rows as their errors do.
        """
        gap = (self.by_doubt - self.by_error) / max(float(self.by_error[0]), 1e-300)
        return float(np.trapezoid(gap, 1.0 - self.kept))


def share_covered(label: ArrayLike, lower: ArrayLike, upper: ArrayLike) -> float:
    """Share of labels in ``[lower, upper]``, ends included."""
    y = np.asarray(label)
    return float(((y >= np.asarray(lower)) & (y <= np.asarray(upper))).mean())


def negative_log_likelihood(error: ArrayLike, std: ArrayLike) -> float:
    """Mean over rows, in nats, of a Laplace distribution around the prediction.

    Its scale is such that 68.3 % lie within one deviation. Laplace and not normal, since
    errors of networks have heavy tails: one label in a thousand, ten deviations away, would
    decide a normal likelihood alone.
    """
    scale = np.asarray(std, dtype=np.float64) * _LAPLACE_PER_STD
    return float((np.abs(np.asarray(error)) / scale + np.log(2.0 * scale)).mean())


def rank_correlation(error: ArrayLike, std: ArrayLike) -> float:
    """Spearman's correlation of deviation and absolute error; 0 if either is constant."""
    from scipy.stats import spearmanr

    e, s = np.abs(np.asarray(error)), np.asarray(std)
    if len(e) < 2 or np.ptp(e) == 0.0 or np.ptp(s) == 0.0:
        return 0.0
    return float(spearmanr(s, e).statistic)


def sparsification(error: ArrayLike, std: ArrayLike, *, steps: int = 50) -> Sparsification:
    """Errors of what is left when the least certain are left out, in ``steps`` steps.

    The last step keeps one part in ``steps``. Raises :class:`InputError` without rows.
    """
    e, s = np.abs(np.asarray(error, dtype=np.float64)), np.asarray(std, dtype=np.float64)
    if not len(e):
        raise InputError("no rows to leave out: expected at least one labelled crystal")
    kept = 1.0 - np.arange(steps) / steps
    counts = np.maximum(1, np.round(kept * len(e)).astype(int))
    return Sparsification(
        kept,
        _running_mean(e[np.argsort(s, kind="stable")])[counts - 1],
        _running_mean(np.sort(e))[counts - 1],
    )


def saved_by_dropping(error: ArrayLike, std: ArrayLike, share: float = DROPPED) -> float:
    """By which share the MAE falls when this ``share`` of the least certain is left out."""
    e = np.abs(np.asarray(error, dtype=np.float64))
    kept = np.argsort(np.asarray(std), kind="stable")[: round(len(e) * (1.0 - share))]
    if not len(kept) or e.mean() == 0.0:
        return 0.0
    return float(1.0 - e[kept].mean() / e.mean())


def doubt_metrics(
    label: FloatArray,
    error: FloatArray,
    std: FloatArray,
    ends: Mapping[float, tuple[FloatArray, FloatArray]],
) -> DoubtMetrics:
    """All figures of one target; ``ends`` are lower and upper ones by level."""
    return DoubtMetrics(
        rows=len(label),
        covered={f"{level:g}": share_covered(label, *both) for level, both in ends.items()},
        width={f"{level:g}": float((up - low).mean()) for level, (low, up) in ends.items()},
        likelihood=negative_log_likelihood(error, std),
        rank_correlation=rank_correlation(error, std),
        saved=saved_by_dropping(error, std),
        sparsification_error=sparsification(error, std).area,
    )


def _running_mean(values: FloatArray) -> FloatArray:
    means: FloatArray = np.cumsum(values) / np.arange(1, len(values) + 1)
    return means
