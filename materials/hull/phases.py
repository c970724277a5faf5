"""Phases with energies of one origin, and what is refused of them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from pymatgen.core.composition import Composition
from pymatgen.core.periodic_table import DummySpecies

from materials.errors import InputError, brief
from materials.formula_text import composition_of

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


class MixedOriginsError(InputError):
    """Energies from different methods were about to be compared."""


@dataclass(frozen=True)
class Phase:
    """A compound and its energy."""

    formula: str
    energy_per_atom: float
    """eV/atom, total (not formation) energy."""
    origin: str
    """What computed the energy: ``CHGNet 0.3.0``. Only equal origins are comparable."""
    name: str = ""
    """Which phase of that formula, for people."""
    std: float = 0.0
    """eV/atom, standard deviation of the energy; 0 where nothing is known of it."""

    @property
    def label(self) -> str:
        """The name, or the reduced formula of a phase without one."""
        return self.name or Composition(self.formula).reduced_formula


@dataclass(frozen=True)
class HullResult:
    """Where a phase stands among its competitors."""

    energy_above_hull: float
    """eV/atom above the best mixture of competing phases; negative: below all of them."""
    formation_energy_per_atom: float
    """eV/atom, against the lowest elemental phases among the competitors."""
    decomposition: dict[str, float]
    """The best mixture: name (or formula) of each phase -> its fraction of the atoms."""


@lru_cache(maxsize=1 << 17)
def atomic_fractions(formula: str) -> tuple[tuple[str, float], ...]:
    """Element symbols and their fractions of the atoms, by symbol.

    Oxidation states are ignored. Raises :class:`InputError` for an unreadable formula.
    """
    try:
        composition = composition_of(formula)
    except InputError as error:
        raise InputError(f"'{brief(formula)}' is not a formula: {error}") from error
    amounts: dict[str, float] = {}
    for species, amount in composition.items():
        if isinstance(species, DummySpecies):
            raise InputError(
                f"'{brief(formula)}' is not a formula: '{species}' is not an element"
            )
        amounts[species.symbol] = amounts.get(species.symbol, 0.0) + float(amount)
    total = sum(amounts.values())
    if not total:
        raise InputError(f"'{brief(formula)}' is not a formula: it holds no atoms")
    return tuple((symbol, amounts[symbol] / total) for symbol in sorted(amounts))


def check_energy(formula: str, energy: float) -> None:
    """Raise :class:`InputError` for an energy that is not a number."""
    if not math.isfinite(energy):
        raise InputError(f"the energy of {formula} is {energy}, expected eV/atom")


def one_origin(phases: Iterable[Phase]) -> str:
    """The origin of all ``phases``, empty for none.

    Raises :class:`MixedOriginsError` if there are several.
    """
    first: dict[str, str] = {}
    for phase in phases:
        first.setdefault(phase.origin, phase.formula)
    if len(first) > 1:
        told = ", ".join(
            f"that of {formula} is from {origin or 'an unnamed origin'}"
            for origin, formula in first.items()
        )
        raise MixedOriginsError(
            f"energies of {len(first)} origins in one hull: {told}; "
            "compute all with one method"
        )
    return next(iter(first), "")
