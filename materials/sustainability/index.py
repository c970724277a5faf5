"""One number for all columns: the burden index, 0 (none) to 1 (the worst of everything).

Each column maps to a burden between 0 and 1 (:class:`materials.sustainability.columns.Column`
documents how), an axis is the mean of its columns, and the index the weighted mean of the
axes. Elements without data may turn out to be anything between the column's best and worst,
so the index is an interval. With ``c`` the coverage, ``v`` the average of what is known and
``T`` the column's map::

    low     = T(c v + (1 - c) best)
    high    = T(c v + (1 - c) worst)
    central = c T(v) + (1 - c) (low + high) / 2

which is the middle of the scale where nothing is known: the unknown is never good. Where the
weighted coverage is below one half there is no central value at all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Self

import numpy as np

from materials.errors import InputError, did_you_mean
from materials.sustainability.columns import AXES, COLUMNS, MIN_COVERAGE, places
from materials.sustainability.fractions import FloatArray
from materials.sustainability.table import ColumnValues


@dataclass(frozen=True, kw_only=True)
class Weights:
    """How much each axis counts; only ratios matter.

    Carbon and energy come from one study and go together, so they share one weight.
    """

    toxicity: float = 1.0
    supply_risk: float = 1.0
    carbon: float = 0.5
    energy: float = 0.5
    cost: float = 1.0
    criticality: float = 1.0
    recycling: float = 1.0
    companion: float = 1.0
    conflict: float = 1.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not math.isfinite(value) or value < 0:
                raise InputError(
                    f"the weight of {field.name} is {value}, expected 0 or a positive number"
                )
        if self.as_array().sum() == 0:
            raise InputError("all weights are 0; give at least one axis a positive weight")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``toxicity=3,carbon=0``; axes left out keep their default.

        Raises :class:`InputError` for an axis that does not exist or what is not a number.
        """
        given: dict[str, float] = {}
        for part in filter(None, (part.strip() for part in text.split(","))):
            name, _, value = part.partition("=")
            if name.strip() not in AXES:
                raise InputError(
                    f"there is no weight '{name.strip()}', only {', '.join(AXES)}."
                    f"{did_you_mean(name.strip(), AXES)}"
                )
            try:
                given[name.strip()] = float(value)
            except ValueError as error:
                raise InputError(
                    f"'{part}' is no weight; write it like toxicity=2"
                ) from error
        return cls(**given)

    def as_array(self) -> FloatArray:
        """``(n_axes,)`` in the order of the axes, not normalised."""
        return np.array([getattr(self, axis) for axis in AXES], dtype=np.float64)

    def shares(self) -> FloatArray:
        """``(n_axes,)``, summing to 1."""
        weights = self.as_array()
        share: FloatArray = weights / weights.sum()
        return share


@dataclass(frozen=True)
class Burdens:
    """Burdens of many materials on each axis: 0 none, 1 the worst."""

    low: FloatArray  # (n, n_axes), if all that is unknown were best
    central: FloatArray  # (n, n_axes)
    high: FloatArray  # (n, n_axes), if all that is unknown were worst
    coverage: FloatArray  # (n, n_axes), share of the mass with data, mean of the columns

    @classmethod
    def of(cls, columns: ColumnValues) -> Burdens:
        """Map columns to burdens and average those of each axis."""
        by_column = [_column_burdens(columns, place) for place in range(len(COLUMNS))]
        low, central, high = (
            np.stack(part, axis=1) for part in zip(*by_column, strict=True)
        )
        parts = (low, central, high, columns.coverage)
        return cls(*(_by_axis(part) for part in parts))

    def index(self, weights: Weights) -> Index:
        """The weighted mean of the axes."""
        shares = weights.shares()
        coverage = self.coverage @ shares
        central = np.where(coverage >= MIN_COVERAGE, self.central @ shares, np.nan)
        return Index(self.low @ shares, central, self.high @ shares, coverage)


@dataclass(frozen=True)
class Index:
    """The burden index of many materials."""

    low: FloatArray  # (n,)
    central: FloatArray  # (n,), NaN where coverage is below MIN_COVERAGE: unknown
    high: FloatArray  # (n,)
    coverage: FloatArray  # (n,), weighted as the axes are


def _column_burdens(
    columns: ColumnValues, place: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Burdens ``(n,)`` of one column: low, central, high."""
    column, covered = COLUMNS[place], columns.coverage[:, place]
    value = np.where(covered > 0, columns.values[:, place], column.best)
    low = column.burden(covered * value + (1.0 - covered) * column.best)
    high = column.burden(covered * value + (1.0 - covered) * column.worst)
    central = covered * column.burden(value) + (1.0 - covered) * (low + high) / 2
    return low, central, high


def _by_axis(values: FloatArray) -> FloatArray:
    """Means ``(n, n_axes)`` of columns ``(n, n_columns)``."""
    return np.stack([values[:, places(axis)].mean(axis=1) for axis in AXES], axis=1)
