"""Many graphs in flat tensors: batches are cut out without a loop over crystals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from materials.errors import InputError
from materials.flat import FlatCrystals
from models.graphs.batch import CrystalBatch
from models.graphs.neighbours import FloatArray, GraphConfig, IntArray
from models.graphs.search import crystal_graphs

if TYPE_CHECKING:
    from torch_geometric.data import Data

MAX_ATOMS = 32_767
"""Atoms of one crystal; they are numbered by int16."""

_AT_ONCE = 40_000  # atoms whose neighbours are looked for together
_COLUMNS = ("z", "reach", "source", "target", "vector")

Crystal = tuple[Sequence[int] | IntArray, FloatArray, FloatArray]
"""Atomic numbers, fractional coordinates (n, 3), lattice (3, 3) in Å."""


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

    FIELDS = (*_COLUMNS, "atom_start", "edge_start")

    def __init__(self, tensors: dict[str, Tensor]) -> None:
        missing = [name for name in self.FIELDS if name not in tensors]
        if missing:
            raise ValueError(f"graph store lacks {', '.join(missing)}; build it again")
        self.tensors = {name: tensors[name] for name in self.FIELDS}

    def check(self) -> None:
        """Raise :class:`ValueError` unless all numbers lead to atoms and edges that exist."""
        t = self.tensors
        kinds = {"reach": torch.float32, "vector": torch.float32}
        kinds |= {"atom_start": torch.int64, "edge_start": torch.int64}
        for name, tensor in t.items():
            if tensor.dtype != kinds.get(name, torch.int16):
                raise ValueError(f"graph store: {name} is of another type")
            if tensor.shape[1:] != ((3,) if name == "vector" else ()) or not tensor.ndim:
                raise ValueError(f"graph store: {name} has shape {tuple(tensor.shape)}")
        for start, parts in (
            ("atom_start", ("z", "reach")),
            ("edge_start", ("source", "target", "vector")),
        ):
            ends = t[start]
            sizes = {len(t[part]) for part in parts}
            if (
                not len(ends)
                or ends[0] != 0
                or (ends.diff() < 0).any()
                or sizes != {int(ends[-1])}
            ):
                raise ValueError(f"graph store: {start} does not fit {', '.join(parts)}")
        if len(t["atom_start"]) != len(t["edge_start"]):
            raise ValueError("graph store: edges of other crystals than its atoms")
        most = torch.repeat_interleave(t["atom_start"].diff(), t["edge_start"].diff())
        for name in ("source", "target"):
            if ((t[name] < 0) | (t[name] >= most)).any():
                raise ValueError(f"graph store: {name} names an atom that is not there")
        if ((t["z"] < 0) | (t["z"] > 118)).any():
            raise ValueError("graph store: z holds a number that is no element's")

    def __len__(self) -> int:
        return len(self.tensors["atom_start"]) - 1

    @classmethod
    def build(
        cls,
        crystals: Iterable[Crystal],
        config: GraphConfig | None = None,
    ) -> GraphStore:
        """Build from ``(atomic_numbers, frac_coords (n, 3), lattice (3, 3) in Å)``.

        Raises :class:`InputError` for a crystal of more atoms than an int16 can number.
        """
        config = config or GraphConfig()
        parts = [_built(some, config) for some in _chunks(crystals)]
        return cls(_end_to_end(parts or [_built([], config)]))

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

        found = self.cut(crystals)
        return Batch(
            z=found.z,
            reach=found.reach,
            edge_index=found.edge_index,
            edge_vector=found.edge_vector,
            batch=found.batch,
            ptr=torch.searchsorted(
                found.batch, torch.arange(len(crystals) + 1, device=found.batch.device)
            ),
            num_nodes=len(found.z),
        )

    def cut(self, crystals: Tensor) -> CrystalBatch:
        """The same without PyG."""
        t = self.tensors
        atoms, atom_batch, n_atoms = _ranges(t["atom_start"], crystals)
        edges, edge_batch, _ = _ranges(t["edge_start"], crystals)
        shift = (n_atoms.cumsum(0) - n_atoms).index_select(0, edge_batch)
        source = t["source"].index_select(0, edges).long() + shift
        target = t["target"].index_select(0, edges).long() + shift
        return CrystalBatch(
            z=t["z"].index_select(0, atoms).long(),
            reach=t["reach"].index_select(0, atoms),
            edge_index=torch.stack([source, target]),
            edge_vector=t["vector"].index_select(0, edges),
            batch=atom_batch,
            num_graphs=len(crystals),
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


def _chunks(crystals: Iterable[Crystal]) -> Iterator[list[Crystal]]:
    """Crystals of about :data:`_AT_ONCE` atoms, checked for their size."""
    some: list[Crystal] = []
    atoms = 0
    for crystal in crystals:
        if len(crystal[0]) > MAX_ATOMS:
            raise InputError(
                f"crystal of {len(crystal[0])} atoms: expected at most {MAX_ATOMS}; "
                "give its primitive cell"
            )
        some.append(crystal)
        atoms += len(crystal[0])
        if atoms >= _AT_ONCE:
            yield some
            some, atoms = [], 0
    if some:
        yield some


def _built(crystals: Sequence[Crystal], config: GraphConfig) -> dict[str, Tensor]:
    """The tensors of a store."""
    flat = FlatCrystals.from_arrays(crystals, {})
    found = crystal_graphs(flat, config)
    starts = torch.from_numpy(found.atom_start)
    first = starts.index_select(0, torch.searchsorted(starts, found.target, right=True) - 1)
    return {
        "z": found.z.short(),
        "reach": found.reach,
        "source": (found.source - first).short(),
        "target": (found.target - first).short(),
        "vector": found.vector,
        "atom_start": starts,
        "edge_start": torch.from_numpy(found.edge_start),
    }


def _end_to_end(parts: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Several stores as one."""
    joined = {name: torch.cat([part[name] for part in parts]) for name in _COLUMNS}
    for name in ("atom_start", "edge_start"):
        sizes = torch.cat([part[name].diff() for part in parts])
        joined[name] = torch.cat([sizes.new_zeros(1), sizes.cumsum(0)])
    return joined
