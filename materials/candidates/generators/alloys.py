"""Ordered alloys between two known crystals of one structure type, over a range of shares.

End members differ in one element on one species: Ga and In in GaN and InN. In supercells
their atoms share that species' sites in every symmetry-distinct way, the evenest first. The
volume per atom lies between those of the end members by their shares (Vegard, Z. Phys. 5, 17
(1921), doi:10.1007/BF01349680); the geometry is that of the nearer one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import combinations

import numpy as np

from materials.candidates.orderings import Ordering, orderings, shared_formula
from materials.candidates.protocol import Generated, candidate_name
from materials.candidates.structure_types import Occupant, StructureType, first_of
from materials.candidates.systems import Scope, System, stream_rankings
from materials.errors import InputError
from materials.known import reduced_formula

_RANKINGS_KEPT, _ORDERINGS_KEPT = 64, 4096


@dataclass(frozen=True, kw_only=True)
class AlloySettings:
    """Which shares, and how large the cells."""

    min_share: float = 0.0
    """Of the second end member; itself 0 is the first one, and left out."""
    max_share: float = 1.0
    steps: int = 4
    """Shares are whole multiples of one by this."""
    max_sites: int = 16
    """Atoms in the cell."""
    orderings: int = 4
    """For one pair of end members and one share, so many."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.min_share <= self.max_share <= 1.0:
            raise InputError(
                "shares rise from 0 to 1: min_share must not exceed max_share, got "
                f"{self.min_share} and {self.max_share}"
            )
        if self.steps < 2:
            raise InputError(f"steps is at least 2, got {self.steps}")
        for name in ("max_sites", "orderings"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} is at least 1, got {getattr(self, name)}")
        if not self.shares:
            raise InputError(
                f"no multiple of 1/{self.steps} lies between {self.min_share} and "
                f"{self.max_share}, ends excluded; allow more steps"
            )

    @property
    def shares(self) -> tuple[Fraction, ...]:
        """Of the second end member."""
        steps = [Fraction(i, self.steps) for i in range(1, self.steps)]
        return tuple(x for x in steps if self.min_share <= x <= self.max_share)


@dataclass(frozen=True)
class Alloy:
    """One ordering between two end members."""

    first: Occupant
    second: Occupant
    elements: tuple[str, str]
    """That of the first, that of the second, on the species in which they differ."""
    share: Fraction
    """Of the second."""
    ordering: int

    @property
    def parent(self) -> str:
        """``mp-830+mp-20411``."""
        return f"{self.first.crystal_id}+{self.second.crystal_id}"

    @property
    def ratio(self) -> tuple[int, int]:
        """Atoms of the first's and the second's element."""
        return self.share.denominator - self.share.numerator, self.share.numerator

    @property
    def mismatch(self) -> float:
        """How much the end members differ in volume, as a logarithm."""
        return abs(float(np.log(_per_atom(self.first) / _per_atom(self.second))))


