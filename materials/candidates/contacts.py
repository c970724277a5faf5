"""The shortest distances between the species of a crystal."""

from __future__ import annotations

from itertools import product

import numpy as np
from pymatgen.core.lattice import Lattice

from materials.soundness import FloatArray, IntArray


def shortest_contacts(
    lattice: FloatArray, frac_coords: FloatArray, species: IntArray
) -> FloatArray:
    """Shortest distance between two species, an atom's own images included, ``(k, k)``.

    ``lattice`` is ``(3, 3)``, ``frac_coords`` ``(n_sites, 3)``, ``species`` ``(n_sites,)``
    numbers from 0 to ``k - 1``; the unit is the lattice's.
    """
    cell = Lattice(lattice)
    distance = cell.get_all_distances(frac_coords, frac_coords)  # 0 to itself
    steps = np.array([s for s in product((-2, -1, 0, 1, 2), repeat=3) if any(s)])
    image = np.linalg.norm(steps @ cell.get_lll_reduced_lattice().matrix, axis=1).min()
    np.fill_diagonal(distance, image)
    n_species = int(species.max()) + 1
    found = np.full((n_species, n_species), np.inf)
    np.minimum.at(found, (species[:, None], species[None, :]), distance)
    return found
