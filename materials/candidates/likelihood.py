"""How likely one ion, or one element, stands where another stood in a crystal.

The weights are those of Hautier, Fischer, Ehrlacher, Jain & Ceder, *Data Mined Ionic
Substitutions for the Discovery of New Compounds*, Inorg. Chem. 50, 656 (2011),
doi:10.1021/ic102031h, as pymatgen carries them, laid out as matrices.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from pymatgen.core.periodic_table import Element, Species

from materials.screens.validity import OxidationStates, oxidation_states
from materials.soundness import FloatArray

NEVER_SEEN = -5.0
"""Weight of a pair that the table does not hold (alpha of the paper)."""

_HEAVIEST = 118


@dataclass(frozen=True)
class IonTable:
    """Conditional probabilities between ions, as logarithms."""

    ions: tuple[tuple[str, int], ...]
    """Element and charge, by element and charge."""
    log_probability: FloatArray  # (n_ions, n_ions): new ion (row) for old ion (column)
    occurrence: FloatArray  # (n_ions,) how often an ion occurs, in arbitrary units

    def index(self, symbol: str, charge: int) -> int | None:
        """Row of an ion, None if the table does not know it."""
        return _places().get((symbol, charge))

    def between(self, new: tuple[str, int], old: tuple[str, int]) -> float:
        """Log probability of a new ion where an old one was; both are in the table."""
        places = _places()
        return float(self.log_probability[places[new], places[old]])

    def states(self, symbol: str) -> tuple[int, ...]:
        """Charges of an element that the table knows."""
        return _states().get(symbol, ())


@cache
def ion_table() -> IonTable:
    """Read pymatgen's table once, and add the common ions that it lacks.

    The table was learned from oxidation states that do not include phosphides, arsenides,
    antimonides, tellurides, carbides, silicides and hydrides. Such an ion gets, for itself
    and for ions of its charge and its group of the periodic table, the median weights of
    such pairs in the table; everything else counts as never seen.
    """
    weights = _weights()
    told = sorted({ion for pair in weights for ion in pair})
    added = sorted(_common_ions() - set(told))
    ions = tuple(told + added)
    places = {ion: place for place, ion in enumerate(ions)}
    table = np.full((len(ions), len(ions)), NEVER_SEEN)
    for (first, second), weight in weights.items():
        table[places[first], places[second]] = weight
        table[places[second], places[first]] = weight
    own = np.median([w for (a, b), w in weights.items() if a == b])
    akin = np.median([w for (a, b), w in weights.items() if a != b and _are_kin(a, b)])
    for ion in added:
        for other in ions:
            if _are_kin(ion, other):
                weight = own if ion == other else akin
                table[places[ion], places[other]] = table[places[other], places[ion]] = (
                    weight
                )
    occurrence = np.exp(table).sum(axis=0)  # of an ion, times the partition function
    return IonTable(ions, table - np.log(occurrence)[None, :], occurrence)


def _common_ions() -> set[tuple[str, int]]:
    """Textbook ions of every element, in the words of the charge filter."""
    return {
        (element.symbol, charge)
        for element in Element
        if element.Z <= _HEAVIEST
        for charge in oxidation_states(element.symbol, OxidationStates.COMMON)
    }


def _are_kin(first: tuple[str, int], second: tuple[str, int]) -> bool:
    """Whether two ions have one charge and stand in one group."""
    return first[1] == second[1] and Element(first[0]).group == Element(second[0]).group


@cache
def element_weights() -> FloatArray:
    """Weight of each pair of elements, ``(119, 119)`` by atomic number, symmetric.

    That of their likeliest pair of ions. An element is at least as like itself as it is
    like any other.
    """
    table = np.full((_HEAVIEST + 1, _HEAVIEST + 1), NEVER_SEEN)
    for ((first, _), (second, _)), weight in _weights().items():
        a, b = Element(first).Z, Element(second).Z
        table[a, b] = table[b, a] = max(table[a, b], weight)
    own = np.maximum(table.diagonal(), table.max(axis=1))
    np.fill_diagonal(table, np.where(own > NEVER_SEEN, own, 0.0))
    return table


@cache
def _weights() -> dict[tuple[tuple[str, int], tuple[str, int]], float]:
    from pymatgen.analysis.structure_prediction.substitution_probability import (
        SubstitutionProbability,
    )

    known: Any = SubstitutionProbability(alpha=NEVER_SEEN)  # type: ignore[no-untyped-call]
    ions = sorted(known.species, key=str)
    return {
        (_ion(first), _ion(second)): float(weight)
        for i, first in enumerate(ions)
        for second in ions[i:]
        if (weight := known.get_lambda(first, second)) > NEVER_SEEN
    }


def _ion(species: Species) -> tuple[str, int]:
    return str(species.symbol), int(species.oxi_state or 0)


@cache
def _places() -> dict[tuple[str, int], int]:
    return {ion: place for place, ion in enumerate(ion_table().ions)}


@cache
def _states() -> dict[str, tuple[int, ...]]:
    found: defaultdict[str, list[int]] = defaultdict(list)
    for symbol, charge in ion_table().ions:
        found[symbol].append(charge)
    return {symbol: tuple(charges) for symbol, charges in found.items()}
