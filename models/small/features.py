"""Numbers that describe a crystal without a network: Magpie's, and the simplest of geometry.

The 132 of the composition are matminer's Magpie preset (Ward et al., npj Comput. Mater. 2,
16028 (2016)). Those of the structure, :data:`STRUCTURE_FEATURES`, are density, packing and
symmetry, and statistics over atoms of their nearest neighbours: how far, how many, and how
unlike.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from models.evaluation.magpie import magpie_features
from models.graphs.build import CrystalArrays
from models.graphs.neighbours import GraphConfig, periodic_neighbours

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_PER_ATOM = (
    "nearest distance",  # Å
    "nearest distance over sum of covalent radii",
    "coordination",  # neighbours within _SHELL of the nearest, relative to the radii
    "electronegativity difference to neighbours",  # Pauling
    "share of neighbours of the same element",
)
_STATISTICS = ("mean", "deviation", "minimum", "maximum")
STRUCTURE_FEATURES = (
    "volume per atom",  # Å3
    "density",  # g/cm3
    "packing",  # covalent spheres over cell
    "atoms per primitive cell",
    "space group",
    "shortest over longest cell vector",
    *(f"{what}, {statistic}" for what in _PER_ATOM for statistic in _STATISTICS),
)

_SHELL = 1.25  # how much farther than the nearest a neighbour may be
_GRAMS = 1.66053907  # g/cm3 of one atomic mass unit per Å3
_SYMPREC = 0.05  # Å


def features(
    counts: IntArray, crystals: Sequence[CrystalArrays] | None
) -> NDArray[np.float32]:
    """Return ``(n, 132)`` for compositions ``counts`` ``(n, 119)``, more with crystals."""
    composition = magpie_features(counts)
    if crystals is None:
        return composition
    geometry = np.array([structure_features(crystal) for crystal in crystals])
    geometry = geometry.reshape(len(counts), len(STRUCTURE_FEATURES))
    return np.concatenate([composition, geometry.astype(np.float32)], axis=1)


def structure_features(crystal: CrystalArrays) -> FloatArray:
    """Return the :data:`STRUCTURE_FEATURES` of one crystal, the same for any of its cells."""
    import spglib

    mass, radius, _ = _elements()
    z, frac, lattice = crystal
    volume = abs(float(np.linalg.det(lattice)))
    found = spglib.get_symmetry_dataset(
        (lattice.tolist(), frac.tolist(), z.tolist()), symprec=_SYMPREC
    )
    primitive = len(set(found.mapping_to_primitive.tolist())) if found else len(z)
    standard = np.linalg.norm(found.std_lattice if found else lattice, axis=1)
    whole = [
        volume / len(z),
        float(mass[z].sum()) * _GRAMS / volume,
        float((4 / 3 * np.pi * radius[z] ** 3).sum()) / volume,
        primitive,
        float(found.number) if found else 0.0,
        float(standard.min() / standard.max()),
    ]
    per_atom = _surroundings(crystal)  # (n_atoms, 5)
    over = [per_atom.mean(0), per_atom.std(0), per_atom.min(0), per_atom.max(0)]
    return np.concatenate([whole, np.stack(over, axis=1).ravel()])


def _surroundings(crystal: CrystalArrays) -> FloatArray:
    """Return ``(n_atoms, 5)``, in the order of ``_PER_ATOM``; zeros for an isolated atom."""
    _, radius, pauling = _elements()
    z, frac, lattice = crystal
    found = periodic_neighbours(frac @ lattice, lattice, GraphConfig())
    distance = np.linalg.norm(found.vector, axis=1)  # (n_edges,)
    relative = distance / (radius[z[found.source]] + radius[z[found.target]])
    nearest = np.full((2, len(z)), np.inf)
    np.minimum.at(nearest[0], found.target, distance)
    np.minimum.at(nearest[1], found.target, relative)
    bonded = relative <= _SHELL * nearest[1][found.target]
    source, target = found.source[bonded], found.target[bonded]
    told = np.zeros((len(z), 5))
    np.add.at(told[:, 2], target, 1.0)
    np.add.at(told[:, 3], target, np.abs(pauling[z[source]] - pauling[z[target]]))
    np.add.at(told[:, 4], target, (z[source] == z[target]).astype(np.float64))
    told[:, 3:] /= np.maximum(told[:, 2:3], 1.0)
    told[:, :2] = np.where(np.isfinite(nearest), nearest, 0.0).T
    return told


@lru_cache(maxsize=1)
def _elements() -> tuple[FloatArray, FloatArray, FloatArray]:
    """Masses (u), covalent radii (Å) and Pauling electronegativities, ``(119,)`` each."""
    import warnings

    from ase.data import atomic_masses, covalent_radii
    from pymatgen.core.periodic_table import Element

    pauling = np.zeros(119)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # noble gases have none
        for number in range(1, 119):
            value = float(Element.from_Z(number).X)
            pauling[number] = value if np.isfinite(value) else 0.0
    return np.asarray(atomic_masses)[:119], np.asarray(covalent_radii)[:119], pauling
