"""Known crystals with other ions in them, by the data-mined likelihood of the exchange.

Hautier, Fischer, Ehrlacher, Jain & Ceder, Inorg. Chem. 50, 656 (2011),
doi:10.1021/ic102031h: the probability that a crystal with ions ``X1 … Xn`` forms where one
with ``Y1 … Yn`` is known is the product of ``p(Xi | Yi)``. New ions may carry other charges
than the old ones, as long as the sum is 0. Of the known crystals of one structure type, the
likeliest gives the geometry.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import permutations

import numpy as np
from pymatgen.core.periodic_table import Element

from materials.candidates.charges import neutral_charges
from materials.candidates.exchange import exchanged
from materials.candidates.ions import IonicCrystal, ionic_crystals
from materials.candidates.likelihood import ion_table
from materials.candidates.protocol import Generated, candidate_name
from materials.candidates.structure_types import Occupant, StructureType, first_equals
from materials.candidates.systems import Scope, System, stream_rankings
from materials.errors import InputError
from materials.known import reduced_formula
from materials.soundness import FloatArray, IntArray

_RANKINGS_KEPT = 64


@dataclass(frozen=True, kw_only=True)
class SubstitutionSettings:
    """How unlikely an exchange may be."""

    min_probability: float = 1e-6
    """Product of the conditional probabilities of all ions; pymatgen's own predictor stops
    at 1e-3."""

    def __post_init__(self) -> None:
        if not 0.0 < self.min_probability < 1.0:
            raise InputError(
                f"min_probability lies between 0 and 1, got {self.min_probability}"
            )


class SubstitutionGenerator:
    """Ionic substitution in the occupants of structure types, system by system, ranked."""

    name = "substitution"

    def __init__(
        self,
        types: Sequence[StructureType],
        scope: Scope,
        settings: SubstitutionSettings | None = None,
    ) -> None:
        """Known crystals whose charges cannot balance are left out.

        Raises :class:`InputError` if none of the others has as many elements as candidates
        shall have.
        """
        self._scope = scope
        self._least = math.log((settings or SubstitutionSettings()).min_probability)
        self._families = _families(types, scope.n_species)
        if not self._families:
            raise InputError(
                f"no known crystal of {' or '.join(map(str, scope.n_species))} elements has "
                "charges that balance: there is nothing to substitute ions in"
            )
        self._rank = lru_cache(_RANKINGS_KEPT)(self._ranked)

    def stream(self, first: int = 0) -> Iterator[Generated]:
        """Yield candidates from number ``first`` on, the best of each system first."""
        return stream_rankings(self._scope, self._rank, first)

    def ranking(self, system: System) -> SubstitutionRanking:
        """What can be made of one chemical system."""
        return self._rank(system)

    def _ranked(self, system: System) -> SubstitutionRanking:
        ways = list(permutations(range(len(system))))
        rows = [
            (score, family.occupants[place], tuple(system[i] for i in ways[way]))
            for family in self._families.get(len(system), ())
            for score, place, way in family.rank(system, self._least)
        ]
        rows.sort(key=lambda row: (-row[0], row[1].crystal_id, row[2]))
        return SubstitutionRanking(tuple((occupant, on) for _, occupant, on in rows))


@dataclass(frozen=True)
class SubstitutionRanking:
    """Places are known crystals and the elements to be on their species."""

    rows: tuple[tuple[Occupant, tuple[str, ...]], ...]

    def __len__(self) -> int:
        return len(self.rows)

    def formula(self, place: int) -> str:
        """Reduced formula of one candidate."""
        occupant, elements = self.rows[place]
        return occupant.formula_with(elements)

    def make(self, place: int) -> Generated:
        """Put the ions in and scale the cell."""
        occupant, elements = self.rows[place]
        crystal = exchanged(occupant, dict(zip(occupant.elements, elements, strict=True)))
        formula = reduced_formula(crystal)
        swaps = [f"{a}>{b}" for a, b in zip(occupant.elements, elements, strict=True)]
        return Generated(
            name=candidate_name(formula, "substitution", occupant.crystal_id, *swaps),
            formula=formula,
            structure=crystal,
            generator="substitution",
            parent=occupant.crystal_id,
        )


@dataclass(frozen=True)
class _Family:
    """Known crystals of one stoichiometry, their species in the order of their types'."""

    amounts: tuple[int, ...]  # (k,) without common divisors
    occupants: tuple[Occupant, ...]
    numbers: IntArray  # (n, k) atomic numbers
    ions: IntArray  # (n, k) columns of the ion table
    types: IntArray  # (n,)
    first: IntArray  # (n, p) the permutation that stands for each one's equals

    def rank(self, system: System, least: float) -> list[tuple[float, int, int]]:
        """Log probability, crystal and permutation: the best of each type, known ones out."""
        ways = list(permutations(range(len(system))))
        found = [self._exchanges(system, way) for way in ways]  # p times (n,)
        score = np.stack(found, axis=1)
        crystals, places = np.nonzero(score >= least)
        if not len(crystals):
            return []
        targets = self.types[crystals] * len(ways) + self.first[crystals, places]
        order = np.lexsort((crystals, -score[crystals, places], targets))
        targets, crystals, places = targets[order], crystals[order], places[order]
        best = np.flatnonzero(np.diff(targets, prepend=-1))
        known = self._known(system, ways)
        return [
            (float(score[crystals[row], places[row]]), int(crystals[row]), int(places[row]))
            for row in best
            if int(targets[row]) not in known
        ]

    def _exchanges(self, system: System, way: tuple[int, ...]) -> FloatArray:
        """Log probability of the likeliest ions of these elements, ``(n,)``."""
        table = ion_table()
        elements = [system[i] for i in way]
        best = np.full(len(self.occupants), -np.inf)
        for charges in neutral_charges(tuple(zip(elements, self.amounts, strict=True))):
            rows = [table.index(e, q) for e, q in zip(elements, charges, strict=True)]
            each = table.log_probability[np.array(rows, dtype=np.int64), self.ions]
            best = np.maximum(best, each.sum(axis=1))
        return best

    def _known(self, system: System, ways: list[tuple[int, ...]]) -> set[int]:
        """Types and permutations that are known crystals themselves."""
        wanted = np.array([Element(symbol).Z for symbol in system], dtype=np.int64)
        known: set[int] = set()
        for place, way in enumerate(ways):
            rows = np.flatnonzero((self.numbers == wanted[list(way)]).all(axis=1))
            targets = self.types[rows] * len(ways) + self.first[rows, place]
            known.update(targets.tolist())
        return known


def _families(
    types: Sequence[StructureType], n_species: tuple[int, ...]
) -> dict[int, tuple[_Family, ...]]:
    """Crystals with charges, by number of elements and stoichiometry."""
    table = ion_table()
    grouped: defaultdict[tuple[int, ...], list[IonicCrystal]] = defaultdict(list)
    for crystal in ionic_crystals(types, n_species):
        grouped[crystal.amounts].append(crystal)
    families: defaultdict[int, list[_Family]] = defaultdict(list)
    for amounts, rows in grouped.items():
        k = len(amounts)
        families[k].append(
            _Family(
                amounts=amounts,
                occupants=tuple(row.occupant for row in rows),
                numbers=np.array(
                    [[Element(e).Z for e in row.occupant.elements] for row in rows]
                ),
                ions=np.array([[table.index(*ion) for ion in row.ions] for row in rows]),
                types=np.array([row.type for row in rows], dtype=np.int64),
                first=np.array([first_equals(row.same, k) for row in rows]),
            )
        )
    return {k: tuple(some) for k, some in families.items()}
