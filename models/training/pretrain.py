"""Learn from crystals without labels, before there is anything to predict.

Two tasks at once, on the same disturbed crystal. *Denoising*: every atom is moved a little at
random, and the network says where it came from (Zaidi et al., arXiv:2206.00133); near a
relaxed structure that is learning its forces. *Masked elements*: some atoms lose their
identity, and the network says which element belongs there (the masked tokens of Devlin et
al., arXiv:1810.04805; for crystals, Xia et al., ICLR 2023).

The networks here are invariant; a direction comes out of them as a sum over an atom's edges
of an invariant number times the edge's unit vector, which turns with the crystal.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch_geometric.data import Data

from materials.errors import InputError
from models.nets import GatedNetConfig, NetConfig, build_net
from models.nets.parts import RadialBasis, envelope
from models.training.checkpoint import read_checkpoint
from models.training.data import Batches, LabelledGraphs
from models.training.fit import Trained
from models.training.loop import Log, Progress, run_task
from models.training.schedule import Schedule

_MASK = 0
"""Stands for an atom whose element is hidden; no element has this number."""
_N_ELEMENTS = 119
_WIDTH = 64
_N_RADIAL = 16
_MEASURE_SEED = 1
_MEASURE_BATCH = 128


@dataclass(frozen=True, kw_only=True)
class PretrainConfig(Schedule):
    """All that decides the outcome of pretraining but the crystals."""

    passes: int = 3
    decay_passes: int = 1
    net: NetConfig = field(default_factory=GatedNetConfig)
    displacement: float = 0.05
    """Å, deviation of each coordinate. Thermal motion at room temperature is of that size,
    so that neighbours stay neighbours."""
    masked: float = 0.15
    """Share of atoms whose element is hidden."""
    element_weight: float = 0.2
    """Share of the elements' cross-entropy in the objective, beside denoising with 1."""

    def __post_init__(self) -> None:
        if self.displacement <= 0.0 or not 0.0 <= self.masked < 1.0:
            raise InputError(
                f"displacement {self.displacement:g} Å and masked {self.masked:g}: expected "
                "a displacement above zero and a share from 0 up to, not including, 1"
            )


class PretextOutput(NamedTuple):
    """What is guessed of every atom."""

    displacement: Tensor  # (n_atoms, 3), in deviations of the noise
    element: Tensor  # (n_atoms, 119), logits over atomic numbers


class PretextNet(nn.Module):
    """A network, and what reads both guesses off its atoms' states."""

    def __init__(self, config: NetConfig) -> None:
        super().__init__()
        atoms = config.atom_width
        self.net = build_net(config)
        self.norm = nn.LayerNorm(atoms)
        self.radial = RadialBasis(_N_RADIAL, config.graph.max_reach)
        self.from_source = nn.Linear(atoms, _WIDTH)
        self.from_target = nn.Linear(atoms, _WIDTH)
        self.from_distance = nn.Linear(2 * _N_RADIAL, _WIDTH)
        self.strength = nn.Linear(_WIDTH, 1)
        self.element = nn.Linear(atoms, _N_ELEMENTS)

    def forward(self, graph: Data) -> PretextOutput:
        """Guess from a batch of disturbed graphs."""
        vector, (source, target) = graph.edge_vector, graph.edge_index
        h = self.norm(self.net.encode(graph.z, graph.reach, graph.edge_index, vector))
        distance = vector.norm(dim=-1)  # (n_edges,)
        closeness = distance / graph.reach.index_select(0, target)
        pair = nn.functional.silu(
            self.from_source(h).index_select(0, source)
            + self.from_target(h).index_select(0, target)
            + self.from_distance(self.radial(distance, closeness))
        )  # (n_edges, 64)
        weight = (envelope(closeness) / distance).unsqueeze(-1)  # makes a unit vector, too
        pull = self.strength(pair) * weight * vector  # (n_edges, 3)
        moved = pull.new_zeros(len(h), 3).index_add(0, target, pull)
        return PretextOutput(moved, self.element(h))


def pretrain(
    training: LabelledGraphs,
    validation: LabelledGraphs,
    config: PretrainConfig,
    *,
    folder: Path,
    device: torch.device | str = "cpu",
    minutes: float | None = None,
    log: Log | None = None,
    compiled: bool = False,
    progress: bool = False,
) -> Trained:
    """Pretrain, or go on from ``folder``; labels, where there are any, are not looked at.

    Resumes and stops as training does, see :func:`models.training.loop.run_task`. The
    history holds ``val/displacement_error``, the share of the displacements' variance that
    is not explained, and ``val/element_error``, the share of hidden elements guessed wrong.
    What comes out is for :func:`pretrained_weights`: the network's readout is still random.
    """
    shown = Progress(torch.device(device), minutes, log, compiled, progress)
    found = run_task(
        Pretext(config), training, validation, folder=folder, initial=None, progress=shown
    )
    net = cast("PretextNet", found.net).net
    return Trained(net, found.checkpoint, found.finished, found.history)


