"""Many graphs in flat tensors: batches are cut out without touching one crystal in Python."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch_geometric.data import Batch, Data

from models.graphs.neighbours import FloatArray, GraphConfig, periodic_neighbours


class GraphStore:
    """Graphs of ``n_crystals`` crystals end to end.

    | field | shape | meaning |
    |---|---|---|
    | ``z`` | (n_atoms,) int16 | atomic numbers |
    | ``reach`` | (n_atoms,) float32 | Å, how far each atom looks |
    | ``source`` | (n_edges,) int16 | neighbour's number within its crystal |
    | ``target`` | (n_edges,) int16 | looking atom's number within its crystal |
    | ``vector`` | (n_edges, 3) float32 | Å, target to source image |
    | ``atom_start``, ``edge_start`` | (n_crystals + 1,) int64 | where each crystal begins |
    """

    FIELDS = ("z", "reach", "source", "target", "vector", "atom_start", "edge_start")

    def __init__(self, tensors: dict[str, Tensor]) -> None:
        missing = [name for name in self.FIELDS if name not in tensors]
        if missing:
            raise ValueError(f"graph store lacks {', '.join(missing)}; build it again")
        self.tensors = {name: tensors[name] for name in self.FIELDS}

    def __len__(self) -> int:
        return len(self.tensors["atom_start"]) - 1

    @classmethod
    def build(
        cls,
        crystals: Iterable[tuple[Sequence[int], FloatArray, FloatArray]],
        config: GraphConfig | None = None,
    ) -> GraphStore:
        """Build from ``(atomic_numbers, frac_coords (n, 3), lattice (3, 3) in Å)``."""
        config = config or GraphConfig()
        columns: dict[str, list[np.ndarray]] = {name: [] for name in cls.FIELDS[:5]}
        atoms, edges = [0], [0]
        for numbers, frac, lattice in crystals:
            found = periodic_neighbours(frac @ lattice, lattice, config)
            columns["z"].append(np.asarray(numbers, dtype=np.int16))
            columns["reach"].append(found.reach.astype(np.float32))
            columns["source"].append(found.source.astype(np.int16))
            columns["target"].append(found.target.astype(np.int16))
            columns["vector"].append(found.vector.astype(np.float32))
            atoms.append(atoms[-1] + len(numbers))
            edges.append(edges[-1] + len(found.source))
        tensors = {
            name: torch.from_numpy(np.concatenate(parts))
            for name, parts in columns.items()
        }
        tensors["atom_start"] = torch.tensor(atoms)
        tensors["edge_start"] = torch.tensor(edges)
        return cls(tensors)

    def batch(self, crystals: Tensor) -> Data:
        """Cut out crystals by number, ``(n,)`` int64, as one PyG batch."""
        t = self.tensors
        atoms, atom_batch, n_atoms = _ranges(t["atom_start"], crystals)
        edges, edge_batch, _ = _ranges(t["edge_start"], crystals)
        first = torch.cat([n_atoms.new_zeros(1), n_atoms.cumsum(0)])
        shift = first[:-1].index_select(0, edge_batch)
        source = t["source"].index_select(0, edges).long() + shift
        target = t["target"].index_select(0, edges).long() + shift
        return Batch(
            z=t["z"].index_select(0, atoms).long(),
            reach=t["reach"].index_select(0, atoms),
            edge_index=torch.stack([source, target]),
            edge_vector=t["vector"].index_select(0, edges),
            batch=atom_batch,
            ptr=first,
            num_nodes=len(atoms),
        )

    def n_edges(self) -> Tensor:
        """Edges of each crystal, ``(n_crystals,)``: what a batch costs."""
        return self.tensors["edge_start"].diff()

    def save(self, path: Path) -> None:
        save_file(self.tensors, path)

    @classmethod
    def load(cls, path: Path) -> GraphStore:
        return cls(load_file(path))


def _ranges(start: Tensor, chosen: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Positions of the chosen segments end to end, whose each is, and their lengths."""
    begin = start.index_select(0, chosen)
    length = start.index_select(0, chosen + 1) - begin
    owner = torch.repeat_interleave(torch.arange(len(chosen)), length)
    before = torch.cat([length.new_zeros(1), length.cumsum(0)[:-1]])
    within = torch.arange(int(length.sum())) - before.index_select(0, owner)
    return begin.index_select(0, owner) + within, owner, length
