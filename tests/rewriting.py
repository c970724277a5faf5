"""Other ways to write down the same crystal."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from pymatgen.core import Structure
from scipy.spatial.transform import Rotation

_SHEARS = ([[1, 1, 0], [0, 1, 0], [0, 0, 1]], [[1, 0, 0], [0, 1, 0], [-1, 0, 1]])
_REPEATS = ([[2, 0, 0], [0, 1, 0], [0, 0, 1]], [[1, 0, 0], [0, 1, 1], [0, -1, 1]])


@st.composite
def rewritings(draw: st.DrawFn, structure: Structure, *, noise: float = 0.0) -> Structure:
    """Rotate, shift, reorder, choose another cell or a supercell; displace by ``noise`` Å."""
    same = structure.copy()
    for cell in draw(st.lists(st.sampled_from(_SHEARS + _REPEATS), max_size=2)):
        same = same.make_supercell(cell, in_place=False)
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    matrix = same.lattice.matrix @ Rotation.random(rng=rng).as_matrix()
    coords = same.frac_coords @ matrix + rng.uniform(-5, 5, 3)
    coords = coords + rng.uniform(-noise, noise, coords.shape)
    order = rng.permutation(len(same))
    return Structure(
        matrix, [same.species[i] for i in order], coords[order], coords_are_cartesian=True
    )