def pretrained_weights(
    checkpoint: Path, config: NetConfig, *, seed: int = 0
) -> dict[str, Tensor]:
    """Weights to begin training with: a pretrained trunk below a fresh readout.

    ``checkpoint`` is one of :func:`pretrain`. The readout is the one that training from
    scratch with the same ``seed`` begins with. Raises :class:`InputError` if the checkpoint
    is of something else, or of another architecture or size.
    """
    prefix = "net."
    state = {
        key.removeprefix(prefix): value
        for key, value in read_checkpoint(checkpoint).average.items()
        if key.startswith(prefix)
    }
    if not state:
        raise InputError(f"{checkpoint}: expected a checkpoint of pretraining")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        fresh = build_net(config).state_dict()
    for key, random in fresh.items():
        if key.startswith("readout."):
            continue
        if key not in state or state[key].shape != random.shape:
            raise InputError(
                f"{checkpoint}: '{key}' does not fit a {config.architecture} network of this "
                "size; pretrain with the config that is to be trained"
            )
        fresh[key] = state[key]
    return fresh


@dataclass(frozen=True)
class Pretext:
    """Both guesses, as a task of :func:`models.training.loop.run_task`."""

    config: PretrainConfig

    def build(self) -> nn.Module:
        """Network and reading parts."""
        return PretextNet(self.config.net)

    def disturb(self, graph: Data, noise: torch.Generator) -> Data:
        """Move and mask atoms; ``displacement``, ``element`` and ``hidden`` say how.

        Moving a whole crystal changes nothing that can be seen, so displacements are counted
        from the crystal's mean. How far an atom looks stays as it was before the move.
        """
        device, n_atoms = graph.z.device, len(graph.z)
        moved = torch.randn(n_atoms, 3, generator=noise).to(device)
        hidden = torch.rand(n_atoms, generator=noise).to(device) < self.config.masked
        moved = moved - _mean(moved, graph.batch, graph.ptr).index_select(0, graph.batch)
        source, target = graph.edge_index
        shift = moved.index_select(0, source) - moved.index_select(0, target)
        graph.edge_vector = graph.edge_vector + self.config.displacement * shift
        graph.displacement, graph.hidden, graph.element = moved, hidden, graph.z
        graph.z = torch.where(hidden, _MASK, graph.z)
        return graph

    def loss(self, output: Any, graph: Data) -> dict[str, Tensor]:
        """Squared error of the displacements, cross-entropy of the hidden elements."""
        denoising = (output.displacement.float() - graph.displacement).square().mean()
        entropy = nn.functional.cross_entropy(
            output.element.float(), graph.element, reduction="none"
        )
        elements = (entropy * graph.hidden).sum() / graph.hidden.sum().clamp(min=1)
        return {
            "total": denoising + self.config.element_weight * elements,
            "denoising": denoising.detach(),
            "elements": elements.detach(),
        }

    def measure(self, net: nn.Module, data: LabelledGraphs) -> dict[str, float]:
        """How much of either guess is wrong, always under the same noise."""
        noise = torch.Generator().manual_seed(_MEASURE_SEED)
        left = variance = wrong = hidden = torch.zeros((), device=data.targets.device)
        for plain in Batches(data, _MEASURE_BATCH):
            graph = self.disturb(plain, noise)
            output: PretextOutput = net(graph)
            left = left + (output.displacement - graph.displacement).square().sum()
            variance = variance + graph.displacement.square().sum()
            missed = output.element.argmax(dim=-1) != graph.element
            wrong = wrong + (missed & graph.hidden).sum()
            hidden = hidden + graph.hidden.sum()
        return {
            "displacement_error": float(left / variance),
            "element_error": float(wrong / hidden),
        }


def _mean(values: Tensor, batch: Tensor, start: Tensor) -> Tensor:
    """Mean over each crystal's atoms, ``(n_crystals, 3)``."""
    count = start.diff()
    total = values.new_zeros(len(count), values.shape[1]).index_add(0, batch, values)
    return total / count.unsqueeze(-1)
