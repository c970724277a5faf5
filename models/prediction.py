"""From raw network outputs to values with a deviation, in physical units."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from models.nets.parts import CommonConfig, NetOutput
from models.training.objective import Scaling


class Estimate(NamedTuple):
    """What all heads of all members say together, in physical units."""

    mean: Tensor  # (n_crystals, n_targets)
    scale: Tensor  # (n_crystals, n_targets), deviation that the data leave open
    disagreement: Tensor  # (n_crystals, n_targets), deviation between heads

    @property
    def spread(self) -> Tensor:
        """Both together, ``(n_crystals, n_targets)``: a deviation before calibration."""
        return (self.scale.square() + self.disagreement.square()).sqrt()


def estimate(
    outputs: Sequence[NetOutput], config: CommonConfig, scaling: Scaling
) -> Estimate:
    """Average the members' heads and add up both kinds of doubt.

    With Laplace scales ``b`` and means ``m`` over all heads of all members,

        spread² = mean(2 b²) + var(m),

    the variance of an equal mixture of Laplace distributions: what the data leave open plus
    what the heads disagree about (Lakshminarayanan et al., arXiv:1612.01474, eq. 3, with
    2 b² in the place of a Gaussian's variance). Binary targets have no scale: what the data
    leave open of an outcome of probability p is p (1 - p).
    """
    means = torch.cat([physical_heads(o, config, scaling) for o in outputs], dim=-1)
    unit, _ = (t.to(means) for t in scaling.tensors(config.targets))
    scales = torch.cat([o.log_scale.exp() for o in outputs], dim=-1) * unit.unsqueeze(-1)
    mean = means.mean(dim=-1)
    variance = (2.0 * scales.square()).mean(dim=-1)
    binary = config.flags(config.binary).to(means.device)
    variance = torch.where(binary, mean * (1.0 - mean), variance)
    return Estimate(mean, variance.sqrt(), means.std(dim=-1, correction=0))


def limits(config: CommonConfig, target: str) -> tuple[float, float]:
    """Smallest and largest value that a target can have."""
    if target in config.binary:
        return 0.0, 1.0
    return (0.0 if target in config.non_negative else -float("inf")), float("inf")


def physical_mean(output: NetOutput, config: CommonConfig, scaling: Scaling) -> Tensor:
    """Mean over one member's heads in physical units, ``(n_crystals, n_targets)``."""
    return physical_heads(output, config, scaling).mean(dim=-1)


def physical_heads(output: NetOutput, config: CommonConfig, scaling: Scaling) -> Tensor:
    """Each head's mean in physical units, ``(n_crystals, n_targets, n_heads)``.

    Heads of non-negative targets are clamped: an output below zero means zero. Those of
    binary targets become probabilities.
    """
    unit, offset = (t.to(output.mean) for t in scaling.tensors(config.targets))
    heads = output.mean * unit.unsqueeze(-1) + offset.unsqueeze(-1)
    floor = config.flags(config.non_negative).to(heads.device).unsqueeze(-1)
    heads = torch.where(floor, heads.clamp(min=0.0), heads)
    if not config.binary:
        return heads
    binary = config.flags(config.binary).to(heads.device).unsqueeze(-1)
    return torch.where(binary, output.mean.sigmoid(), heads)
