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

from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch_geometric.data import Data

from models.graphs.neighbours import GraphConfig


@dataclass(frozen=True, kw_only=True)
class GatedNetConfig:
    """All that is needed to rebuild the network; saved with its weights."""

    graph: GraphConfig = field(default_factory=GraphConfig)
    """Graphs must be built with the same values."""
    targets: tuple[str, ...] = (
        "band_gap",
        "formation_energy_per_atom",
        "energy_above_hull",
    )
    """Names of the outputs, in order."""
    non_negative: tuple[str, ...] = ("band_gap",)
    """Targets whose physical value cannot be below zero: outputs below it mean zero."""
    n_heads: int = 4
    """Readouts per target; their disagreement is the epistemic part of the deviation."""
    atom_width: int = 128
    edge_width: int = 64
    angle_width: int = 16
    """Channels of the direction moments."""
    n_radial: int = 32
    n_blocks: int = 4


_FAR = 16.0
"""Exponents stop here: smaller Gaussians become denormal numbers, slow on CPUs."""


class NetOutput(NamedTuple):
    """Raw outputs, in units of the training targets after scaling."""

    mean: Tensor  # (n_crystals, n_targets, n_heads)
    log_scale: Tensor  # (n_crystals, n_targets, n_heads), log of a Laplace scale


class GatedNet(nn.Module):
    """Several intensive scalars per crystal, each with several heads and a scale."""

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
        self.readout = Readout(atoms, n_outputs=len(config.targets), n_heads=config.n_heads)

    def forward(self, graph: Data) -> NetOutput:
        """Predict from a batch of graphs made by :func:`models.graphs.crystal_graph`."""
        h = self.encode(graph.z, graph.reach, graph.edge_index, graph.edge_vector)
        out: NetOutput = self.readout(h, graph.batch, int(graph.num_graphs))
        return out

    def encode(
        self, z: Tensor, reach: Tensor, edge_index: Tensor, edge_vector: Tensor
    ) -> Tensor:
        """Return the atoms' final states, ``(n_atoms, atom_width)``."""
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


class Readout(nn.Module):
    """Mean and attention pooling, so that a supercell scores as its cell; then heads."""

    def __init__(self, atoms: int, *, n_outputs: int, n_heads: int) -> None:
        super().__init__()
        self.n_outputs, self.n_heads = n_outputs, n_heads
        self.norm = nn.LayerNorm(atoms)
        self.attention = nn.Linear(atoms, 4)
        self.mix = nn.Linear(5 * atoms, 2 * atoms)
        self.heads = nn.ModuleList(
            nn.Sequential(
                nn.Linear(2 * atoms, atoms), nn.SiLU(), nn.Linear(atoms, n_outputs)
            )
            for _ in range(n_heads)
        )
        self.scales = nn.Sequential(
            nn.Linear(2 * atoms, atoms), nn.SiLU(), nn.Linear(atoms, n_outputs * n_heads)
        )

    def forward(self, h: Tensor, batch: Tensor, n_crystals: int) -> NetOutput:
        return self.read(self.pool(h, batch, n_crystals))

    def read(self, crystals: Tensor) -> NetOutput:
        """All heads on pooled crystals, ``(n_crystals, 2 * atom_width)``."""
        mean = torch.stack([head(crystals) for head in self.heads], dim=-1)
        scale = self.scales(crystals.detach())  # learning the error must not cost accuracy
        return NetOutput(mean, scale.view(len(crystals), self.n_outputs, self.n_heads))

    def pool(self, h: Tensor, batch: Tensor, n_crystals: int) -> Tensor:
        """Return ``(n_crystals, 2 * atom_width)``, independent of the cell's size."""
        h = self.norm(h)
        score = 8.0 * torch.tanh(self.attention(h) / 8.0)  # bounded: exp cannot overflow
        weights = torch.cat([torch.ones_like(score[:, :1]), score.exp()], dim=-1)
        # Each atom as often as it is pooled: (n_atoms, 5 * atoms).
        weighted = (weights.unsqueeze(-1) * h.unsqueeze(1)).flatten(1)
        total = weighted.new_zeros(n_crystals, weighted.shape[1]).index_add(
            0, batch, weighted
        )
        norm = weights.new_zeros(n_crystals, 5).index_add(0, batch, weights)
        pooled = (total.view(n_crystals, 5, -1) / norm.unsqueeze(-1)).flatten(1)
        return nn.functional.silu(self.mix(pooled))


class RadialBasis(nn.Module):
    """Gaussians of the distance in Å and of the distance relative to the atom's reach."""

    centres: Tensor
    relative_centres: Tensor

    def __init__(self, n_radial: int, max_reach: float) -> None:
        super().__init__()
        # Finer where bonds are: spaced evenly in the square root of the distance.
        root = torch.linspace(0.8**0.5, max_reach**0.5, n_radial)
        self.register_buffer("centres", root, persistent=False)
        self.register_buffer(
            "relative_centres", torch.linspace(0.2, 1.0, n_radial), persistent=False
        )
        self.sharpness = float(1.0 / (root[1] - root[0]) ** 2)
        self.relative_sharpness = float((n_radial - 1) / 0.8) ** 2

    def forward(self, distance: Tensor, closeness: Tensor) -> Tensor:
        """Return ``(n_edges, 2 * n_radial)``."""
        absolute = distance.sqrt().unsqueeze(-1) - self.centres
        relative = closeness.unsqueeze(-1) - self.relative_centres
        return torch.cat(
            [
                torch.exp(-(self.sharpness * absolute.square()).clamp(max=_FAR)),
                torch.exp(-(self.relative_sharpness * relative.square()).clamp(max=_FAR)),
            ],
            dim=-1,
        )


def envelope(closeness: Tensor) -> Tensor:
    """Smooth weight, one at zero and zero with two derivatives at one.

    The polynomial of DimeNet (Gasteiger et al., arXiv:2003.03123, eq. 8) with p = 8, which
    stays near one over most of the reach.
    """
    x = closeness.clamp(max=1.0)
    p = 8
    return (
        1.0
        - (p + 1) * (p + 2) / 2 * x**p
        + p * (p + 2) * x ** (p + 1)
        - p * (p + 1) / 2 * x ** (p + 2)
    )


def quadratic(direction: Tensor) -> Tensor:
    """Five orthonormal traceless quadratic forms: ``(n, 3)`` to ``(n, 5)``.

    Their scalar product for two directions is P2 of the cosine between them.
    """
    x, y, z = direction.unbind(-1)
    root3 = 3.0**0.5
    return torch.stack(
        [
            root3 * x * y,
            root3 * y * z,
            root3 * x * z,
            root3 / 2 * (x * x - y * y),
            (3 * z * z - 1) / 2,
        ],
        dim=-1,
    )
