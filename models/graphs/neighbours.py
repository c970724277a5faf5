"""Periodic neighbours inside a reach that adapts to each atom.

A fixed cutoff gives a close-packed metal seventy neighbours and a molecular crystal three;
a fixed *number* of neighbours cuts through shells of equal distance, and which of the
equals survives depends on how the crystal was written. Here each atom looks as far as its
own surroundings suggest,

    reach_i = min(stretch * mean of its 12 shortest distances, max_reach),

and an edge's weight falls smoothly to zero at that reach (:func:`envelope`). The sorted
distances are continuous functions of the positions, so the graph's weighted content is too,
and it is the same for every way of writing one crystal.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from materials.errors import InputError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_FIRST_RADIUS = 6.0  # Å; enough for nine crystals in ten, the others are searched again
_FARTHEST = 100.0  # Å; memory grows with its cube
_SAME_SITE = 1e-6  # Å; shorter distances are the atom itself


@dataclass(frozen=True, kw_only=True)
class GraphConfig:
    """How far atoms see. Saved with every model, because graphs must be built alike."""

    n_nearest: int = 12
    """Distances averaged to set an atom's reach."""
    stretch: float = 1.3
    """Reach in units of that average; 1.3 keeps the twelve nearest of a close packing, two
    shells of body-centred cubic and of diamond."""
    max_reach: float = 10.0
    """Å. Missing neighbours count as being this far away."""

    def __post_init__(self) -> None:
        fine = 1 <= self.n_nearest <= 1000 and 0.0 < self.stretch <= 100.0
        if not (fine and 0.0 < self.max_reach <= _FARTHEST):
            raise InputError(
                f"{self}: expected n_nearest of 1 to 1000, stretch above 0 and to 100, "
                f"max_reach above 0 and to {_FARTHEST:g} Å"
            )


@dataclass(frozen=True)
class Neighbours:
    """Directed edges, sorted by receiving atom."""

    source: IntArray  # (n_edges,) the neighbour
    target: IntArray  # (n_edges,) the atom that looks
    vector: FloatArray  # (n_edges, 3) Å, from target to source image
    distance: FloatArray  # (n_edges,) Å
    reach: FloatArray  # (n_atoms,) Å


def periodic_neighbours(
    positions: FloatArray, cell: FloatArray, config: GraphConfig | None = None
) -> Neighbours:
    """Return every periodic image closer to an atom than that atom's reach.

    ``positions`` is ``(n_atoms, 3)`` in Å and ``cell`` ``(3, 3)`` in Å, rows being the
    lattice vectors; all three directions are periodic. An atom with nothing inside
    ``max_reach`` gets no edges.
    """
    config = config or GraphConfig()
    radius = min(_FIRST_RADIUS, config.max_reach)
    found = _within(positions, cell, radius)
    reach = _reach(found, len(positions), config)
    if reach.max(initial=0.0) > radius or _fewest(found, len(positions)) < config.n_nearest:
        found = _within(positions, cell, config.max_reach)
        reach = _reach(found, len(positions), config)
    target, source, vector, distance = found
    keep = distance < reach[target]
    return Neighbours(source[keep], target[keep], vector[keep], distance[keep], reach)


def _within(
    positions: FloatArray, cell: FloatArray, radius: float
) -> tuple[IntArray, IntArray, FloatArray, FloatArray]:
    """Target, source, vector and distance of all pairs within ``radius``, by target."""
    from pymatgen.optimization.neighbors import find_points_in_spheres

    points = np.ascontiguousarray(positions, dtype=np.float64)
    lattice = np.ascontiguousarray(cell, dtype=np.float64)
    periodic = np.ones(3, dtype=np.int64)
    target, source, image, distance = find_points_in_spheres(
        points, points, radius, periodic, lattice, 1e-8
    )
    real = distance > _SAME_SITE
    target, source, image, distance = (
        target[real],
        source[real],
        image[real],
        distance[real],
    )
    order = np.lexsort((distance, target))
    target, source, image, distance = (
        target[order],
        source[order],
        image[order],
        distance[order],
    )
    vector = points[source] + image @ lattice - points[target]
    return target, source, vector, distance


def _fewest(found: tuple[IntArray, IntArray, FloatArray, FloatArray], n_atoms: int) -> int:
    """The smallest number of neighbours that any atom has."""
    return int(np.bincount(found[0], minlength=n_atoms).min())


def _reach(
    found: tuple[IntArray, IntArray, FloatArray, FloatArray],
    n_atoms: int,
    config: GraphConfig,
) -> FloatArray:
    """Return ``(n_atoms,)``: the stretched mean of each atom's shortest distances, in Å."""
    target, _, _, distance = found
    start = np.searchsorted(target, np.arange(n_atoms))
    rank = np.arange(len(target)) - start[target]
    near = rank < config.n_nearest
    total = np.bincount(target[near], distance[near], minlength=n_atoms)
    missing = config.n_nearest - np.bincount(target[near], minlength=n_atoms)
    mean = (total + missing * config.max_reach) / config.n_nearest
    return np.minimum(config.stretch * mean, config.max_reach)
