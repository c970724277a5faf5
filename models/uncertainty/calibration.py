"""From the network's own deviation to one that keeps its word.

A deviation is calibrated when 68.3 % of the errors are smaller than it, as for a normal
distribution, *whatever its size*: among the sure predictions as among the doubtful ones.
The factor that achieves it is the 68.3 % quantile of |error| / spread on crystals not
trained on (split conformal prediction, Lei et al., J. Am. Stat. Assoc. 113, 1094 (2018)),
taken separately in groups of equal spread (Mondrian prediction, Vovk et al., *Algorithmic
Learning in a Random World*, ch. 4) and interpolated between them. A quantile is used, not
the mean square, since a few crystals with errors of many deviations (magnetism, misprinted
labels) would otherwise decide it for all.

A gap of zero predicted as zero is right by clamping, and says nothing about the deviation:
such rows are left out (:func:`informative`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from materials.errors import InputError

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

ONE_STD = 0.6827
"""Share of a normal distribution within one standard deviation of its mean."""

N_GROUPS = 5
"""Groups of equal spread: on half of 3,586 crystals, 250 to 360 in each, which fixes the
share covered to about 0.03."""

_FEWEST = 20  # rows in a group, below which a quantile means little


@dataclass(frozen=True)
class Calibration:
    """The deviation that belongs to a spread, for one target."""

    spread: tuple[float, ...]  # middle of each group, increasing, in the target's unit
    factor: tuple[float, ...]  # what a spread there is multiplied by
    floor: float  # smallest deviation ever claimed, in the target's unit

    def __post_init__(self) -> None:
        numbers = np.array([*self.spread, *self.factor, self.floor])
        if (
            not self.spread
            or len(self.spread) != len(self.factor)
            or not np.isfinite(numbers).all()
            or (numbers < 0.0).any()
            or (np.diff(self.spread) < 0.0).any()
        ):
            raise InputError(
                f"calibration {self}: expected as many factors as spreads, finite and not "
                "negative, and spreads that do not fall"
            )

    def std(self, spread: ArrayLike) -> FloatArray:
        """Return the calibrated deviation, in the shape of ``spread``; never zero.

        Between groups the factor is linear in the logarithm of the spread; outside,
        constant.
        """
        values = np.maximum(np.asarray(spread, dtype=np.float64), 1e-12)
        factor = np.interp(np.log(values), np.log(self.spread), self.factor)
        return np.maximum(values * factor, self.floor)


@dataclass(frozen=True)
class Coverage:
    """How often one deviation held what it promised, over informative rows."""

    share: float  # aimed at: 0.683
    by_group: tuple[float, ...]  # the same, in groups from the surest to the most doubtful


def informative(label: ArrayLike, mean: ArrayLike, *, non_negative: bool) -> BoolArray:
    """Rows whose error can tell something: labelled, and not zero clamped to zero."""
    y, m = np.asarray(label), np.asarray(mean)
    told: BoolArray = np.isfinite(y) & np.isfinite(m)
    if non_negative:
        told &= (y > 0.0) | (m > 0.0)
    return told


def calibrate(error: ArrayLike, spread: ArrayLike) -> Calibration:
    """Fit on errors and spreads, ``(n,)`` each, of crystals not trained on.

    The floor is the deviation at the lowest hundredth of the spreads: nothing is claimed to
    be surer than what has been checked. Raises :class:`InputError` for fewer than 20 rows.
    """
    e = np.abs(np.asarray(error, dtype=np.float64))
    s = np.maximum(np.asarray(spread, dtype=np.float64), 1e-12)
    if len(e) < _FEWEST:
        raise InputError(
            f"{len(e)} labelled rows to calibrate on: expected at least {_FEWEST}; "
            "use a larger validation table"
        )
    knots: list[float] = []
    factors: list[float] = []
    for rows in _groups(s):
        knots.append(float(np.exp(np.log(s[rows]).mean())))
        factors.append(float(np.quantile(e[rows] / s[rows], ONE_STD)))
    fitted = Calibration(tuple(knots), tuple(factors), floor=0.0)
    floor = max(float(np.quantile(fitted.std(s), 0.01)), 1e-4)
    return Calibration(fitted.spread, fitted.factor, floor)


def uncalibrated() -> Calibration:
    """For targets with too few labels: the deviation of a Laplace distribution as 68.3 %.

    A deviation b √2 of scale b holds 75.7 %; 68.3 % lie within 0.812 times it.
    """
    return Calibration((1.0,), (-float(np.log1p(-ONE_STD)) / 2.0**0.5,), floor=1e-4)


def coverage(error: ArrayLike, std: ArrayLike) -> Coverage:
    """Share of errors within one deviation, in all and by groups of equal deviation."""
    e, s = np.abs(np.asarray(error, dtype=np.float64)), np.asarray(std, dtype=np.float64)
    within = e <= s
    return Coverage(
        float(within.mean()), tuple(float(within[rows].mean()) for rows in _groups(s))
    )


def _groups(size: FloatArray) -> list[NDArray[np.intp]]:
    """Row numbers in up to :data:`N_GROUPS` parts of increasing ``size``; equals stay."""
    n = max(1, min(N_GROUPS, len(size) // _FEWEST))
    edges = np.quantile(size, np.arange(1, n) / n)
    group = np.searchsorted(edges, size, side="right")
    return [np.flatnonzero(group == number) for number in np.unique(group)]
