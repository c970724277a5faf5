"""Edge-gated convolutions whose edges know the angles around them.

Each edge carries a state of its own, updated together with the atoms, as in the line of
work from CGCNN (Xie & Grossman, PRL 120, 145301) to coGN (Ruff et al., Digital Discovery 3,
594). Angles enter without a line graph: every atom sums weighted first and second moments
of the directions to its neighbours, and each edge reads off its projections on them, which
equals a sum over all angles at that atom of the Legendre polynomials P1 and P2, at a cost
linear in the edges (the moment trick of the atomic cluster expansion, Drautz, PRB 99,
014104).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from models.nets.parts import (
    CommonConfig,
    CrystalNet,
    RadialBasis,
    Readout,
    envelope,
    quadratic,
)


@dataclass(frozen=True, kw_only=True)
class GatedNetConfig(CommonConfig):
    """All that is needed to rebuild the network; saved with its weights."""

    architecture: Literal["gated"] = "gated"
    edge_width: int = 64
    angle_width: int = 16
    """Channels of the direction moments."""
    n_radial: int = 32
    n_blocks: int = 4


class GatedNet(CrystalNet):
    """Edge-gated convolutions with angular moments; see the module."""

    def __init__(self, config: GatedNetConfig) -> None:
        super().__init__()
        self.config = config
        atoms, edges, angles = config.atom_width, config.edge_width, config.angle_width
        self.embed = nn.Embedding(119, atoms)
        self.radial = RadialBasis(config.n_radial, config.graph.max_reach)
        self.edge_in = nn.Linear(2 * config.n_radial, edges)
        self.moment_in = nn.Linear(edges, angles)
        self.source_angle = nn.Linear(atoms, angles)
        self.angle_out = nn.Linear(2 * angles, edges)
        self.blocks = nn.ModuleList(
            GatedBlock(atoms, edges, config.graph.n_nearest) for _ in range(config.n_blocks)
        )
        self.readout = Readout(config)

    def encode(
        self, z: Tensor, reach: Tensor, edge_index: Tensor, edge_vector: Tensor
    ) -> Tensor:
        source, target = edge_index[0], edge_index[1]
        distance = edge_vector.norm(dim=-1)  # (n_edges,)
        closeness = distance / reach.index_select(0, target)  # (n_edges,) in [0, 1)
        weight = envelope(closeness).unsqueeze(-1)  # (n_edges, 1)
        h: Tensor = self.embed(z)  # (n_atoms, atoms)
        e = self.edge_in(self.radial(distance, closeness))  # (n_edges, edges)
        direction = edge_vector / distance.unsqueeze(-1)  # (n_edges, 3)
        e = e + self.angle_out(self._angles(h, e, direction, weight, source, target))
        for block in self.blocks:
            h, e = block(h, e, weight, source, target)
        return h

    def _angles(
        self,
        h: Tensor,
        e: Tensor,
        direction: Tensor,
        weight: Tensor,
        source: Tensor,
        target: Tensor,
    ) -> Tensor:
        """Return ``(n_edges, 2 * angle_width)``: each edge against its atom's moments."""
        strength = weight * (  # (n_edges, angles)
            self.moment_in(e) * self.source_angle(h).index_select(0, source)
        )
        harmonics = torch.cat([direction, quadratic(direction)], dim=-1)  # (n_edges, 8)
        outer = strength.unsqueeze(1) * harmonics.unsqueeze(2)  # (n_edges, 8, angles)
        moments = outer.new_zeros(len(h), 8, strength.shape[1]).index_add(0, target, outer)
        seen = moments.index_select(0, target) * harmonics.unsqueeze(2)
        first, second = seen[:, :3].sum(1), seen[:, 3:].sum(1)  # (n_edges, angles)
        return torch.cat([first, second], dim=-1)


class GatedBlock(nn.Module):
    """Update the edges from their ends, then the atoms from their gated edges."""

    def __init__(self, atoms: int, edges: int, expected_neighbours: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(atoms)
        self.from_ends = nn.Linear(atoms, 2 * edges, bias=False)
        self.from_edge = nn.Linear(edges, edges)
        self.gate_and_edge = nn.Linear(edges, 2 * edges)
        self.update = nn.Sequential(
            nn.Linear(atoms + edges, atoms), nn.SiLU(), nn.Linear(atoms, atoms)
        )
        self.scale = 1.0 / expected_neighbours

    def forward(
        self, h: Tensor, e: Tensor, weight: Tensor, source: Tensor, target: Tensor
    ) -> tuple[Tensor, Tensor]:
        normed = self.norm(h)
        sent, seen = self.from_ends(normed).chunk(2, dim=-1)  # (n_atoms, edges) each
        joint = nn.functional.silu(
            self.from_edge(e) + sent.index_select(0, source) + seen.index_select(0, target)
        )  # (n_edges, edges)
        gate, change = self.gate_and_edge(joint).chunk(2, dim=-1)
        message = joint * torch.sigmoid(gate) * weight
        gathered = message.new_zeros(len(h), message.shape[1]).index_add(0, target, message)
        h = h + self.update(torch.cat([normed, self.scale * gathered], dim=-1))
        return h, e + change
