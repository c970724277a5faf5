"""A network for screening millions: all that is costly is done per atom, not per edge.

Edges outnumber atoms fourteen to one, so an edge here has no state and passes through no
layer of its own. Each block sums, over an atom's neighbours, their projected states times a
filter of the distance, as in SchNet (Schütt et al., J. Chem. Phys. 148, 241722), and once
more for a few channels times the harmonics of the direction, as in the atomic cluster
expansion (Drautz, PRB 99, 014104). Per atom, products of these moments are invariants that
know the angles between pairs and triples of bonds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple, cast

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

_HARMONICS = 8  # components of a direction and of its quadratic forms


@dataclass(frozen=True, kw_only=True)
class FastNetConfig(CommonConfig):
    """All that is needed to rebuild the network; saved with its weights."""

    architecture: Literal["fast"] = "fast"
    atom_width: int = 96
    message_width: int = 64
    """Channels that travel along an edge without its direction."""
    angle_width: int = 16
    """Channels that travel with it."""
    n_radial: int = 12
    n_blocks: int = 2


WIDE = FastNetConfig(
    atom_width=128, message_width=128, angle_width=32, n_radial=16, n_blocks=3
)
"""The same network for accuracy: more channels and a block more, 2.5 times the cost."""


class FastNet(CrystalNet):
    """Filtered sums over neighbours, with and without directions; see the module."""

    def __init__(self, config: FastNetConfig) -> None:
        super().__init__()
        self.config = config
        self.embed = nn.Embedding(119, config.atom_width)
        self.radial = RadialBasis(config.n_radial, config.graph.max_reach)
        self.blocks = nn.ModuleList(FastBlock(config) for _ in range(config.n_blocks))
        self.readout = Readout(config)

    def encode(
        self, z: Tensor, reach: Tensor, edge_index: Tensor, edge_vector: Tensor
    ) -> Tensor:
        source, target = edge_index[0], edge_index[1]
        distance = edge_vector.norm(dim=-1)  # (n_edges,)
        closeness = distance / reach.index_select(0, target)  # (n_edges,) in [0, 1)
        direction = edge_vector / distance.unsqueeze(-1)  # (n_edges, 3)
        harmonics = torch.cat([direction, quadratic(direction)], dim=-1)  # (n_edges, 8)
        # Weighted before it is projected: nothing costly has to be weighted again.
        basis = self.radial(distance, closeness) * envelope(closeness).unsqueeze(-1)
        h: Tensor = self.embed(z)  # (n_atoms, atoms)
        for block in self.blocks:
            h = block(h, basis, harmonics, source, target)
        return h

    def encode_compiled(
        self, z: Tensor, reach: Tensor, edge_index: Tensor, edge_vector: Tensor
    ) -> Tensor:
        """As :meth:`encode`, for inference in single precision on a processor."""
        from models.nets.compiled import edge_terms  # loads Numba

        basis, harmonics = edge_terms(self.radial, reach, edge_index[1], edge_vector)
        first, *others = cast("Iterable[FastBlock]", self.blocks)
        # What the first block makes of an atom alone depends on its element: made once each.
        per_element = first.prepared(self.embed.weight)
        atoms = Prepared(*(table.index_select(0, z) for table in per_element))
        h = first.forward_compiled(atoms, basis, harmonics, edge_index)
        for block in others:
            h = block.forward_compiled(block.prepared(h), basis, harmonics, edge_index)
        return h


class Prepared(NamedTuple):
    """Atoms, ready for a block's compiled form."""

    h: Tensor  # (n_atoms, atoms), states
    sent: Tensor  # (n_atoms, plain + angles), to their neighbours
    own: Tensor  # (n_atoms, 2 * atoms), their own part of the update


