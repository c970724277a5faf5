"""Cells of every shape, and the neighbours in them found by trying every image."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from materials.flat import FlatCrystals
from models.graphs.neighbours import GraphConfig

Crystal = tuple[NDArray[np.float64], NDArray[np.float64]]  # frac (n, 3), lattice (3, 3)


def flat(crystals: Sequence[Crystal]) -> FlatCrystals:
    return FlatCrystals.from_arrays(
        [(np.full(len(frac), 14), frac, lattice) for frac, lattice in crystals], {}
    )


def random_crystals(n: int, *, seed: int, most: int = 12) -> list[Crystal]:
    """Cubes to needles and plates, skewed, left-handed, with atoms outside the cell."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(n):
        n_atoms = int(rng.integers(1, most + 1))
        lattice = np.diag(rng.uniform(0.4, 2.5, 3)) + rng.normal(0, 0.5, (3, 3))
        volume = abs(np.linalg.det(lattice)) + 1e-3
        lattice *= (n_atoms * rng.uniform(6.0, 60.0) / volume) ** (1 / 3)
        made.append((rng.uniform(-1.0, 2.0, (n_atoms, 3)), lattice))
    return made


def brute_force(frac, lattice, config: GraphConfig):
    """Reach of each atom, and sorted distances of its neighbours, over every image."""
    heights = 1 / np.linalg.norm(np.linalg.inv(lattice), axis=0)
    frac = frac - np.floor(frac)
    steps = [range(-k, k + 1) for k in np.ceil(config.max_reach / heights).astype(int) + 1]
    shifts = np.array(list(product(*steps))) @ lattice
    between = (frac[None] - frac[:, None]) @ lattice  # (target, source, 3)
    distance = np.linalg.norm(between[:, :, None] + shifts, axis=-1).reshape(len(frac), -1)
    distance = np.sort(np.where(distance > 1e-6, distance, np.inf), axis=1)
    nearest = np.minimum(distance[:, : config.n_nearest], config.max_reach)
    reach = np.minimum(config.stretch * nearest.mean(axis=1), config.max_reach)
    return reach, [row[row < far] for row, far in zip(distance, reach, strict=True)]
