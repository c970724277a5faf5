"""Pymatgen's own word on whether two reduced crystals are equal."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from materials.flat import FlatCrystals
from materials.novelty.comparison import Tolerances
from materials.novelty.store import CrystalStore
from materials.soundness import FloatArray, IntArray

if TYPE_CHECKING:
    from pymatgen.core import Structure
    from pymatgen.core.structure_matcher import StructureMatcher


def confirmed(
    cells: FlatCrystals, row: int, store: CrystalStore, known: int, tolerances: Tolerances
) -> bool:
    """Whether ``StructureMatcher`` maps one reduced crystal on another, volumes scaled."""
    atoms = slice(int(cells.start[row]), int(cells.start[row + 1]))
    own = _structure(
        cells.atomic_numbers[atoms], cells.frac_coords[atoms], cells.lattice[row]
    )
    return bool(_matcher(tolerances).fit(own, _structure(*store.cell(known))))


@lru_cache(maxsize=4)
def _matcher(tolerances: Tolerances) -> StructureMatcher:
    from pymatgen.core.structure_matcher import StructureMatcher

    return StructureMatcher(
        ltol=tolerances.length, stol=tolerances.site, angle_tol=tolerances.angle
    )


def _structure(numbers: IntArray, frac: FloatArray, lattice: FloatArray) -> Structure:
    from pymatgen.core import Lattice, Structure

    return Structure(Lattice(lattice), numbers.tolist(), frac)
