"""A slab is a slab, whatever vectors its cell is written with."""

from __future__ import annotations

import ase.build
import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from materials.soundness import vacuum_fault


@pytest.mark.parametrize(("first", "second"), [(0, 0), (1, 0), (1, -1), (2, 1)])
def test_a_slab_in_slanting_vectors(first, second):
    slab = ase.build.fcc111("Cu", (1, 1, 4), vacuum=12.0)
    cell = slab.cell.array.copy()
    cell[0] += first * cell[2]
    cell[1] += second * cell[2]
    places = slab.positions @ np.linalg.inv(cell)
    assert "an empty layer of 24 Å" in vacuum_fault(places, cell)


def test_a_bulk_crystal_in_slanting_vectors_is_bulk():
    bulk = Structure.from_spacegroup("Fm-3m", Lattice.cubic(3.6), ["Cu"], [[0, 0, 0]])
    cell = bulk.lattice.matrix.copy()
    cell[0] += 5 * cell[2]
    places = bulk.cart_coords @ np.linalg.inv(cell)
    assert vacuum_fault(places, cell) is None
