"""From raw network outputs to values with a deviation, in physical units."""

from __future__ import annotations

import torch
from torch import Tensor

from models.nets.gated import GatedNetConfig, NetOutput
from models.training.objective import Scaling


def physical_mean(
    output: NetOutput, config: GatedNetConfig, scaling: Scaling
) -> Tensor:
    """Mean over heads in physical units, ``(n_crystals, n_targets)``.

    Heads of non-negative targets are clamped before averaging.
    """
    unit, offset = (t.to(output.mean) for t in scaling.tensors(config.targets))
    heads = output.mean * unit.unsqueeze(-1) + offset.unsqueeze(-1)
    for column, name in enumerate(config.targets):
        if name in config.non_negative:
            heads = torch.cat(
                [
                    heads[:, :column],
                    heads[:, column : column + 1].clamp(min=0.0),
                    heads[:, column + 1 :],
                ],
                dim=1,
            )
    return heads.mean(dim=-1)
