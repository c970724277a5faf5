"""Many graphs in flat tensors: batches are cut out without a loop over crystals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from materials.errors import InputError
from models.graphs.neighbours import FloatArray, GraphConfig, IntArray, periodic_neighbours

if TYPE_CHECKING:
    from torch_geometric.data import Data

MAX_ATOMS = 32_767
"""Atoms of one crystal; they are numbered by int16."""

_EMPTY: dict[str, NDArray[Any]] = {
    "z": np.empty(0, np.int16),
    "reach": np.empty(0, np.float32),
    "source": np.empty(0, np.int16),
    "target": np.empty(0, np.int16),
    "vector": np.empty((0, 3), np.float32),
}


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
        crystals: Iterable[tuple[Sequence[int] | IntArray, FloatArray, FloatArray]],
        config: GraphConfig | None = None,
    ) -> GraphStore:
        """Build from ``(atomic_numbers, frac_coords (n, 3), lattice (3, 3) in Å)``.

        Raises :class:`InputError` for a crystal of more atoms than an int16 can number.
        """
        config = config or GraphConfig()
        columns: dict[str, list[NDArray[Any]]] = {name: [] for name in cls.FIELDS[:5]}
        atoms, edges = [0], [0]
        for numbers, frac, lattice in crystals:
            if len(numbers) > MAX_ATOMS:
                raise InputError(
                    f"crystal of {len(numbers)} atoms: expected at most {MAX_ATOMS}; "
                    "give its primitive cell"
                )
            found = periodic_neighbours(frac @ lattice, lattice, config)
            columns["z"].append(np.asarray(numbers, dtype=np.int16))
            columns["reach"].append(found.reach.astype(np.float32))
            columns["source"].append(found.source.astype(np.int16))
            columns["target"].append(found.target.astype(np.int16))
            columns["vector"].append(found.vector.astype(np.float32))
            atoms.append(atoms[-1] + len(numbers))
            edges.append(edges[-1] + len(found.source))
        tensors = {
            name: torch.from_numpy(np.concatenate([_EMPTY[name], *parts]))
            for name, parts in columns.items()
        }
        tensors["atom_start"] = torch.tensor(atoms)
        tensors["edge_start"] = torch.tensor(edges)
        return cls(tensors)

    def to(self, device: torch.device) -> GraphStore:
        """The same graphs in another memory; batches are then cut out there."""
        return GraphStore({name: t.to(device) for name, t in self.tensors.items()})

    def select(self, crystals: Tensor) -> GraphStore:
        """The graphs of some crystals by number, ``(n,)`` int64, in that order."""
        t = self.tensors
        atoms, _, n_atoms = _ranges(t["atom_start"], crystals)
        edges, _, n_edges = _ranges(t["edge_start"], crystals)
        chosen = {name: t[name].index_select(0, atoms) for name in ("z", "reach")}
        chosen |= {
            name: t[name].index_select(0, edges) for name in ("source", "target", "vector")
        }
        chosen["atom_start"] = torch.cat([n_atoms.new_zeros(1), n_atoms.cumsum(0)])
        chosen["edge_start"] = torch.cat([n_edges.new_zeros(1), n_edges.cumsum(0)])
        return GraphStore(chosen)

    def batch(self, crystals: Tensor) -> Data:
        """Cut out crystals by number, ``(n,)`` int64, as one PyG batch."""
        from torch_geometric.data import Batch

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
        """Write the tensors to one safetensors file."""
        from safetensors.torch import save_file

        save_file(self.tensors, path)

    @classmethod
    def load(cls, path: Path) -> GraphStore:
        """Read what :meth:`save` wrote."""
        from safetensors.torch import load_file

        return cls(load_file(path))


def _ranges(start: Tensor, chosen: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Positions of the chosen segments end to end, whose each is, and their lengths."""
    begin = start.index_select(0, chosen)
    length = start.index_select(0, chosen + 1) - begin
    owner = torch.repeat_interleave(torch.arange(len(chosen), device=start.device), length)
    before = torch.cat([length.new_zeros(1), length.cumsum(0)[:-1]])
    within = torch.arange(len(owner), device=start.device) - before.index_select(0, owner)
    return begin.index_select(0, owner) + within, owner, length
