"""What of a crystal is drawn: atoms of one cell and of its faces, bonds, the cell's edges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np
from numpy.typing import NDArray
from pymatgen.core.structure import Structure

_FACE = 0.02  # of a lattice vector: nearer to a face than this counts as on it
_TOUCHING = 0.1  # Å; what is nearer than this is one atom on two places, not a bond


@dataclass(frozen=True)
class Shape:
    """A crystal ready to be drawn, its middle in the origin."""

    elements: tuple[str, ...]  # (n_atoms,)
    positions: NDArray[np.float64]  # (n_atoms, 3), Å
    bonds: NDArray[np.int64]  # (n_bonds, 2), atoms joined
    edges: NDArray[np.float64]  # (12, 2, 3), Å, ends of the edges of one cell


def shape_of(cell: Structure, repeats: int = 1) -> Shape:
    """A cell, ``repeats`` times along each of its vectors; people know the conventional one.

    Atoms on a face are drawn on the opposite face too. Bonds are those of VESTA: pairs of
    elements within the distances that pymatgen carries as ``vesta_2019``.
    """
    whole = with_faces(cell * (repeats, repeats, repeats) if repeats > 1 else cell)
    middle = whole.lattice.matrix.sum(axis=0) / 2
    elements = tuple(_symbol(site) for site in whole)
    positions = whole.cart_coords - middle
    return Shape(
        elements=elements,
        positions=positions,
        bonds=_bonds(elements, positions),
        edges=_edges(cell.lattice.matrix) - middle,
    )


def with_faces(cell: Structure) -> Structure:
    """The cell with every atom near a face repeated on the opposite one."""
    species, places = [], []
    for site in cell:
        place = np.mod(site.frac_coords + _FACE, 1.0) - _FACE
        for shift in product(*[(0, 1) if each < _FACE else (0,) for each in place]):
            species.append(site.species)
            places.append(place + shift)
    return Structure(cell.lattice, species, places)


def _symbol(site: object) -> str:
    """The element of a site, of a mixed one the most frequent."""
    amounts = site.species.get_el_amt_dict()  # type: ignore[attr-defined]
    return str(max(amounts, key=amounts.__getitem__))


@cache
def _reaches() -> Mapping[tuple[str, str], float]:
    """Longest bond of a pair of elements, Å, both ways round."""
    from pymatgen.analysis.local_env import CutOffDictNN

    listed = CutOffDictNN.from_preset("vesta_2019").cut_off_dict
    return {
        pair: float(reach)
        for (one, two), reach in listed.items()
        for pair in ((one, two), (two, one))
    }


def _bonds(elements: tuple[str, ...], positions: NDArray[np.float64]) -> NDArray[np.int64]:
    from scipy.spatial import cKDTree

    reaches = {pair: reach for pair, reach in _reaches().items() if pair[0] in elements}
    longest = max((r for (_, two), r in reaches.items() if two in elements), default=0.0)
    if not longest:
        return np.empty((0, 2), dtype=np.int64)
    found = [
        (i, j)
        for i, j in sorted(cKDTree(positions).query_pairs(longest))
        if _TOUCHING
        < np.linalg.norm(positions[i] - positions[j])
        <= reaches.get((elements[i], elements[j]), 0.0)
    ]
    return np.array(found, dtype=np.int64).reshape(-1, 2)


def _edges(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ends of the twelve edges of a cell, ``(12, 2, 3)``."""
    corners = np.array(list(product((0, 1), repeat=3)))
    pairs = [
        (one, two)
        for i, one in enumerate(corners)
        for two in corners[i + 1 :]
        if np.abs(one - two).sum() == 1
    ]
    return np.array(pairs, dtype=np.float64) @ matrix


def radius_of(element: str) -> float:
    """Å, for drawing: half the covalent radius (Cordero et al., Dalton Trans. 2008, 2832)."""
    from ase.data import atomic_numbers, covalent_radii

    return 0.5 * float(covalent_radii[atomic_numbers[element]])


def colour_of(element: str) -> tuple[float, float, float]:
    """Red, green and blue from 0 to 1, of Jmol, as most programs have them."""
    from ase.data import atomic_numbers
    from ase.data.colors import jmol_colors

    red, green, blue = jmol_colors[atomic_numbers[element]]
    return float(red), float(green), float(blue)
