"""Teach the composition network the computed gaps of many formulas."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.denormals import flushed_denormals
from models.evaluation.magpie import element_properties, magpie_features
from models.measured.composition import (
    GAP_SHARPNESS,
    N_LAYERS,
    OUTPUTS,
    CompositionNet,
    network_input,
)

_WEIGHTS = (1.0, 0.2, 0.5)  # of the outputs in the loss, in the order of OUTPUTS


@dataclass(frozen=True, kw_only=True)
class PretrainConfig:
    """How the composition network is taught; a minute on one quiet core.

    Chosen by the error on 3,000 formulas of the Materials Project that were held out.
    """

    width: int = 384
    passes: int = 24
    batch_size: int = 512
    learning_rate: float = 1.5e-3
    weight_decay: float = 0.01
    seed: int = 0


class _Layers(nn.Module):
    def __init__(self, n_inputs: int, config: PretrainConfig) -> None:
        super().__init__()
        sizes = [n_inputs, *[config.width] * N_LAYERS]
        self.linear = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        self.norm = nn.ModuleList(nn.LayerNorm(config.width) for _ in range(N_LAYERS))
        self.head = nn.Linear(config.width, len(OUTPUTS))

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(n, n_outputs)`` for inputs ``(n, n_inputs)``."""
        for linear, norm in zip(self.linear, self.norm, strict=True):
            x = norm(nn.functional.silu(linear(x)))
        out: Tensor = self.head(x)
        return out


def pretrain(
    counts: NDArray[np.int64],
    labels: NDArray[np.float32],
    config: PretrainConfig | None = None,
    *,
    tell: Callable[[int], None] = lambda _: None,
) -> CompositionNet:
    """Teach ``counts`` ``(n, 119)`` with ``labels`` ``(n, 2)``.

    Labels are the PBE gap (eV) and the formation energy (eV/atom); NaN where unknown.
    ``tell`` is called with the number of each pass done.
    """
    config = config or PretrainConfig()
    properties = element_properties()
    magpie = magpie_features(counts, properties=properties)
    centre, scale = magpie.mean(axis=0), magpie.std(axis=0) + 1e-6
    inputs = torch.from_numpy(network_input(magpie, counts, centre, scale))
    gap, energy = torch.from_numpy(labels.astype(np.float32)).unbind(dim=1)
    has_gap = torch.where(gap.isnan(), gap, (gap > 0.0).to(gap.dtype))
    wanted = torch.stack([gap, has_gap, energy], dim=1)
    with flushed_denormals(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        layers = _Layers(inputs.shape[1], config)
        _descend(layers, inputs, wanted, config, tell)
    net = _exported(layers, properties.astype(np.float32), centre, scale)
    return CompositionNet.from_tensors(net.tensors())  # as it will be read: half precision


def _descend(
    layers: _Layers,
    inputs: Tensor,
    wanted: Tensor,
    config: PretrainConfig,
    tell: Callable[[int], None],
) -> None:
    """Adam with decay, the rate rising and falling once (Smith, arXiv:1708.07120)."""
    n = len(inputs)
    optimiser = torch.optim.AdamW(
        layers.parameters(), config.learning_rate, weight_decay=config.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser,
        config.learning_rate,
        total_steps=config.passes * -(-n // config.batch_size),
    )
    layers.train()
    for number in range(config.passes):
        for rows in torch.split(torch.randperm(n), config.batch_size):
            optimiser.zero_grad()
            loss = _loss(layers(inputs[rows]), wanted[rows])
            torch.autograd.backward(loss)
            optimiser.step()
            schedule.step()
        tell(number + 1)
    layers.eval()


def _loss(out: Tensor, wanted: Tensor) -> Tensor:
    """Absolute errors of gaps and energies, log-loss of having a gap; unknowns left out."""
    known = ~wanted.isnan()
    target = wanted.nan_to_num()
    gaps = nn.functional.softplus(out[:, 0], beta=GAP_SHARPNESS)
    errors = torch.stack(
        [
            (gaps - target[:, 0]).abs(),
            nn.functional.binary_cross_entropy_with_logits(
                out[:, 1], target[:, 1], reduction="none"
            ),
            (out[:, 2] - target[:, 2]).abs(),
        ],
        dim=1,
    )
    means = (errors * known).sum(dim=0) / known.sum(dim=0).clamp(min=1)
    return (means * torch.tensor(_WEIGHTS)).sum()


def _exported(
    layers: _Layers,
    properties: NDArray[np.float32],
    centre: NDArray[np.float32],
    scale: NDArray[np.float32],
) -> CompositionNet:
    state = {name: t.detach().numpy() for name, t in layers.state_dict().items()}

    def each(name: str) -> tuple[NDArray[np.float32], ...]:
        return tuple(state[name.format(i)] for i in range(N_LAYERS))

    return CompositionNet(
        properties=properties,
        centre=centre,
        scale=scale,
        weights=each("linear.{}.weight"),
        biases=each("linear.{}.bias"),
        gains=each("norm.{}.weight"),
        shifts=each("norm.{}.bias"),
        head=state["head.weight"],
        offset=state["head.bias"],
    )
