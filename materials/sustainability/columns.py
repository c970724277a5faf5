"""The columns of sustainability, what each is made of, and how it maps to a burden of 0 to 1.

Every column is an average over the elements by mass, of those that have data: the share of
mass that has is the column's coverage.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Literal

import numpy as np

from materials.errors import InputError, did_you_mean
from materials.sustainability.fractions import FloatArray


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column, in the order of :data:`COLUMNS`."""

    key: str
    title: str
    unit: str
    axis: str
    """The axis it belongs to, of :data:`AXES`."""
    indicators: tuple[str, ...]
    """Of :mod:`materials.sustainability.facts`: the first that an element has counts."""
    scale: Literal["linear", "log"]
    best: float
    """In :attr:`unit`; this and better is no burden."""
    worst: float
    """This and worse is a burden of 1."""
    factor: float = 1.0
    """From the indicator's unit to :attr:`unit`."""

    @property
    def higher_is_better(self) -> bool:
        """Whether more is less of a burden, as with recycling."""
        return self.best > self.worst

    def burden(self, values: FloatArray) -> FloatArray:
        """Map values to 0 (best) … 1 (worst), monotonically; NaN stays NaN."""
        best, worst, found = self.best, self.worst, values
        if self.scale == "log":
            best, worst = np.log10(best), np.log10(worst)
            with np.errstate(divide="ignore"):
                found = np.log10(values)
        burden: FloatArray = np.clip((found - best) / (worst - best), 0.0, 1.0)
        return burden


COLUMNS = (
    Column(
        key="carbon",
        title="embodied greenhouse gas",
        unit="kg CO2e/kg",
        axis="carbon",
        indicators=("gwp100",),
        scale="log",
        best=1.0,
        worst=10_000.0,
    ),
    Column(
        key="energy",
        title="embodied energy",
        unit="MJ/kg",
        axis="energy",
        indicators=("ced",),
        scale="log",
        best=10.0,
        worst=100_000.0,
    ),
    Column(
        key="cost",
        title="raw material cost",
        unit="USD/kg",
        axis="cost",
        indicators=("price_usd_kg_usgs2024", "price_usd_kg_wiki"),
        scale="log",
        best=1.0,
        worst=10_000.0,
    ),
    Column(
        key="hhi_production",
        title="supply concentration of production",
        unit="HHI",
        axis="supply_risk",
        indicators=("hhi_production_wmd2024", "hhi_production_2013"),
        scale="linear",
        best=0.0,
        worst=10_000.0,
    ),
    Column(
        key="hhi_reserves",
        title="supply concentration of reserves",
        unit="HHI",
        axis="supply_risk",
        indicators=("hhi_reserves_2013",),
        scale="linear",
        best=0.0,
        worst=10_000.0,
    ),
    Column(
        key="eu_critical",
        title="EU critical raw materials",
        unit="mass share",
        axis="criticality",
        indicators=("eu_crm_critical",),
        scale="linear",
        best=0.0,
        worst=1.0,
    ),
    Column(
        key="eu_strategic",
        title="EU strategic raw materials",
        unit="mass share",
        axis="criticality",
        indicators=("eu_crm_strategic",),
        scale="linear",
        best=0.0,
        worst=1.0,
    ),
    Column(
        key="us_critical",
        title="US critical minerals",
        unit="mass share",
        axis="criticality",
        indicators=("usgs_critical_2025",),
        scale="linear",
        best=0.0,
        worst=1.0,
    ),
    Column(
        key="companion",
        title="mined as a by-product",
        unit="share",
        axis="companion",
        indicators=("companion_fraction",),
        scale="linear",
        best=0.0,
        worst=1.0,
        factor=0.01,
    ),
    Column(
        key="recycling",
        title="end-of-life recycling",
        unit="share",
        axis="recycling",
        indicators=("eol_rr_unep2011_low",),
        scale="linear",
        best=1.0,
        worst=0.0,
        factor=0.01,
    ),
    Column(
        key="toxicity",
        title="listed hazards",
        unit="0–1",
        axis="toxicity",
        indicators=(),  # from materials.sustainability.hazards
        scale="linear",
        best=0.0,
        worst=1.0,
    ),
    Column(
        key="conflict",
        title="conflict minerals",
        unit="mass share",
        axis="conflict",
        indicators=("conflict_3tg",),
        scale="linear",
        best=0.0,
        worst=1.0,
    ),
)
"""In the order of the tables' columns."""

KEYS = tuple(column.key for column in COLUMNS)

AXES = (
    "toxicity",
    "supply_risk",
    "carbon",
    "energy",
    "cost",
    "criticality",
    "recycling",
    "companion",
    "conflict",
)
"""What materials are compared on, and what the index weighs."""

MIN_COVERAGE = 0.5
"""With data for less of the mass than this, a column says nothing certain."""


@lru_cache(maxsize=1)
def by_key() -> Mapping[str, Column]:
    """The columns by their keys."""
    return MappingProxyType({column.key: column for column in COLUMNS})


def places(axis: str) -> list[int]:
    """Which columns, counted from 0, an axis is made of."""
    check_axis(axis, AXES)
    return [place for place, column in enumerate(COLUMNS) if column.axis == axis]


def check_axis(axis: str, allowed: tuple[str, ...]) -> None:
    """Raise :class:`InputError` for an axis that does not exist."""
    if axis not in allowed:
        raise InputError(
            f"there is no axis '{axis}', only {', '.join(allowed)}."
            f"{did_you_mean(axis, allowed)}"
        )
