"""Several graphs as one, for asking networks; training takes PyG's own batches.

Loading PyG costs two seconds, which a person who asks about one crystal should not wait for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.graphs.neighbours import IntArray


class GraphBatch(Protocol):
    """What networks read of a batch: a :class:`CrystalBatch`, or a PyG ``Batch``."""

    @property
    def z(self) -> Tensor:
        """Atomic numbers, ``(n_atoms,)``."""

    @property
    def reach(self) -> Tensor:
        """How far each atom looks, ``(n_atoms,)`` Å."""

    @property
    def edge_index(self) -> Tensor:
        """Neighbour and looking atom, ``(2, n_edges)``."""

    @property
    def edge_vector(self) -> Tensor:
        """From looking atom to neighbour's image, ``(n_edges, 3)`` Å."""

    @property
    def batch(self) -> Tensor:
        """Which crystal an atom belongs to, ``(n_atoms,)``."""

    @property
    def num_graphs(self) -> int:
        """Number of crystals."""


class GraphArrays(NamedTuple):
    """One crystal's graph; the fields mean what those of :class:`GraphBatch` do."""

    z: IntArray
    reach: NDArray[np.float32]
    edge_index: IntArray
    edge_vector: NDArray[np.float32]


@dataclass(frozen=True)
class CrystalBatch:
    """The graphs of ``num_graphs`` crystals."""

    z: Tensor
    reach: Tensor
    edge_index: Tensor
    edge_vector: Tensor
    batch: Tensor
    num_graphs: int

    @classmethod
    def of(cls, graphs: Sequence[GraphArrays]) -> CrystalBatch:
        """Put graphs side by side; at least one."""
        sizes = np.array([len(graph.z) for graph in graphs])
        first = np.cumsum(sizes) - sizes
        edges = [
            graph.edge_index + shift for graph, shift in zip(graphs, first, strict=True)
        ]
        return cls(
            torch.from_numpy(np.concatenate([graph.z for graph in graphs])),
            torch.from_numpy(np.concatenate([graph.reach for graph in graphs])),
            torch.from_numpy(np.concatenate(edges, axis=1)),
            torch.from_numpy(np.concatenate([graph.edge_vector for graph in graphs])),
            torch.from_numpy(np.repeat(np.arange(len(graphs)), sizes)),
            len(graphs),
        )

    def to(self, device: torch.device) -> CrystalBatch:
        """The same in another memory."""
        return CrystalBatch(
            self.z.to(device),
            self.reach.to(device),
            self.edge_index.to(device),
            self.edge_vector.to(device),
            self.batch.to(device),
            self.num_graphs,
        )
