"""What the network is asked to get right, in plain torch."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from materials.errors import InputError
from models.nets.parts import CommonConfig, NetOutput

if TYPE_CHECKING:
    from torch_geometric.data import Data

_HASH_A, _HASH_B, _HASH_M = 1_103_515_245, 12_345, 2**31


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """Physical value = offset + unit * output, per target; and how much each counts."""

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
    weight: dict[str, float] = field(
        default_factory=lambda: {
            "band_gap_hse": 0.5,
            "log10_electron_mass": 0.2,
            "log10_hole_mass": 0.2,
            "is_metal": 0.3,
        }
    )
    """Share in the objective; 1 for the others."""

    def __post_init__(self) -> None:
        for name, value in {**self.offset, **self.weight, **self.unit}.items():
            positive = name not in self.unit or self.unit[name] > 0.0
            if not (math.isfinite(value) and positive):
                raise InputError(
                    f"scaling of '{name}': expected finite numbers and a unit above 0"
                )

    def tensors(self, targets: tuple[str, ...]) -> tuple[Tensor, Tensor]:
        """Unit and offset, ``(n_targets,)`` each, in the order of ``targets``."""
        unit = torch.tensor([self.unit.get(name, 1.0) for name in targets])
        offset = torch.tensor([self.offset.get(name, 0.0) for name in targets])
        return unit, offset


_SMALLEST, _LARGEST = 1e-3, 10.0
"""Of a Laplace scale, and of its logarithm, in training: where errors are exactly zero, as
those of metals, the best scale is zero and its likelihood without bound."""

_FEWEST = 0.2
"""A target labelled in a smaller share of a batch counts in proportion: three labels must
not weigh as much as sixty-four."""


def loss(
    output: NetOutput, graph: Data, config: CommonConfig, scaling: Scaling
) -> dict[str, Tensor]:
    """Return scalar terms; ``total`` is what training minimises.

    The mean is fitted by absolute error, since that is what is reported. The scale is
    fitted by the Laplace likelihood of the *detached* error, so that learning how wrong one
    is never buys a worse mean. A target that cannot be negative is censored: where the
    label is zero, any output below zero is right (Tobin, Econometrica 26, 24 (1958)). A
    binary target has the cross-entropy of its logit instead, and no scale.
    """
    unit, offset = (t.to(output.mean) for t in scaling.tensors(config.targets))
    known = graph.y.isfinite()  # (n, n_targets)
    label = torch.where(known, (graph.y - offset) / unit, 0.0).unsqueeze(-1)
    error = _error(output.mean, label, config)
    seen = known.unsqueeze(-1) * _bags(graph.crystal, config.n_heads).unsqueeze(1)
    count = seen.sum(dim=(0, 2)).clamp(min=_FEWEST * seen[:, 0].numel())  # (n_targets,)
    by_target = (error * seen).sum(dim=(0, 2)) / count
    size = output.log_scale.clamp(max=_LARGEST).exp() + _SMALLEST
    likelihood = error.detach() / size + size.log()
    measured = (~config.flags(config.binary)).to(likelihood)  # (n_targets,)
    scale = ((likelihood * seen).sum(dim=(0, 2)) / count * measured).mean()
    share = [scaling.weight.get(name, 1.0) for name in config.targets]
    total = (by_target * torch.tensor(share).to(by_target)).sum() + 0.1 * scale
    terms = dict(zip(config.targets, by_target.detach(), strict=True))
    return {"total": total, "scale": scale.detach(), **terms}


def _error(mean: Tensor, label: Tensor, config: CommonConfig) -> Tensor:
    """What each head's output costs, ``(n, n_targets, n_heads)``.

    ``label`` is ``(n, n_targets, 1)``.
    """
    floor = config.flags(config.non_negative).to(mean.device).unsqueeze(-1)
    binary = config.flags(config.binary).to(mean.device).unsqueeze(-1)  # (n_targets, 1)
    censored = floor & (label <= 0.0)
    error = torch.where(censored, mean.clamp(min=0.0), (mean - label).abs())
    if not config.binary:
        return error
    entropy = nn.functional.softplus(mean) - label * mean
    return torch.where(binary, entropy, error)


def _bags(crystal: Tensor, n_heads: int) -> Tensor:
    """Which head learns from which crystal, ``(n, n_heads)`` of 0 and 1; 3 in 4 are 1.

    The choice depends on the crystal's number alone, so that each head keeps its own
    quarter unseen in every pass and heads disagree where data are thin.
    """
    head = torch.arange(n_heads, device=crystal.device)
    mixed = (crystal.unsqueeze(-1) * 8 + head + 1) * _HASH_A + _HASH_B
    mixed = (mixed % _HASH_M) // 65_536
    return (mixed % 4 != 0).float()


def unseen_by(crystal: Tensor, n_heads: int) -> Tensor:
    """Which head never learns from which crystal, ``(n, n_heads)`` bool."""
    return _bags(crystal, n_heads) == 0


def strained(graph: Data, spread: float, generator: torch.Generator) -> Data:
    """Scale each crystal by a random factor ``1 + spread * normal``, in place.

    Labels belong to geometries a few percent apart in volume, and proposed crystals are
    guesses: the network should not care about so little.
    """
    noise = torch.randn(len(graph.y), generator=generator)
    factor = 1.0 + spread * noise.to(graph.reach.device)
    per_atom = factor.to(graph.reach).index_select(0, graph.batch)
    graph.reach = graph.reach * per_atom
    per_edge = per_atom.index_select(0, graph.edge_index[1])
    graph.edge_vector = graph.edge_vector * per_edge.unsqueeze(-1)
    return graph
