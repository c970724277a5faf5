"""What a prototype's geometry says about all of its decorations, found once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from itertools import permutations

import numpy as np
from numpy.typing import NDArray
from pymatgen.core.periodic_table import Element
from pymatgen.core.structure import Structure

from materials.candidates.contacts import shortest_contacts
from materials.candidates.prototypes import Prototype
from materials.soundness import FloatArray, IntArray

# Where prototypes count as the same; the tolerances of tools/make_prototypes.py.
_LENGTHS, _PLACES, _ANGLES = 0.2, 0.2, 5.0  # relative, of the mean spacing, degrees
_CODE_DIGITS = 10  # hexadecimal; two arrangements share them once in 10^12 pairs


@dataclass(frozen=True)
class Shape:
    """One prototype of ``k`` species."""

    species: IntArray  # (n_sites,)
    frac_coords: FloatArray  # (n_sites, 3)
    lattice: FloatArray  # (3, 3), of volume 1
    shortest: FloatArray  # (k, k), distance between species in that lattice
    arrangements: tuple[tuple[int, ...], ...]
    """Ways to put ``k`` different elements on the species that give different crystals:
    the place of each species' element among the elements in order. Of those that give the
    same crystal, the first in lexicographic order."""
    codes: tuple[str, ...]
    """Of each arrangement, from the prototype's label."""


@dataclass(frozen=True)
class Shapes:
    """``p`` prototypes end to end; species are padded to the ``k`` of the richest."""

    n_species: IntArray  # (p,)
    amounts: IntArray  # (p, k) atoms of each species, 0 for padding
    reduced: IntArray  # (p, k) the same without common divisors
    lattice: FloatArray  # (p, 3, 3), of volume 1
    shortest: FloatArray  # (p, k, k), infinite for padding
    species: IntArray  # (n_sites,)
    frac_coords: FloatArray  # (n_sites, 3)
    first_site: IntArray  # (p,)
    arrangements: IntArray  # (n_arrangements, k), 0 for padding
    codes: NDArray[np.object_]  # (n_arrangements,)
    first_arrangement: IntArray  # (p,)
    n_arrangements: IntArray  # (p,)

    @classmethod
    def of(cls, prototypes: Sequence[Prototype]) -> Shapes:
        """Look at every prototype; each is remembered."""
        shapes = [shape_of(prototype) for prototype in prototypes]
        n, k = len(shapes), max(prototype.n_species for prototype in prototypes)
        amounts = np.zeros((n, k), dtype=np.int64)
        shortest = np.full((n, k, k), np.inf)
        for row, shape in enumerate(shapes):
            here = len(shape.shortest)
            amounts[row, :here] = np.bincount(shape.species, minlength=here)
            shortest[row, :here, :here] = shape.shortest
        sites = np.array([len(shape.species) for shape in shapes])
        ways = np.array([len(shape.arrangements) for shape in shapes])
        padded = [way + (0,) * (k - len(way)) for s in shapes for way in s.arrangements]
        return cls(
            n_species=np.array([prototype.n_species for prototype in prototypes]),
            amounts=amounts,
            reduced=amounts // np.gcd.reduce(amounts, axis=1)[:, None],
            lattice=np.array([shape.lattice for shape in shapes]),
            shortest=shortest,
            species=np.concatenate([shape.species for shape in shapes]),
            frac_coords=np.concatenate([shape.frac_coords for shape in shapes]),
            first_site=np.cumsum(sites) - sites,
            arrangements=np.array(padded, dtype=np.int64),
            codes=np.array([code for s in shapes for code in s.codes], dtype=object),
            first_arrangement=np.cumsum(ways) - ways,
            n_arrangements=ways,
        )


@cache
def shape_of(prototype: Prototype) -> Shape:
    """Look at one prototype; at one of the same label, once."""
    parent = prototype.structure
    species = _species(prototype)
    frac = np.array(parent.frac_coords, dtype=np.float64)
    matrix = np.array(parent.lattice.matrix, dtype=np.float64)
    ways = _arrangements(_swaps(prototype, species), prototype.n_species)
    unit = matrix / abs(np.linalg.det(matrix)) ** (1.0 / 3.0)
    codes = tuple(_code(prototype.label, way) for way in ways)
    return Shape(species, frac, unit, shortest_contacts(unit, frac, species), ways, codes)


def _code(label: str, arrangement: tuple[int, ...]) -> str:
    text = "|".join([label, *map(str, arrangement)])
    return sha256(text.encode()).hexdigest()[:_CODE_DIGITS]


def swaps_of(prototype: Prototype) -> frozenset[tuple[int, ...]]:
    """Renamings of a prototype's species that leave the crystal what it is."""
    return _swaps(prototype, _species(prototype))


def _species(prototype: Prototype) -> IntArray:
    """Species of each site, ``(n_sites,)``."""
    species = np.empty(prototype.n_sites, dtype=np.int64)
    for orbit, kind in zip(prototype.orbits, prototype.orbit_species, strict=True):
        species[list(orbit)] = kind
    return species


def _swaps(prototype: Prototype, species: IntArray) -> frozenset[tuple[int, ...]]:
    """Every renaming of the species that leaves the crystal what it is, mirrored or not.

    Only species on orbits of the same sizes are tried. As among the prototypes themselves,
    atoms may lie a fifth of their mean spacing apart: a relaxation would bring both to the
    same place, as the two cations of chalcopyrite.
    """
    from pymatgen.analysis.structure_matcher import StructureMatcher

    sizes: list[list[int]] = [[] for _ in range(prototype.n_species)]
    for orbit, kind in zip(prototype.orbits, prototype.orbit_species, strict=True):
        sizes[kind] = sorted([*sizes[kind], len(orbit)])
    matcher = StructureMatcher(_LENGTHS, _PLACES, _ANGLES, primitive_cell=False)
    own = _named(prototype.structure, species)
    found = {tuple(range(prototype.n_species))}
    for renaming in permutations(range(prototype.n_species)):
        alike = all(sizes[kind] == sizes[to] for kind, to in enumerate(renaming))
        if not alike or renaming in found:
            continue
        if matcher.fit(own, _named(own, np.array(renaming)[species])):
            found = _closed({*found, renaming})
    return frozenset(found)


def _named(structure: Structure, species: IntArray) -> Structure:
    """The same sites with an element of its own for each species."""
    symbols = [Element.from_Z(kind + 1).symbol for kind in species.tolist()]
    return Structure(structure.lattice, symbols, structure.frac_coords)


def _closed(renamings: set[tuple[int, ...]]) -> set[tuple[int, ...]]:
    """With these, all that come of one after another."""
    while (
        new := {
            tuple(first[kind] for kind in second)
            for first in renamings
            for second in renamings
        }
        - renamings
    ):
        renamings = renamings | new
    return renamings


def _arrangements(
    swaps: frozenset[tuple[int, ...]], n_species: int
) -> tuple[tuple[int, ...], ...]:
    return tuple(
        way
        for way in permutations(range(n_species))
        if way == min(tuple(way[kind] for kind in swap) for swap in swaps)
    )
