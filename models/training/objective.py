"""What the network is asked to get right, in plain torch."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch_geometric.data import Data

from models.nets.gated import GatedNetConfig, NetOutput

_HASH_A, _HASH_B, _HASH_M = 1_103_515_245, 12_345, 2**31


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """Physical value = offset + unit * output, per target."""

    unit: dict[str, float] = field(
        default_factory=lambda: {
            "band_gap": 1.0,  # eV
            "formation_energy_per_atom": 0.5,  # eV/atom
            "energy_above_hull": 0.3,  # eV/atom
        }
    )
    offset: dict[str, float] = field(
        default_factory=lambda: {"formation_energy_per_atom": -1.3}  # eV/atom
    )

    def tensors(self, targets: tuple[str, ...]) -> tuple[Tensor, Tensor]:
        """Unit and offset, ``(n_targets,)`` each, in the order of ``targets``."""
        unit = torch.tensor([self.unit.get(name, 1.0) for name in targets])
        offset = torch.tensor([self.offset.get(name, 0.0) for name in targets])
        return unit, offset


def loss(
    output: NetOutput, graph: Data, config: GatedNetConfig, scaling: Scaling
) -> dict[str, Tensor]:
    """Return scalar terms; their sum under ``total`` is what training minimises.

    The mean is fitted by absolute error, since that is what is reported. The scale is
    fitted by the Laplace likelihood of the *detached* error, so that learning how wrong one
    is never buys a worse mean. A target that cannot be negative is censored: where the
    label is zero, any output below zero is right (Tobin, Econometrica 26, 24 (1958)).
    """
    unit, offset = (t.to(output.mean) for t in scaling.tensors(config.targets))
    known = graph.y.isfinite()  # (n, n_targets)
    label = torch.where(known, (graph.y - offset) / unit, 0.0).unsqueeze(-1)
    mean = output.mean
    floor = torch.tensor(
        [name in config.non_negative for name in config.targets], device=mean.device
    ).unsqueeze(-1)  # (n_targets, 1)
    censored = floor & (label <= 0.0)
    error = torch.where(censored, mean.clamp(min=0.0), (mean - label).abs())
    seen = known.unsqueeze(-1) * _bags(graph.crystal, config.n_heads).unsqueeze(1)
    likelihood = error.detach() * torch.exp(-output.log_scale) + output.log_scale
    count = seen.sum(dim=(0, 2)).clamp(min=1.0)  # (n_targets,)
    by_target = (error * seen).sum(dim=(0, 2)) / count
    scale = ((likelihood * seen).sum(dim=(0, 2)) / count).mean()
    terms = dict(zip(config.targets, by_target.detach(), strict=True))
    return {"total": by_target.sum() + 0.1 * scale, "scale": scale.detach(), **terms}


def _bags(crystal: Tensor, n_heads: int) -> Tensor:
    """Which head learns from which crystal, ``(n, n_heads)`` of 0 and 1; 3 in 4 are 1.

    The choice depends on the crystal's number alone, so that each head keeps its own
    quarter unseen in every pass and heads disagree where data are thin.
    """
    head = torch.arange(n_heads, device=crystal.device)
    mixed = (crystal.unsqueeze(-1) * 8 + head + 1) * _HASH_A + _HASH_B
    mixed = (mixed % _HASH_M) // 65_536
    return (mixed % 4 != 0).float()


def strained(graph: Data, spread: float, generator: torch.Generator) -> Data:
    """Scale each crystal by a random factor ``1 + spread * normal``, in place.

    Labels belong to geometries a few percent apart in volume, and proposed crystals are
    guesses: the network should not care about so little.
    """
    factor = 1.0 + spread * torch.randn(len(graph.y), generator=generator)
    per_atom = factor.to(graph.reach).index_select(0, graph.batch)
    graph.reach = graph.reach * per_atom
    per_edge = per_atom.index_select(0, graph.edge_index[1])
    graph.edge_vector = graph.edge_vector * per_edge.unsqueeze(-1)
    return graph
