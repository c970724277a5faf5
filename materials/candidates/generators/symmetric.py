"""Random crystals of chosen formulas that have some symmetry.

PyXtal puts atoms on Wyckoff positions of a random space group: Fredericks, Parrish, Sayre &
Zhu, Comput. Phys. Commun. 261, 107810 (2021), doi:10.1016/j.cpc.2020.107810. The volume is
PyXtal's own, at which it has seen to it that atoms keep apart. It is an extra:
``pip install 'galena-materials[pyxtal]'``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from itertools import product
from typing import Any

import numpy as np
from pymatgen.core.composition import Composition
from pymatgen.core.periodic_table import Element
from pymatgen.core.structure import Structure

from materials.candidates.charges import neutral_charges
from materials.candidates.protocol import Generated, candidate_name
from materials.candidates.systems import Scope, System, stream_rankings
from materials.errors import InputError, MissingExtraError
from materials.known import reduced_formula

_RANKINGS_KEPT = 256
_LAST_GROUP = 230
_ATTEMPTS = 60  # space groups and cells tried for one candidate before P1
_SYMPREC = 0.01  # Å


@dataclass(frozen=True, kw_only=True)
class SymmetricSettings:
    """Of which formulas, and how many crystals."""

    formulas: tuple[str, ...] = ()
    """Empty for all that charges balance in."""
    max_amount: int = 4
    """Atoms of one element in a formula unit, where formulas are not given."""
    max_sites: int = 16
    """Atoms in the primitive cell."""
    per_formula: int = 50
    """Crystals of each formula."""

    def __post_init__(self) -> None:
        for name in ("max_amount", "max_sites", "per_formula"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} is at least 1, got {getattr(self, name)}")
        for formula in self.formulas:
            atoms = Composition(reduced_formula(formula)).num_atoms
            if atoms > self.max_sites:
                raise InputError(
                    f"{formula} has {atoms:g} atoms, more than the {self.max_sites} of "
                    "max_sites; allow more"
                )


class SymmetricGenerator:
    """Random symmetric crystals, formula by formula in turn."""

    name = "symmetric"

    def __init__(self, scope: Scope, settings: SymmetricSettings | None = None) -> None:
        """Raises :class:`MissingExtraError` without PyXtal, :class:`InputError` for formulas
        outside the scope.
        """
        _pyxtal()
        self._scope = scope
        self._settings = settings or SymmetricSettings()
        self._given = {
            formula: tuple(sorted(_amounts(formula), key=lambda e: Element(e).Z))
            for formula in map(reduced_formula, self._settings.formulas)
        }
        for formula, elements in self._given.items():
            if (
                not set(elements) <= set(scope.symbols)
                or len(elements) not in scope.n_species
            ):
                raise InputError(
                    f"{formula} is outside the scope: candidates have "
                    f"{' or '.join(map(str, scope.n_species))} of {', '.join(scope.symbols)}"
                )
        self._rank = lru_cache(_RANKINGS_KEPT)(self._ranked)

    def stream(self, first: int = 0) -> Iterator[Generated]:
        """Yield candidates from number ``first`` on; each takes a tenth of a second or so."""
        return stream_rankings(self._scope, self._rank, first)

    def ranking(self, system: System) -> SymmetricRanking:
        """What can be made of one chemical system."""
        return self._rank(system)

    def _ranked(self, system: System) -> SymmetricRanking:
        if self._given:
            formulas = [f for f, elements in self._given.items() if elements == system]
        else:
            formulas = balanced_formulas(system, self._settings)
        return SymmetricRanking(tuple(formulas), self._settings, self._scope.seed)


@dataclass(frozen=True)
class SymmetricRanking:
    """Places are formulas in turn, and how often it was each one's turn before."""

    formulas: tuple[str, ...]
    settings: SymmetricSettings
    seed: int

    def __len__(self) -> int:
        return len(self.formulas) * self.settings.per_formula

    def formula(self, place: int) -> str:
        """Reduced formula of one candidate."""
        return self.formulas[place % len(self.formulas)]

    def make(self, place: int) -> Generated:
        """Draw space groups and cells until atoms fit."""
        formula, trial = self.formula(place), place // len(self.formulas)
        digest = sha256(f"{formula}|{trial}".encode()).digest()[:8]
        rng = np.random.default_rng([self.seed, int.from_bytes(digest, "big")])
        crystal, group = random_crystal(formula, self.settings.max_sites, rng)
        return Generated(
            name=candidate_name(formula, "symmetric", group, self.seed, trial),
            formula=formula,
            structure=crystal,
            generator="symmetric",
            parent=f"space group {group}",
        )


def balanced_formulas(system: System, settings: SymmetricSettings) -> list[str]:
    """Formulas of all elements of a system in which charges balance, the shortest first."""
    found = []
    for amounts in product(range(1, settings.max_amount + 1), repeat=len(system)):
        whole = sum(amounts) <= settings.max_sites and int(np.gcd.reduce(amounts)) == 1
        if whole and neutral_charges(tuple(zip(system, amounts, strict=True))):
            found.append((sum(amounts), amounts))
    found.sort()
    return [
        reduced_formula("".join(f"{e}{n}" for e, n in zip(system, amounts, strict=True)))
        for _, amounts in found
    ]


def random_crystal(
    formula: str, max_sites: int, rng: np.random.Generator
) -> tuple[Structure, int]:
    """A crystal of at most ``max_sites`` atoms and the space group it was drawn from.

    Raises:
        MissingExtraError: PyXtal is not installed.
        InputError: no crystal was found, not even without symmetry.
    """
    pyxtal = _pyxtal()
    amounts = _amounts(formula)
    most = max_sites // sum(amounts.values())
    for attempt in range(_ATTEMPTS):
        last = attempt >= _ATTEMPTS - 5
        group = 1 if last else int(rng.integers(2, _LAST_GROUP + 1))
        symmetry = pyxtal.symmetry.Group(group)
        centred = _centring(symmetry.symbol)
        units = int(rng.integers(1, most + 1)) * centred
        counts = [n * units for n in amounts.values()]
        if not symmetry.check_compatible(counts)[0]:
            continue
        crystal = _drawn(pyxtal, group, list(amounts), counts, rng)
        if crystal is not None and len(crystal) <= max_sites:
            return crystal, group
    raise InputError(f"no random crystal of {formula} was found; allow more sites")


def _drawn(
    pyxtal: Any, group: int, symbols: list[str], counts: list[int], rng: np.random.Generator
) -> Structure | None:
    """One draw, in its primitive cell; None if PyXtal found no room for the atoms."""
    made = pyxtal.pyxtal()
    try:
        made.from_random(3, group, symbols, counts, max_count=1, random_state=rng)
    except (RuntimeError, ValueError, ZeroDivisionError, IndexError, pyxtal.msg.Error):
        return None
    if not made.valid:
        return None
    crystal: Structure = made.to_pymatgen(resort=True)
    return crystal.get_primitive_structure(tolerance=_SYMPREC)


def _centring(symbol: str) -> int:
    """Lattice points of a conventional cell."""
    return {"P": 1, "A": 2, "C": 2, "I": 2, "R": 3, "F": 4}[symbol[0]]


def _amounts(formula: str) -> dict[str, int]:
    return {e.symbol: round(n) for e, n in Composition(formula).items()}


def _pyxtal() -> Any:
    """The package, imported when a crystal is first drawn."""
    try:
        import pyxtal
        import pyxtal.msg
        import pyxtal.symmetry
    except ImportError as error:
        raise MissingExtraError("pyxtal", "pyxtal") from error
    return pyxtal
