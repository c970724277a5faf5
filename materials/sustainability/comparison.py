"""Is a material better than the one in use? Axis by axis, and unknown where it is unknown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from materials.errors import InputError
from materials.sustainability.columns import (
    AXES,
    COLUMNS,
    MIN_COVERAGE,
    by_key,
    check_axis,
    places,
)
from materials.sustainability.facts import Facts
from materials.sustainability.fractions import FloatArray, spelled
from materials.sustainability.incumbents import incumbent_formula
from materials.sustainability.index import Burdens, Weights
from materials.sustainability.table import ColumnValues, columns_of

if TYPE_CHECKING:
    from pymatgen.core import Composition, IStructure

    from materials.sustainability.assessment import Value

OVERALL = "overall"
COMPARABLE = (*AXES, OVERALL)
"""What ``on`` may name."""

RESOLUTION = 0.05
"""Values that differ by less than this share of the incumbent's are no better."""

YES, NO, UNKNOWN = 1, 0, -1
"""The verdicts of :func:`better_than_many`."""


class Unknown(Enum):
    """What becomes of a candidate that cannot be compared for want of data."""

    REJECT = "reject"
    KEEP = "keep"


@dataclass(frozen=True, kw_only=True)
class AxisComparison:
    """One axis of one comparison."""

    axis: str
    columns: tuple[str, ...]
    """Keys of the columns that decided; empty where nothing could be compared."""
    unit: str
    value: float | None
    """The column's; of an axis of several columns their mean burden, 0 to 1."""
    incumbent_value: float | None
    coverage: float
    """Share of the mass that has data, the least of the axis's columns."""
    incumbent_coverage: float
    better: bool | None
    """None: one of the two is unknown."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A material against an incumbent."""

    formula: str
    """As it was given; of a composition or a crystal the reduced formula."""
    incumbent: str
    """Its name, ``CIGS``, or the formula that was given."""
    rows: tuple[AxisComparison, ...]
    """In the order that was asked for."""

    @property
    def better(self) -> bool | None:
        """True if better on every axis, False if not on one, None if that cannot be told."""
        verdicts = [row.better for row in self.rows]
        if False in verdicts:
            return False
        return None if None in verdicts else True

    def row(self, axis: str) -> AxisComparison:
        """The comparison on one axis; raises :class:`InputError` if it was not asked for."""
        check_axis(axis, tuple(row.axis for row in self.rows))
        return next(row for row in self.rows if row.axis == axis)


def better_than(
    formula: str | Composition | IStructure,
    incumbent: str,
    on: Sequence[str] = AXES,
    *,
    weights: Weights | None = None,
    facts: Facts | None = None,
) -> Comparison:
    """Compare a material with an incumbent on some axes of :data:`COMPARABLE`.

    An axis of one column is decided by the column; supply risk and criticality by the mean
    burden of those of their columns that are known of both; ``overall`` by the index. Known
    means data for at least half of the mass. Better is lower, of recycling higher, by more
    than :data:`RESOLUTION`.

    ``incumbent`` is a name of :data:`materials.sustainability.incumbents.INCUMBENTS` or any
    formula. Raises :class:`materials.errors.InputError` for an axis that does not exist and
    for what is not a formula.
    """
    both = columns_of([formula, incumbent_formula(incumbent)], facts=facts)
    rows = tuple(_row(axis, both, weights or Weights()) for axis in _checked(on))
    return Comparison(formula=spelled(formula), incumbent=incumbent, rows=rows)


def check_incumbent(incumbent: str, on: Sequence[str]) -> None:
    """Raise :class:`InputError` unless the incumbent itself is known on every axis."""
    found = better_than(incumbent, incumbent, on)
    unknown = [row.axis for row in found.rows if row.better is None]
    if unknown:
        raise InputError(
            f"nothing can be compared with {incumbent} on {', '.join(unknown)}: there is no "
            "data for most of its mass; leave the axis out or name another incumbent"
        )


