"""Structure types with other elements on their species, the likeliest first.

What counts, within a chemical system: how like the elements are to those of known crystals of
the type (each known crystal adds its likelihood, so that common types rank high), and whether
charges balance. The known crystals themselves are not made again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import permutations

import numpy as np
from pymatgen.core.periodic_table import Element

from materials.candidates.exchange import rescaled
from materials.candidates.fitted_volume import VolumeGuess
from materials.candidates.likelihood import NEVER_SEEN, element_weights
from materials.candidates.protocol import Generated, candidate_name
from materials.candidates.prototypes import Prototype, decorate
from materials.candidates.shapes import swaps_of
from materials.candidates.structure_types import StructureType, first_equals
from materials.candidates.systems import Scope, System, stream_rankings
from materials.errors import InputError
from materials.known import reduced_formula
from materials.screens.validity import (
    Alloys,
    ChargeRules,
    OxidationStates,
    composition_is_ionic,
)
from materials.soundness import FloatArray, IntArray

_RANKINGS_KEPT = 64
BALANCED = ChargeRules(states=OxidationStates.OBSERVED, alloys=Alloys.ACCEPT)
"""Charges as candidates are ranked by: alloys of metals pass."""


@dataclass(frozen=True, kw_only=True)
class PrototypeSettings:
    """What is made of prototypes, and in which order."""

    unbalanced: float = 0.02
    """What a composition whose charges do not balance is worth beside one that is; 0 leaves
    it out."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.unbalanced <= 1.0:
            raise InputError(f"unbalanced is a number from 0 to 1, got {self.unbalanced}")


class PrototypeGenerator:
    """Decorated prototypes, system by system, ranked."""

    name = "prototypes"

    def __init__(
        self,
        types: Sequence[StructureType | Prototype],
        scope: Scope,
        settings: PrototypeSettings | None = None,
    ) -> None:
        """A plain prototype counts as a type that was seen once, nobody knows with what.

        Raises :class:`InputError` if two types share a label, or none has as many species
        as candidates shall have elements.
        """
        self._scope = scope
        self._settings = settings or PrototypeSettings()
        found = [t if isinstance(t, StructureType) else unoccupied(t) for t in types]
        labels = [t.prototype.label for t in found]
        if len(set(labels)) < len(labels):
            twice = next(label for label in labels if labels.count(label) > 1)
            raise InputError(f"two prototypes are labelled {twice}; drop one")
        self._families = {
            k: _Family.of([t for t in found if t.prototype.n_species == k])
            for k in sorted(set(scope.n_species))
            if any(t.prototype.n_species == k for t in found)
        }
        if not self._families:
            raise InputError(
                f"no prototype has {' or '.join(map(str, scope.n_species))} species; "
                "choose other prototypes, or other numbers of elements"
            )
        self._rank = lru_cache(_RANKINGS_KEPT)(self._ranked)

    def stream(self, first: int = 0) -> Iterator[Generated]:
        """Yield candidates from number ``first`` on, the best of each system first."""
        return stream_rankings(self._scope, self._rank, first)

    def ranking(self, system: System) -> PrototypeRanking:
        """What can be made of one chemical system."""
        return self._rank(system)

    def _ranked(self, system: System) -> PrototypeRanking:
        family = self._families.get(len(system))
        if family is None:
            return PrototypeRanking((), system, np.zeros((0, 2), dtype=np.int64))
        return PrototypeRanking(family.types, system, family.rank(system, self._settings))


def unoccupied(prototype: Prototype) -> StructureType:
    """A type of which no crystal is known."""
    return StructureType(prototype, (), tuple(sorted(swaps_of(prototype))))


@dataclass(frozen=True)
class PrototypeRanking:
    """Places are rows of ``order``: a type, and the number of a permutation."""

    types: tuple[StructureType, ...]
    system: System
    order: IntArray  # (n, 2)

    def __len__(self) -> int:
        return len(self.order)

    def formula(self, place: int) -> str:
        """Reduced formula of one candidate."""
        number, way = self.order[place].tolist()
        elements, amounts = self._elements(way), self.types[number].amounts
        return reduced_formula(
            "".join(f"{e}{n}" for e, n in zip(elements, amounts, strict=True))
        )

    def make(self, place: int) -> Generated:
        """Decorate the prototype."""
        number, way = self.order[place].tolist()
        known, elements = self.types[number], self._elements(way)
        prototype = known.prototype
        crystal = decorate(prototype, elements, volume=VolumeGuess.FITTED)
        if known.occupants:
            crystal = rescaled(crystal, known.occupants[0].structure())
        formula = reduced_formula(crystal)
        return Generated(
            name=candidate_name(formula, "prototypes", prototype.label, *elements),
            formula=formula,
            structure=crystal,
            generator="prototypes",
            parent=prototype.label,
        )

    def _elements(self, way: int) -> list[str]:
        """On each species, by the number of a permutation."""
        return [self.system[i] for i in list(permutations(range(len(self.system))))[way]]


