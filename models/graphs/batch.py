"""Several graphs as one, for asking networks; training takes PyG's own batches.

Loading PyG costs two seconds, which a person who asks about one crystal should not wait for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor


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


@dataclass(frozen=True)
class CrystalBatch:
    """The graphs of ``num_graphs`` crystals."""

    z: Tensor
    reach: Tensor
    edge_index: Tensor
    edge_vector: Tensor
    batch: Tensor
    num_graphs: int

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

    def double(self) -> CrystalBatch:
        """The same in double precision; positions are no more precise than they were."""
        return replace(
            self, reach=self.reach.double(), edge_vector=self.edge_vector.double()
        )