class AlloyGenerator:
    """Ordered alloys between the occupants of structure types, system by system, ranked."""

    name = "alloys"

    def __init__(
        self,
        types: Sequence[StructureType],
        scope: Scope,
        settings: AlloySettings | None = None,
    ) -> None:
        """For two end members of one's own, give the types of just these two.

        Raises :class:`InputError` if no two occupants of a type differ in one element.
        """
        self._scope = scope
        self._settings = settings or AlloySettings()
        self._hosts = _hosts(types, {k - 1 for k in scope.n_species})
        if not any(len(ends) > 1 for ends in self._hosts.values()):
            raise InputError(
                "no two known crystals of one structure type differ in one element: there "
                "is nothing to alloy"
            )
        self._crystals = {
            o.crystal_id: o
            for ends in self._hosts.values()
            for one in ends.values()
            for o in one
        }
        self._by_kept: defaultdict[frozenset[str], list[_Host]] = defaultdict(list)
        for host in self._hosts:
            self._by_kept[frozenset(e for e in host[1] if e)].append(host)
        self._rank = lru_cache(_RANKINGS_KEPT)(self._ranked)
        self._share = lru_cache(_ORDERINGS_KEPT)(self._shared)

    def stream(self, first: int = 0) -> Iterator[Generated]:
        """Yield candidates from number ``first`` on, the best of each system first."""
        return stream_rankings(self._scope, self._rank, first)

    def ranking(self, system: System) -> AlloyRanking:
        """What can be made of one chemical system."""
        return self._rank(system)

    def _ranked(self, system: System) -> AlloyRanking:
        """Even orderings of end members of like size first."""
        best: dict[tuple[object, ...], Alloy] = {}
        for elements in combinations(system, 2):
            kept = frozenset(system) - set(elements)
            for host in self._by_kept.get(kept, ()):
                ends = self._hosts[host]
                pairs = [
                    (a, b)
                    for a in ends.get(elements[0], ())
                    for b in ends.get(elements[1], ())
                ]
                if not pairs:
                    continue
                first, second = min(pairs, key=_difference)
                for share in self._settings.shares:
                    one = Alloy(first, second, elements, share, 0)
                    nearer, element = _nearer(one)
                    ways = self._share(nearer.crystal_id, element, one.ratio)
                    for number in range(len(ways)):
                        key = (host, elements, share, number)
                        best[key] = Alloy(first, second, elements, share, number)
        rows = sorted(
            best.values(),
            key=lambda one: (
                one.ordering,
                one.mismatch,
                one.parent,
                one.elements,
                one.share,
            ),
        )
        return AlloyRanking(tuple(rows), self._share)

    def _shared(
        self, crystal_id: str, element: str, ratio: tuple[int, int]
    ) -> tuple[Ordering, ...]:
        """The evenest orderings of two elements on the sites of one."""
        structure = self._crystals[crystal_id].structure()
        settings = self._settings
        found = orderings(
            structure,
            element,
            numbers=ratio,
            max_sites=settings.max_sites,
            enough=settings.orderings,
        )
        return tuple(found)


@dataclass(frozen=True)
class AlloyRanking:
    """Places are alloys."""

    alloys: tuple[Alloy, ...]
    share: Callable[[str, str, tuple[int, int]], tuple[Ordering, ...]]
    """Orderings by crystal, element that is shared, and ratio."""

    def __len__(self) -> int:
        return len(self.alloys)

    def formula(self, place: int) -> str:
        """Reduced formula of one candidate."""
        one = self.alloys[place]
        counts = one.first.composition()
        return shared_formula(counts, one.elements[0], one.elements, one.ratio)

    def make(self, place: int) -> Generated:
        """Order the atoms and scale the cell."""
        one = self.alloys[place]
        nearer, element = _nearer(one)
        way = self.share(nearer.crystal_id, element, one.ratio)[one.ordering]
        crystal = way.filled(*one.elements)
        x = float(one.share)
        each = (1.0 - x) * _per_atom(one.first) + x * _per_atom(one.second)
        crystal.scale_lattice(each * len(crystal))
        formula = reduced_formula(crystal)
        told = (*one.elements, one.share, one.ordering)
        return Generated(
            name=candidate_name(formula, "alloys", one.parent, *told),
            formula=formula,
            structure=crystal,
            generator="alloys",
            parent=one.parent,
        )


_Host = tuple[int, tuple[str, ...]]
"""A type, and the elements on its species, blank where end members differ."""


def _hosts(
    types: Sequence[StructureType], n_species: set[int]
) -> dict[_Host, dict[str, list[Occupant]]]:
    """End members by what they share, and then by the element in which they differ."""
    found: dict[_Host, dict[str, list[Occupant]]] = {}
    for number, known in enumerate(types):
        if known.prototype.n_species not in n_species:
            continue
        for occupant in known.occupants:
            for place, element in enumerate(occupant.elements):
                blank = (*occupant.elements[:place], "", *occupant.elements[place + 1 :])
                ends = found.setdefault((number, first_of(known.same, blank)), {})
                ends.setdefault(element, []).append(occupant)
    return found


def _difference(pair: tuple[Occupant, Occupant]) -> tuple[float, str]:
    first, second = pair
    apart = abs(float(np.log(_per_atom(first) / _per_atom(second))))
    return apart, f"{first.crystal_id}+{second.crystal_id}"


def _nearer(one: Alloy) -> tuple[Occupant, str]:
    """The end member of which there is more, and its element."""
    place = 0 if one.share <= Fraction(1, 2) else 1
    return (one.first, one.second)[place], one.elements[place]


def _per_atom(occupant: Occupant) -> float:
    return occupant.volume / len(occupant.atomic_numbers)
