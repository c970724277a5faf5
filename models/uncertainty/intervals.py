"""Intervals that hold the label of a stated share of crystals.

Split conformal prediction (Lei et al., J. Am. Stat. Assoc. 113, 1094 (2018)): on ``n``
crystals not trained on, sort the scores ``|error| / deviation``; the one of rank
``ceil((n + 1) level)``, times a new crystal's deviation, is the half width of an interval
that holds its label with at least that probability, whatever the errors' distribution, as
long as the new crystal comes from where the old ones did. It is done separately in groups of
equal deviation (Mondrian prediction, Vovk et al., *Algorithmic Learning in a Random World*,
ch. 4), so that it holds for sure and for doubtful predictions alike.

The libraries for this keep the calibrating crystals' scores in the fitted object and save it
by pickling; what a model's folder needs is one order statistic per group, in plain numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from materials.errors import InputError
from models.uncertainty.calibration import ONE_STD
from models.uncertainty.metrics import LEVELS

FloatArray = NDArray[np.float64]

LEVEL = 0.9
"""The share that is promised where none is named."""

N_GROUPS = 5
FEWEST = 20
"""Rows without which nothing is calibrated: the 95 % score of fewer is beyond the largest."""

_PER_GROUP = 60  # rows, so that one score more or less moves a level by 0.016


@dataclass(frozen=True)
class Intervals:
    """Half widths in deviations, by level and by group of equal deviation, for one target."""

    levels: tuple[float, ...]
    edges: tuple[float, ...]  # (n_groups - 1,) deviations between groups, increasing
    factors: tuple[tuple[float, ...], ...]  # (n_levels, n_groups)

    def __post_init__(self) -> None:
        numbers = np.array([*self.edges, *(f for row in self.factors for f in row)])
        if (
            not self.levels
            or not all(0.0 < level < 1.0 for level in self.levels)
            or len(self.factors) != len(self.levels)
            or any(len(row) != len(self.edges) + 1 for row in self.factors)
            or not np.isfinite(numbers).all()
            or (numbers < 0.0).any()
            or (np.diff(self.edges) < 0.0).any()
        ):
            raise InputError(
                f"intervals {self}: expected a row of factors per level, one more in it than "
                "edges, all finite and not negative, and edges that do not fall"
            )

    def half_width(self, std: ArrayLike, level: float) -> FloatArray:
        """In the unit and shape of ``std``. Raises :class:`InputError` for other levels."""
        if level not in self.levels:
            known = ", ".join(f"{share:g}" for share in self.levels)
            raise InputError(f"no intervals at level {level:g}: expected one of {known}")
        values = np.asarray(std, dtype=np.float64)
        factor = np.array(self.factors[self.levels.index(level)])
        return np.asarray(
            values * factor[np.searchsorted(self.edges, values, side="right")]
        )


def fit_intervals(
    error: ArrayLike, std: ArrayLike, *, levels: tuple[float, ...] = LEVELS
) -> Intervals:
    """Fit on errors and deviations, ``(n,)`` each, of crystals not trained on.

    With fewer than 20 rows the deviation is taken at its word: the intervals of a Laplace
    distribution, and no guarantee.
    """
    e, s = np.abs(np.asarray(error, dtype=np.float64)), np.asarray(std, dtype=np.float64)
    if len(e) < FEWEST:
        return Intervals(levels, (), tuple((laplace_factor(level),) for level in levels))
    n_groups = max(1, min(N_GROUPS, len(s) // _PER_GROUP))
    edges = np.unique(np.quantile(s, np.arange(1, n_groups) / n_groups))
    edges = edges[edges > s.min()]  # equal deviations stay together: no empty group
    group = np.searchsorted(edges, s, side="right")
    scores = [e[group == g] / s[group == g] for g in range(len(edges) + 1)]
    return Intervals(
        levels,
        tuple(edges.tolist()),
        tuple(tuple(order_statistic(part, level) for part in scores) for level in levels),
    )


def order_statistic(scores: FloatArray, level: float) -> float:
    """The score of rank ``ceil((n + 1) level)``, or the largest if there is none such."""
    rank = int(np.ceil((len(scores) + 1) * level - 1e-9))
    return float(np.sort(scores)[min(rank, len(scores)) - 1])


def laplace_factor(level: float) -> float:
    """Half width in units of what holds 68.3 %, of a Laplace distribution."""
    return float(np.log1p(-level) / np.log1p(-ONE_STD))


def clipped(
    mean: FloatArray, half_width: FloatArray, low: float, high: float
) -> tuple[FloatArray, FloatArray]:
    """Lower and upper ends, kept to the values that the target can have."""
    return np.clip(mean - half_width, low, high), np.clip(mean + half_width, low, high)
