"""Formulas as mass fractions of the elements, many at once."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from materials.errors import InputError, brief
from materials.formula_text import LARGEST, LONGEST, composition_of
from materials.known import reduced_formula

if TYPE_CHECKING:
    from pymatgen.core import Composition, IStructure

FloatArray = NDArray[np.float64]

N_ELEMENTS = 119
"""Columns of tables of elements: atomic numbers 0 to 118, 0 unused."""

_PLAIN = re.compile(r"(?:[A-Z][a-z]?(?:\d+(?:\.\d+)?|\.\d+)?)+")
_PART = re.compile(r"([A-Z][a-z]?)(\d+(?:\.\d+)?|\.\d+)?")
_HYDROGEN = {"D": "H", "T": "H"}


def atom_fractions(formulas: Sequence[str | Composition | IStructure]) -> FloatArray:
    """Return ``(n, 119)``: atomic fractions by atomic number, each row summing to 1.

    Oxidation states are ignored, deuterium and tritium count as hydrogen. Raises
    :class:`InputError` for what is not a formula of elements, naming it.
    """
    amounts = np.zeros((len(formulas), N_ELEMENTS))
    number = atomic_numbers()
    for row, formula in zip(amounts, formulas, strict=True):
        for symbol, amount in element_amounts(formula).items():
            row[number[symbol]] += amount
    fractions: FloatArray = amounts / amounts.sum(axis=1, keepdims=True)
    return fractions


def mass_fractions(atoms: FloatArray) -> FloatArray:
    """Return ``(n, 119)`` mass fractions for atomic fractions ``(n, 119)``."""
    masses = atoms * atomic_masses()
    share: FloatArray = masses / masses.sum(axis=1, keepdims=True)
    return share


def element_amounts(formula: str | Composition | IStructure) -> Mapping[str, float]:
    """Atoms of each element; raises :class:`InputError` if there is none to be read."""
    amounts = _of_text(formula) if isinstance(formula, str) else _of_object(formula)
    if not amounts or not all(amount > 0 for amount in amounts.values()):
        shown = brief(spelled(formula))
        raise InputError(f"'{shown}' is not a chemical formula: it names no atoms")
    return amounts


def spelled(formula: str | Composition | IStructure) -> str:
    """A text as it is; of anything else the reduced formula."""
    return formula.strip() if isinstance(formula, str) else reduced_formula(formula)


def _of_text(text: str) -> dict[str, float]:
    """Read plain formulas at once; brackets, charges and faults are left to pymatgen."""
    text = text.strip()
    known = atomic_numbers()
    if len(text) <= LONGEST and _PLAIN.fullmatch(text):
        amounts: dict[str, float] = {}
        for symbol, amount in _PART.findall(text):
            if symbol not in known:
                break
            amounts[symbol] = amounts.get(symbol, 0.0) + float(amount or 1.0)
        else:
            if max(amounts.values()) <= LARGEST:
                return amounts
    try:
        composition = composition_of(text)
    except InputError as error:
        raise InputError(
            f"'{brief(text)}' is not a chemical formula: {error}; write it like GaAs or "
            "Cu2ZnSnS4"
        ) from error
    return _of_composition(composition, text)


def _of_object(material: Composition | IStructure) -> dict[str, float]:
    from pymatgen.core import Composition

    composition = material if isinstance(material, Composition) else material.composition
    return _of_composition(composition, composition.formula)


def _of_composition(composition: Composition, text: str) -> dict[str, float]:
    from pymatgen.core import DummySpecies

    amounts: dict[str, float] = {}
    for species, amount in composition.items():
        if isinstance(species, DummySpecies):
            raise InputError(
                f"'{brief(text)}' is not a chemical formula: "
                f"'{brief(species.symbol)}' is not an element"
            )
        symbol = _HYDROGEN.get(species.symbol, species.symbol)
        amounts[symbol] = amounts.get(symbol, 0.0) + float(amount)
    return amounts


@lru_cache(maxsize=1)
def atomic_numbers() -> Mapping[str, int]:
    """Symbol -> atomic number, 1 to 118."""
    from pymatgen.core.periodic_table import Element

    return {
        element.symbol: element.Z for element in Element if element.symbol not in _HYDROGEN
    }


@lru_cache(maxsize=1)
def symbols() -> tuple[str, ...]:
    """Symbols by atomic number; place 0 is empty."""
    by_number = {number: symbol for symbol, number in atomic_numbers().items()}
    return tuple(by_number.get(number, "") for number in range(N_ELEMENTS))


@lru_cache(maxsize=1)
def atomic_masses() -> FloatArray:
    """Standard atomic weights in g/mol, ``(119,)``; 0 at place 0."""
    from pymatgen.core.periodic_table import Element

    known = [float(Element(symbol).atomic_mass) for symbol in symbols()[1:]]
    return np.array([0.0, *known])