class FastBlock(nn.Module):
    """Sum the neighbours, contract the moments, update the atoms."""

    def __init__(self, config: FastNetConfig) -> None:
        super().__init__()
        atoms, self.plain, self.angles = (
            config.atom_width,
            config.message_width,
            config.angle_width,
        )
        self.norm = nn.LayerNorm(atoms)
        self.send = nn.Linear(atoms, self.plain, bias=False)
        self.send_angle = nn.Linear(atoms, self.angles, bias=False)
        self.filter = nn.Linear(2 * config.n_radial, self.plain, bias=False)
        self.filter_angle = nn.Linear(2 * config.n_radial, self.angles, bias=False)
        self.mix = nn.Linear(self.angles, 2 * self.angles, bias=False)
        gathered = self.plain + 3 * self.angles
        self.invariants = nn.LayerNorm(gathered)
        self.update = nn.Sequential(
            nn.Linear(atoms + gathered, 2 * atoms), nn.SiLU(), nn.Linear(2 * atoms, atoms)
        )
        self.scale = config.graph.n_nearest**-0.5

    def forward(
        self, h: Tensor, basis: Tensor, harmonics: Tensor, source: Tensor, target: Tensor
    ) -> Tensor:
        normed = self.norm(h)
        message = self.filter(basis) * self.send(normed).index_select(0, source)
        summed = h.new_zeros(len(h), self.plain).index_add(0, target, message.to(h))
        strength = self.filter_angle(basis) * self.send_angle(normed).index_select(
            0, source
        )
        outer = strength.unsqueeze(1) * harmonics.unsqueeze(2)  # (n_edges, 8, angles)
        moments = h.new_zeros(len(h), _HARMONICS * self.angles).index_add(
            0, target, outer.flatten(1).to(h)
        )
        seen = self._contract(self.scale * moments.view(len(h), _HARMONICS, self.angles))
        gathered = self.invariants(torch.cat([self.scale * summed, seen], dim=-1))
        updated: Tensor = h + self.update(torch.cat([normed, gathered], dim=-1))
        return updated

    def prepared(self, h: Tensor) -> Prepared:
        """What a block makes of atoms' states ``(n, atoms)`` before it looks around."""
        normed = self.norm(h)
        sent = normed @ torch.cat([self.send.weight, self.send_angle.weight]).T
        into = cast("nn.Linear", self.update[0])
        own = torch.addmm(into.bias, normed, into.weight[:, : h.shape[1]].T)
        return Prepared(h, self.scale * sent, own)

    def forward_compiled(
        self, atoms: Prepared, basis: Tensor, harmonics: Tensor, edge_index: Tensor
    ) -> Tensor:
        """As :meth:`forward`, without a tensor of all edges."""
        from models.nets.compiled import contracted, gathered

        filters = torch.cat([self.filter.weight, self.filter_angle.weight]).T
        seen, moments = gathered(
            basis, filters, atoms.sent, harmonics, edge_index, self.angles
        )
        contracted(self.mix(moments), into=seen)
        into, activation, out = cast("tuple[nn.Linear, nn.Module, nn.Linear]", self.update)
        around = into.weight[:, atoms.h.shape[1] :].T
        hidden = torch.addmm(atoms.own, self.invariants(seen), around)
        updated: Tensor = atoms.h + out(activation(hidden))
        return updated

    def _contract(self, moments: Tensor) -> Tensor:
        """Moments ``(n_atoms, 8, angles)`` to invariants ``(n_atoms, 3 * angles)``."""
        left, right = self.mix(moments).chunk(2, dim=-1)
        first = (left[:, :3] * right[:, :3]).sum(1)  # angles between bonds, P1
        second = (left[:, 3:] * right[:, 3:]).sum(1)  # P2
        # The quadratic form of one channel on the vector of another: three bonds.
        third = _on_vector(left[:, 3:], right[:, :3])
        return torch.cat([first, second, third], dim=-1)


def _on_vector(form: Tensor, v: Tensor) -> Tensor:
    """Quadratic forms ``(n, 5, c)``, as :func:`quadratic` orders them, on ``(n, 3, c)``."""
    x, y, z = v.unbind(1)
    root3 = 3.0**0.5
    products = torch.stack(
        [
            root3 * x * y,
            root3 * y * z,
            root3 * x * z,
            root3 / 2 * (x * x - y * y),
            z * z - (x * x + y * y) / 2,
        ],
        dim=1,
    )
    contracted: Tensor = (form * products).sum(1)
    return contracted