def better_than_many(
    formulas: Sequence[str | Composition | IStructure],
    incumbent: str,
    on: Sequence[str] = AXES,
    *,
    weights: Weights | None = None,
    facts: Facts | None = None,
) -> NDArray[np.int8]:
    """Return ``(n, len(on))``: 1 better, 0 not, -1 unknown, as :func:`better_than` decides.

    A formula that cannot be read raises :class:`materials.errors.InputError`.
    """
    table = columns_of([*formulas, incumbent_formula(incumbent)], facts=facts)
    verdicts = [_decide(axis, table, weights or Weights()).verdict for axis in _checked(on)]
    return np.stack(verdicts, axis=1)[:-1]


def column_better(one: Value, other: Value) -> bool | None:
    """Whether one column alone is better, by the same rule as an axis; None: unknown."""
    if min(one.coverage, other.coverage) < MIN_COVERAGE:
        return None
    if one.value is None or other.value is None:
        return None
    sign = -1.0 if by_key()[one.key].higher_is_better else 1.0
    return sign * (other.value - one.value) > RESOLUTION * abs(other.value)


@dataclass(frozen=True)
class _Decision:
    """One axis of ``n`` materials, the incumbent last."""

    value: FloatArray  # (n,), NaN where unknown
    reference: FloatArray  # (n,), the incumbent's, of the columns that decided
    coverage: FloatArray  # (n,)
    decided: NDArray[np.bool_]  # (n, n_columns_of_axis), columns that are known of both
    verdict: NDArray[np.int8]  # (n,)


def _decide(axis: str, table: ColumnValues, weights: Weights) -> _Decision:
    if axis == OVERALL:
        index = Burdens.of(table).index(weights)
        coverage, value = index.coverage, index.central
        decided = np.isfinite(value)[:, None]
        reference, sign = np.full_like(value, value[-1]), 1.0
    else:
        here = places(axis)
        covered, values = table.coverage[:, here], table.values[:, here]
        coverage = covered.min(axis=1)
        decided = (covered >= MIN_COVERAGE) & (covered[-1] >= MIN_COVERAGE)
        if len(here) > 1:
            values = np.stack([COLUMNS[p].burden(table.values[:, p]) for p in here], axis=1)
        value, reference = _mean(values, decided), _mean(values[-1:], decided)
        sign = -1.0 if COLUMNS[here[0]].higher_is_better else 1.0
    known = np.isfinite(value) & np.isfinite(reference)
    with np.errstate(invalid="ignore"):
        less = sign * (reference - value) > RESOLUTION * np.abs(reference)
    verdict = np.where(known, np.where(less, YES, NO), UNKNOWN).astype(np.int8)
    return _Decision(value, reference, coverage, decided, verdict)


def _mean(values: FloatArray, counted: NDArray[np.bool_]) -> FloatArray:
    """Mean of the counted columns ``(n,)``; NaN where none is."""
    total = np.where(counted, values, 0.0).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean: FloatArray = total / counted.sum(axis=1)
    return mean


def _row(axis: str, both: ColumnValues, weights: Weights) -> AxisComparison:
    found = _decide(axis, both, weights)
    here = [] if axis == OVERALL else places(axis)
    keys = [COLUMNS[p].key for p, used in zip(here, found.decided[0], strict=False) if used]
    verdict = int(found.verdict[0])
    return AxisComparison(
        axis=axis,
        columns=tuple(keys),
        unit=COLUMNS[here[0]].unit if len(here) == 1 else "burden 0–1",
        value=_number(found.value[0]),
        incumbent_value=_number(found.reference[0]),
        coverage=float(found.coverage[0]),
        incumbent_coverage=float(found.coverage[-1]),
        better=None if verdict == UNKNOWN else verdict == YES,
    )


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _checked(on: Sequence[str]) -> tuple[str, ...]:
    for axis in on:
        check_axis(axis, COMPARABLE)
    return tuple(on)
