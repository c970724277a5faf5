"""A filter that lets nothing through but what is better than the material in use."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from materials.known import reduced_formula
from materials.screens.validity import Filter, Finding
from materials.sustainability.comparison import (
    AxisComparison,
    Comparison,
    Unknown,
    better_than,
    check_incumbent,
)

NAME = "better_than"


def better_than_filter(
    incumbent: str, on: Sequence[str], *, unknown: Unknown = Unknown.REJECT
) -> Filter:
    """Accept crystals that are better than ``incumbent`` on every axis of ``on``.

    The axes are :data:`materials.sustainability.COMPARABLE`; verdicts are remembered by
    composition. Raises :class:`materials.errors.InputError` for an axis that does not exist
    and for an incumbent that is neither listed nor a formula, or of which nothing is known.
    """
    axes = tuple(on)
    check_incumbent(incumbent, axes)  # tells what is wrong before any crystal comes
    limit = f"better than {incumbent} on {', '.join(axes)}"

    @lru_cache(maxsize=65536)
    def verdict(formula: str) -> Finding:
        found = better_than(formula, incumbent, axes)
        return Finding(NAME, _accepted(found, unknown), comparison_text(found), limit)

    return Filter(NAME, lambda structure: verdict(reduced_formula(structure)))


def comparison_text(comparison: Comparison) -> str:
    """The comparison axis by axis: ``toxicity 0.1 against 0.5 (better); cost unknown``."""
    return "; ".join(_axis_text(row) for row in comparison.rows)


def _accepted(found: Comparison, unknown: Unknown) -> bool:
    if found.better is None:
        return unknown is Unknown.KEEP
    return found.better


def _axis_text(row: AxisComparison) -> str:
    if row.value is None or row.incumbent_value is None or row.better is None:
        least = min(row.coverage, row.incumbent_coverage)
        return f"{row.axis} unknown (data for {least:.0%} of the mass)"
    mark = "better" if row.better else "not better"
    value = _with_coverage(row.value, row.coverage)
    other = _with_coverage(row.incumbent_value, row.incumbent_coverage)
    figures = f"{value} against {other} {row.unit}"
    return f"{row.axis} {figures} ({mark})"


def _with_coverage(value: float, coverage: float) -> str:
    """``0.18 (82% of the mass)``; the value alone where all of the mass has data."""
    return f"{value:.3g}" + (f" ({coverage:.0%} of the mass)" if coverage < 0.995 else "")
