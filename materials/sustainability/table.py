"""Facts of the elements as arrays, and averages of them over many materials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from materials.sustainability.columns import COLUMNS, KEYS
from materials.sustainability.facts import Facts, load_facts
from materials.sustainability.fractions import (
    N_ELEMENTS,
    FloatArray,
    atom_fractions,
    atomic_numbers,
    mass_fractions,
)
from materials.sustainability.hazards import (
    LISTS,
    PARTIAL_LISTS,
    WHOLE_LISTS,
    element_findings,
    matching_substances,
    substance_findings,
)

if TYPE_CHECKING:
    from pymatgen.core import Composition, IStructure

TOXICITY = KEYS.index("toxicity")


@dataclass(frozen=True)
class ColumnValues:
    """The columns of many materials."""

    values: FloatArray  # (n, n_columns), in each column's unit; NaN: unknown
    coverage: FloatArray  # (n, n_columns), share of the mass that has data, 0 to 1

    def column(self, key: str) -> tuple[FloatArray, FloatArray]:
        """Values and coverage ``(n,)`` of one column."""
        place = KEYS.index(key)
        return self.values[:, place], self.coverage[:, place]


@dataclass(frozen=True)
class ElementTable:
    """What the columns take from each element."""

    values: FloatArray  # (119, n_columns); NaN: unknown
    alone: FloatArray  # (119,), weight of hazards of the element as such
    lists: FloatArray  # (119,), share of the hazard lists that were read for it

    @classmethod
    def of(cls, facts: Facts) -> ElementTable:
        """Arrange facts; hazards are those that come with the package."""
        values = np.full((N_ELEMENTS, len(COLUMNS)), np.nan)
        alone, lists = np.full(N_ELEMENTS, np.nan), np.zeros(N_ELEMENTS)
        for symbol in facts.elements:
            number = atomic_numbers()[symbol]
            for place, column in enumerate(COLUMNS):
                fact = facts.number(symbol, *column.indicators)
                if fact is not None:
                    values[number, place] = float(fact.value) * column.factor
            if facts.get(symbol, "rohs_restricted") is None:
                continue  # not among the elements that the lists were searched for
            found = element_findings().get(symbol, ())
            values[number, TOXICITY] = max(
                (f.weight_in(alone=False) for f in found), default=0
            )
            alone[number] = max((f.weight_in(alone=True) for f in found), default=0)
            partial = {finding.list for finding in found} & set(PARTIAL_LISTS)
            lists[number] = (len(WHOLE_LISTS) + len(partial)) / len(LISTS)
        return cls(values, alone, lists)

    def average(self, atoms: FloatArray) -> ColumnValues:
        """Columns of materials given as atomic fractions ``(n, 119)``."""
        mass = mass_fractions(atoms)
        known = np.isfinite(self.values)
        coverage = mass @ known.astype(np.float64)  # (n, n_columns)
        total = mass @ np.where(known, self.values, 0.0)
        with np.errstate(invalid="ignore", divide="ignore"):
            values = np.where(coverage > 0, total / coverage, np.nan)
        self._hazards(atoms, mass, values)
        coverage[:, TOXICITY] = mass @ self.lists
        return ColumnValues(values, np.clip(coverage, 0.0, 1.0))

    def worst(self, atoms: FloatArray) -> FloatArray:
        """Highest value of any element, of recycling the lowest, ``(n, n_columns)``.

        NaN where no element has data. Hazards of whole substances do not count here.
        """
        present = atoms > 0  # (n, 119)
        found = np.full((len(atoms), len(COLUMNS)), np.nan)
        for place, column in enumerate(COLUMNS):
            sign = -1.0 if column.higher_is_better else 1.0
            each = np.where(present, sign * self.values[:, place], np.nan)
            found[:, place] = sign * np.fmax.reduce(each, axis=1)
        return found

    def _hazards(self, atoms: FloatArray, mass: FloatArray, values: FloatArray) -> None:
        """Hazards of elements as such and of whole substances, into ``values``."""
        pure = np.count_nonzero(atoms, axis=1) == 1
        number = mass[pure].argmax(axis=1)
        values[pure, TOXICITY] = self.alone[number]
        for name, rows in matching_substances(atoms):
            weight = max(f.weight_in(alone=False) for f in substance_findings()[name])
            values[rows, TOXICITY] = np.fmax(values[rows, TOXICITY], weight)


@lru_cache(maxsize=4)
def element_table(facts: Facts | None = None) -> ElementTable:
    """The table of some facts, of those that come with the package if none are given."""
    return ElementTable.of(facts or load_facts())


def columns_of(
    formulas: Sequence[str | Composition | IStructure], *, facts: Facts | None = None
) -> ColumnValues:
    """All columns of many materials.

    Raises :class:`InputError` for what is not a formula of elements, naming it.
    """
    return element_table(facts).average(atom_fractions(formulas))


def worst_of(
    formulas: Sequence[str | Composition | IStructure], *, facts: Facts | None = None
) -> FloatArray:
    """The worst element's value in each column, ``(n, n_columns)``; NaN: unknown.

    Raises :class:`InputError` for what is not a formula of elements, naming it.
    """
    return element_table(facts).worst(atom_fractions(formulas))
