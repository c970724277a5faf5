"""From many crystals to their graphs, by the search that suits the device."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from materials.flat import FlatCrystals
from models.graphs.batch import CrystalBatch
from models.graphs.batched import Cells, affordable, batched_neighbours
from models.graphs.neighbours import FloatArray, GraphConfig, IntArray

CPU = torch.device("cpu")


@dataclass(frozen=True)
class CrystalGraphs:
    """Graphs of ``n`` crystals end to end, atoms counted over all of them."""

    z: Tensor  # (n_atoms,) int64
    reach: Tensor  # (n_atoms,) float32, Å
    source: Tensor  # (n_edges,) int64
    target: Tensor  # (n_edges,) int64, not falling
    vector: Tensor  # (n_edges, 3) float32, Å, target to source image
    atom_start: IntArray  # (n + 1,)
    edge_start: IntArray  # (n + 1,)
    closest: FloatArray  # (n,) Å, between two atoms; infinite where none is near

    def __len__(self) -> int:
        return len(self.atom_start) - 1

    def cut(self, first: int, last: int) -> CrystalBatch:
        """The crystals from ``first`` up to ``last``, without copying what they share."""
        atoms = slice(int(self.atom_start[first]), int(self.atom_start[last]))
        edges = slice(int(self.edge_start[first]), int(self.edge_start[last]))
        sizes = torch.from_numpy(np.diff(self.atom_start[first : last + 1]))
        return CrystalBatch(
            z=self.z[atoms],
            reach=self.reach[atoms],
            edge_index=torch.stack([self.source[edges], self.target[edges]]) - atoms.start,
            edge_vector=self.vector[edges],
            batch=torch.repeat_interleave(sizes).to(self.z.device),
            num_graphs=last - first,
        )


def crystal_graphs(
    crystals: FlatCrystals,
    config: GraphConfig,
    *,
    device: torch.device = CPU,
    compiled: bool = False,
) -> CrystalGraphs:
    """Find the neighbours of every atom; no crystal may be without atoms.

    ``compiled`` searches on the processor with :mod:`models.graphs.compiled`, which is an
    order of magnitude faster there, once it is compiled; otherwise torch searches, on
    ``device``. Crystals whose pairs would not fit into memory take the former way always.
    """
    if not compiled:
        lattice = torch.tensor(crystals.lattice)
        n_atoms = torch.from_numpy(crystals.n_sites)
        compiled = not bool(affordable(lattice, n_atoms, config).all())
    z = torch.tensor(
        crystals.atomic_numbers, device=device
    )  # a copy: they may be read-only
    if compiled:
        from models.graphs.compiled import compiled_neighbours  # loads Numba

        edges = compiled_neighbours(
            crystals.frac_coords, crystals.lattice, crystals.start, config
        )
        source, target, vector, reach = (
            torch.from_numpy(array).to(device)
            for array in (edges.source, edges.target, edges.vector, edges.reach)
        )
        edge_start, closest = edges.edge_start, edges.closest
    else:
        frac = torch.tensor(crystals.frac_coords, device=device)
        cells = Cells(frac, lattice.to(device), n_atoms.to(device))
        found, far = batched_neighbours(cells, config)
        source, target, vector, reach = (
            found.source,
            found.target,
            found.vector.float(),
            far.float(),
        )
        starts = torch.from_numpy(crystals.start).to(device)
        edge_start = torch.searchsorted(target, starts).cpu().numpy()
        closest = _closest(found.distance.cpu().numpy(), edge_start)
        closest[crystals.coincident()] = 0.0
    return CrystalGraphs(
        z, reach, source, target, vector, crystals.start, edge_start, closest
    )


def _closest(distance: FloatArray, edge_start: IntArray) -> FloatArray:
    """The shortest edge of each crystal, infinite where there is none."""
    found = np.full(len(edge_start) - 1, np.inf)
    some = np.diff(edge_start) > 0
    if some.any():
        found[some] = np.minimum.reduceat(distance, edge_start[:-1][some])
    return found