@dataclass(frozen=True)
class _Family:
    """Types of ``k`` species, their occupants end to end; ``p`` permutations of species."""

    types: tuple[StructureType, ...]
    occupants: IntArray  # (n_occupants, k) atomic numbers
    owner: IntArray  # (n_occupants,) their types
    begin: IntArray  # (n_occupied,) first occupant of each type that has any
    occupied: IntArray  # (n_occupied,) those types
    amounts: IntArray  # (n_types, k), without common divisors
    first: IntArray  # (n_types, p) the permutation that stands for each one's equals

    @classmethod
    def of(cls, types: Sequence[StructureType]) -> _Family:
        k = types[0].prototype.n_species
        counts = np.array([t.count for t in types], dtype=np.int64)
        occupied = np.flatnonzero(counts)
        rows = [[Element(s).Z for s in o.elements] for t in types for o in t.occupants]
        amounts = np.array([t.prototype.stoichiometry for t in types], dtype=np.int64)
        return cls(
            types=tuple(types),
            occupants=np.array(rows, dtype=np.int64).reshape(-1, k),
            owner=np.repeat(np.arange(len(types)), counts),
            begin=(np.cumsum(counts) - counts)[occupied],
            occupied=occupied,
            amounts=amounts // np.gcd.reduce(amounts, axis=1)[:, None],
            first=np.array([first_equals(t.same, k) for t in types], dtype=np.int64),
        )

    def rank(self, system: System, settings: PrototypeSettings) -> IntArray:
        """Type and permutation of each candidate, the best first, ``(n, 2)``."""
        ways = list(permutations(range(len(system))))
        numbers = np.array([Element(symbol).Z for symbol in system], dtype=np.int64)
        score = np.full((len(self.types), len(ways)), -np.inf)
        likeness = self._likeness(numbers, ways)
        rows = np.arange(len(self.types))
        for way in range(len(ways)):
            first = self.first[:, way]
            score[rows, first] = np.maximum(score[rows, first], likeness[:, way])
        score += _log_balance(self.amounts, numbers, ways, settings.unbalanced)
        for way, order in enumerate(ways):
            same = (self.occupants == numbers[list(order)]).all(axis=1)
            known = self.owner[same]
            score[known, self.first[known, way]] = -np.inf
        types, places = np.nonzero(np.isfinite(score))
        best_first = np.argsort(-score[types, places], kind="stable")
        return np.stack([types[best_first], places[best_first]], axis=1)

    def _likeness(self, numbers: IntArray, ways: list[tuple[int, ...]]) -> FloatArray:
        """Logarithm of the summed likelihoods of the occupants, ``(n_types, p)``."""
        weights = element_weights()
        found = np.full((len(self.types), len(ways)), NEVER_SEEN * len(numbers))
        for way, order in enumerate(ways if len(self.begin) else []):
            each = weights[self.occupants, numbers[list(order)]].sum(axis=1)
            found[self.occupied, way] = np.logaddexp.reduceat(each, self.begin)
        return found


def _log_balance(
    amounts: IntArray, numbers: IntArray, ways: list[tuple[int, ...]], unbalanced: float
) -> FloatArray:
    """0 where charges balance, the logarithm of ``unbalanced`` elsewhere, ``(n, p)``."""
    patterns, which = np.unique(amounts, axis=0, return_inverse=True)
    worth = math.log(unbalanced) if unbalanced else -math.inf
    found = np.zeros((len(patterns), len(ways)))
    for row, pattern in enumerate(patterns):
        for column, way in enumerate(ways):
            counts = np.zeros(119, dtype=np.int64)
            counts[numbers[list(way)]] = pattern
            if not composition_is_ionic(counts, BALANCED):
                found[row, column] = worth
    scores: FloatArray = found[which.ravel()]
    return scores
