"""One crystal, as pymatgen or ase hold it, to one graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from materials.errors import InputError
from materials.soundness import LONGEST
from models.graphs.neighbours import FloatArray, GraphConfig, IntArray
from models.graphs.store import GraphStore

if TYPE_CHECKING:
    from ase import Atoms
    from pymatgen.core.structure import Structure
    from torch_geometric.data import Data

MIN_VOLUME_PER_ATOM = 1.0
"""Å3. Diamond, the densest arrangement of atoms at ambient pressure, has 5.7."""


class CrystalArrays(NamedTuple):
    """A crystal as plain arrays."""

    atomic_numbers: IntArray  # (n_atoms,)
    frac_coords: FloatArray  # (n_atoms, 3)
    lattice: FloatArray  # (3, 3) Å, rows are the lattice vectors


def crystal_arrays(crystal: Structure | Atoms) -> CrystalArrays:
    """Take the arrays out of a pymatgen ``Structure`` or ase ``Atoms``.

    Raises :class:`InputError` if sites are disordered or the atoms are not periodic in all
    three directions: the network only ever saw ordered bulk crystals.
    """
    from ase import Atoms

    if isinstance(crystal, Atoms):
        atoms: Any = crystal  # ase's methods are untyped
        if not atoms.pbc.all():
            raise InputError(
                f"atoms periodic along {atoms.pbc.tolist()}: expected a crystal, "
                "periodic in all three directions; set cell and pbc"
            )
        arrays = CrystalArrays(
            atoms.numbers, atoms.get_scaled_positions(wrap=False), np.asarray(atoms.cell)
        )
    elif not hasattr(crystal, "lattice"):
        raise InputError(
            f"{type(crystal).__name__}: expected a pymatgen Structure or ase Atoms; "
            "read files with materials.files.read_crystals"
        )
    else:
        if not crystal.is_ordered:
            raise InputError(
                f"{crystal.formula}: sites are shared or partly empty, expected one whole "
                "atom per site; order the structure first"
            )
        arrays = CrystalArrays(
            np.array(crystal.atomic_numbers), crystal.frac_coords, crystal.lattice.matrix
        )
    return checked(arrays)


def checked(arrays: CrystalArrays) -> CrystalArrays:
    """Return the arrays in the types that graphs are built from.

    Raises :class:`InputError` saying what is wrong with a crystal that has no graph.
    """
    try:
        numbers = np.asarray(arrays.atomic_numbers).astype(np.int64, casting="same_kind")
        frac = np.asarray(arrays.frac_coords, dtype=np.float64)
        lattice = np.asarray(arrays.lattice, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"expected arrays of whole atomic numbers and of coordinates: {error}"
        ) from error
    if numbers.size == 0:
        raise InputError("crystal without atoms: expected at least one")
    if numbers.min() < 1 or numbers.max() > 118:
        raise InputError(
            f"atomic numbers {numbers.min()} to {numbers.max()}: expected 1 to 118"
        )
    if numbers.ndim != 1 or frac.shape != (len(numbers), 3) or lattice.shape != (3, 3):
        raise InputError(
            f"coordinates {frac.shape} and lattice {lattice.shape}: expected "
            f"({len(numbers)}, 3) for {len(numbers)} atoms, and (3, 3)"
        )
    if not (np.isfinite(frac).all() and np.isfinite(lattice).all()):
        raise InputError("coordinates or lattice are not finite numbers")
    for fault in cell_faults(lattice[None], np.array([len(numbers)])).values():
        raise InputError(fault)
    return CrystalArrays(numbers, frac, lattice)


def cell_faults(lattice: FloatArray, n_sites: IntArray) -> dict[int, str]:
    """What is wrong with ``(n, 3, 3)`` cells in Å that hold ``(n,)`` atoms, by their place.

    Atoms would lie on top of each other, or the search for neighbours would not end; cells
    that hold none are not looked at.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        longest = np.linalg.norm(lattice, axis=2).max(axis=1, initial=0.0)
        volume = np.abs(np.linalg.det(lattice)) / np.maximum(n_sites, 1)
    held = n_sites > 0
    found = {
        int(row): f"lattice has a vector of {longest[row]:.3g} Å: expected at most "
        f"{LONGEST:g} Å; check the lattice's unit"
        for row in np.flatnonzero(~(longest <= LONGEST) & held)
    }
    for row in np.flatnonzero(~(volume >= MIN_VOLUME_PER_ATOM) & held):
        fault = (
            f"volume per atom {volume[row]:.3g} Å3: expected at least "
            f"{MIN_VOLUME_PER_ATOM:g}; check the lattice's unit"
        )
        found.setdefault(int(row), fault)
    return found


def crystal_graph(
    crystal: Structure | Atoms | CrystalArrays, config: GraphConfig | None = None
) -> Data:
    """Return the graph of one crystal, ready for :class:`torch_geometric.data.Batch`.

    | field | shape | meaning |
    |---|---|---|
    | ``z`` | (n_atoms,) int64 | atomic numbers |
    | ``reach`` | (n_atoms,) float32 | Å, how far each atom looks |
    | ``edge_index`` | (2, n_edges) int64 | neighbour, looking atom |
    | ``edge_vector`` | (n_edges, 3) float32 | Å, looking atom to neighbour's image |

    Raises :class:`InputError` for what is not an ordered, periodic, possible crystal.
    """
    from torch_geometric.data import Data

    arrays = (
        checked(crystal) if isinstance(crystal, CrystalArrays) else crystal_arrays(crystal)
    )
    found = GraphStore.build([arrays], config).cut(torch.tensor([0]))
    return Data(
        z=found.z,
        reach=found.reach,
        edge_index=found.edge_index,
        edge_vector=found.edge_vector,
        num_nodes=len(found.z),
    )
