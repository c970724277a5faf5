"""Everything the columns say of one material, with coverage, gaps and sources."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from materials.sustainability.columns import COLUMNS, Column
from materials.sustainability.facts import Fact, Facts, load_facts
from materials.sustainability.fractions import (
    FloatArray,
    atom_fractions,
    mass_fractions,
    spelled,
    symbols,
)
from materials.sustainability.hazards import (
    WHOLE_LISTS,
    Finding,
    element_findings,
    matching_substances,
    substance_findings,
)
from materials.sustainability.index import Burdens, Weights
from materials.sustainability.table import element_table

if TYPE_CHECKING:
    from pymatgen.core import Composition, IStructure


@dataclass(frozen=True, kw_only=True)
class Value:
    """One column of one material."""

    key: str
    title: str
    unit: str
    value: float | None
    """Average by mass over the elements that have data; None where none has."""
    coverage: float
    """Share of the mass that has data, 0 to 1. Of hazards: the share of lists read."""
    missing: tuple[str, ...]
    """Elements without data."""
    worst: str | None
    """The element with the highest value, of recycling the lowest."""
    worst_value: float | None
    facts: tuple[Fact, ...]
    """What the value was made from, element by element; empty for hazards."""


@dataclass(frozen=True, kw_only=True)
class IndexValue:
    """The burden index of one material: 0 none, 1 the worst of everything."""

    low: float
    central: float | None
    """None: too little is known."""
    high: float
    coverage: float


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """What one material costs people and planet, as far as its elements tell."""

    formula: str
    """As it was given; of a composition or a crystal the reduced formula."""
    mass_shares: Mapping[str, float]
    """Element -> share of the mass, largest first."""
    columns: Mapping[str, Value]
    """By the keys of :data:`materials.sustainability.columns.COLUMNS`."""
    hazards: tuple[Finding, ...]
    """Entries of hazard lists for its elements and for itself, gravest first."""
    unread: tuple[str, ...]
    """Elements whose own classification was not read: no entry is no all-clear."""
    index: IndexValue

    @property
    def elements(self) -> tuple[str, ...]:
        """By mass, largest first."""
        return tuple(self.mass_shares)


def assess(
    material: str | Composition | IStructure,
    *,
    weights: Weights | None = None,
    facts: Facts | None = None,
) -> Assessment:
    """Assess one material by its composition.

    Raises :class:`materials.errors.InputError` for what is not a formula of elements.
    """
    facts = facts or load_facts()
    atoms = atom_fractions([material])
    table = element_table(facts).average(atoms)
    mass = _mass_shares(atoms)
    index = Burdens.of(table).index(weights or Weights())
    central = float(index.central[0])
    return Assessment(
        formula=spelled(material),
        mass_shares=MappingProxyType(mass),
        columns=MappingProxyType(
            {
                column.key: _value(column, mass, facts, *pair)
                for column, *pair in zip(
                    COLUMNS,
                    table.values[0].tolist(),
                    table.coverage[0].tolist(),
                    strict=True,
                )
            }
        ),
        hazards=_findings(tuple(mass), atoms),
        unread=tuple(e for e in mass if not _is_read(e)),
        index=IndexValue(
            low=float(index.low[0]),
            central=None if math.isnan(central) else central,
            high=float(index.high[0]),
            coverage=float(index.coverage[0]),
        ),
    )


def _mass_shares(atoms: FloatArray) -> dict[str, float]:
    mass = mass_fractions(atoms)[0]
    order = np.argsort(-mass, kind="stable")
    return {symbols()[place]: float(mass[place]) for place in order if mass[place] > 0}


def _value(
    column: Column, mass: Mapping[str, float], facts: Facts, value: float, coverage: float
) -> Value:
    if column.indicators:
        found = [facts.number(element, *column.indicators) for element in mass]
        used = tuple(fact for fact in found if fact is not None)
        each = {fact.element: float(fact.value) * column.factor for fact in used}
    else:
        used = ()
        screened = [e for e in mass if facts.get(e, "rohs_restricted") is not None]
        each = {e: _hazard_weight(e, alone=len(mass) == 1) for e in screened}
    pick = min if column.higher_is_better else max
    worst = pick(each, key=lambda element: each[element]) if each else None
    return Value(
        key=column.key,
        title=column.title,
        unit=column.unit,
        value=None if math.isnan(value) else value,
        coverage=coverage,
        missing=tuple(element for element in mass if element not in each),
        worst=worst,
        worst_value=None if worst is None else each[worst],
        facts=used,
    )


def _hazard_weight(element: str, *, alone: bool) -> float:
    found = element_findings().get(element, ())
    return max((finding.weight_in(alone=alone) for finding in found), default=0.0)


def _findings(elements: tuple[str, ...], atoms: FloatArray) -> tuple[Finding, ...]:
    found = [f for element in elements for f in element_findings().get(element, ())]
    for name, rows in matching_substances(atoms):
        if rows[0]:
            found += substance_findings()[name]
    alone = len(elements) == 1
    return tuple(sorted(found, key=lambda finding: -finding.weight_in(alone=alone)))


def _is_read(element: str) -> bool:
    """Whether some list that is not whole was read for the element."""
    lists = {finding.list for finding in element_findings().get(element, ())}
    return bool(lists - set(WHOLE_LISTS))
