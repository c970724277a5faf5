"""A few known crystals, and their structure types, for tests of what is made of them."""

from __future__ import annotations

from functools import cache

from pymatgen.core import Lattice, Structure

from materials.candidates.structure_types import StructureType, TypeLimits, prototypes_from


def halite(a: str, x: str, length: float = 5.6) -> Structure:
    return _cubic("Fm-3m", length, {a: (0, 0, 0), x: (0.5, 0.5, 0.5)})


def sphalerite(a: str, x: str, length: float) -> Structure:
    return _cubic("F-43m", length, {a: (0, 0, 0), x: (0.25, 0.25, 0.25)})


def fluorite(a: str, x: str, length: float) -> Structure:
    return _cubic("Fm-3m", length, {a: (0, 0, 0), x: (0.25, 0.25, 0.25)})


def perovskite(a: str, b: str, x: str, length: float = 3.9) -> Structure:
    places = {a: (0.5, 0.5, 0.5), b: (0, 0, 0), x: (0.5, 0, 0)}
    return _cubic("Pm-3m", length, places)


def chalcopyrite(a: str, b: str, x: str, length: float = 5.78) -> Structure:
    return Structure.from_spacegroup(
        "I-42d",
        Lattice.tetragonal(length, 2 * length),
        [a, b, x],
        [(0, 0, 0), (0, 0, 0.5), (0.25, 0.25, 0.125)],
    )


def _cubic(group: str, length: float, places: dict[str, tuple[float, ...]]) -> Structure:
    lattice = Lattice.cubic(length)
    return Structure.from_spacegroup(group, lattice, list(places), list(places.values()))


@cache
def known() -> dict[str, Structure]:
    """By id."""
    return {
        "NaCl": halite("Na", "Cl"),
        "MgO": halite("Mg", "O", 4.21).get_primitive_structure(),
        "CaO": halite("Ca", "O", 4.81),
        "GaAs": sphalerite("Ga", "As", 5.653),
        "InP": sphalerite("In", "P", 5.869),
        "GaP": sphalerite("Ga", "P", 5.451),
        "ZnS": sphalerite("Zn", "S", 5.409),
        "CaF2": fluorite("Ca", "F", 5.463),
        "SrTiO3": perovskite("Sr", "Ti", "O", 3.905),
        "BaZrS3": perovskite("Ba", "Zr", "S", 4.99),
        "KMgF3": perovskite("K", "Mg", "F", 3.99),
        "CuInSe2": chalcopyrite("Cu", "In", "Se"),
        "CuGaS2": chalcopyrite("Cu", "Ga", "S", 5.35),
        "Si": _cubic("Fd-3m", 5.431, {"Si": (0, 0, 0)}),
    }


@cache
def types() -> tuple[StructureType, ...]:
    """Of all of them."""
    return prototypes_from(known().items(), TypeLimits())
