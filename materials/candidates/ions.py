"""Known crystals with the charges of their ions, and what an exchange of some is worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from materials.candidates.charges import likely_charges
from materials.candidates.likelihood import ion_table
from materials.candidates.structure_types import Occupant, StructureType, first_of

Ion = tuple[str, int]


@dataclass(frozen=True)
class IonicCrystal:
    """A known crystal whose charges balance."""

    occupant: Occupant
    type: int
    """Number of its structure type."""
    same: tuple[tuple[int, ...], ...]
    amounts: tuple[int, ...]
    """Atoms of each species in a formula unit."""
    charges: tuple[int, ...]
    """Of each species."""

    @property
    def ions(self) -> tuple[Ion, ...]:
        """Element and charge of each species."""
        return tuple(zip(self.occupant.elements, self.charges, strict=True))

    def target(self, elements: Sequence[str]) -> tuple[int, tuple[str, ...]]:
        """Equal for those elements on the species that give the same crystal."""
        return self.type, first_of(self.same, tuple(elements))


def ionic_crystals(
    types: Sequence[StructureType], n_species: Sequence[int]
) -> tuple[IonicCrystal, ...]:
    """The occupants of so many elements whose charges balance."""
    found = []
    for number, known in enumerate(types):
        if known.prototype.n_species not in n_species:
            continue
        for occupant in known.occupants:
            charges = likely_charges(
                tuple(zip(occupant.elements, known.amounts, strict=True))
            )
            if charges is not None:
                one = IonicCrystal(occupant, number, known.same, known.amounts, charges)
                found.append(one)
    return tuple(found)


def exchange_score(
    old: Sequence[Ion], amounts: Sequence[int], new: Sequence[str]
) -> float | None:
    """Log probability of the likeliest ions of the new elements, None if none fit.

    Ion by ion cations stay cations; the sum of charges, weighted by ``amounts``, stays.
    """
    table = ion_table()
    charge = sum(q * n for (_, q), n in zip(old, amounts, strict=True))
    choices = [
        [q for q in table.states(symbol) if q * before > 0]
        for symbol, (_, before) in zip(new, old, strict=True)
    ]
    scores = [
        sum(
            table.between((symbol, q), ion)
            for symbol, q, ion in zip(new, choice, old, strict=True)
        )
        for choice in product(*choices)
        if sum(q * n for q, n in zip(choice, amounts, strict=True)) == charge
    ]
    return max(scores, default=None)
