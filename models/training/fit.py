"""Train a network on labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch_geometric.data import Data

from models.nets import CrystalNet, NetOutput, build_net
from models.prediction import physical_mean
from models.training.config import TrainConfig
from models.training.data import Batches, LabelledGraphs
from models.training.loop import Log, Progress, TrainingError, run_task
from models.training.objective import loss, strained

_VALIDATION_BATCH = 128


@dataclass(frozen=True)
class Trained:
    """What a run came to."""

    net: CrystalNet  # with averaged weights, in evaluation mode, on the CPU
    checkpoint: Path
    finished: bool  # False: the time given was over first; call again to go on
    history: tuple[dict[str, float], ...]  # pass, val/<target>_mae


def train(
    training: LabelledGraphs,
    validation: LabelledGraphs,
    config: TrainConfig,
    *,
    folder: Path,
    initial: Mapping[str, Tensor] | None = None,
    device: torch.device | str = "cpu",
    minutes: float | None = None,
    log: Log | None = None,
    compiled: bool = False,
    progress: bool = False,
) -> Trained:
    """Train, or go on from ``folder``, for ``minutes`` at most if given.

    ``initial`` are weights to start from (see :mod:`models.training.transfer` and
    :mod:`models.training.pretrain`); they matter to a fresh folder only. How runs resume,
    and what is raised: :func:`models.training.loop.run_task`.
    """
    shown = Progress(torch.device(device), minutes, log, compiled, progress)
    found = run_task(
        Supervised(config),
        training,
        validation,
        folder=folder,
        initial=initial,
        progress=shown,
    )
    net = cast("CrystalNet", found.net)
    return Trained(net, found.checkpoint, found.finished, found.history)


@dataclass(frozen=True)
class Supervised:
    """Labels, as a task of :func:`models.training.loop.run_task`."""

    config: TrainConfig

    def build(self) -> nn.Module:
        """The network; frozen but for its readout if the config says so."""
        net = build_net(self.config.net)
        if self.config.frozen:
            net.requires_grad_(False).readout.requires_grad_(True)
        return net

    def disturb(self, graph: Data, noise: torch.Generator) -> Data:
        """Strain the crystals."""
        return strained(graph, self.config.strain, noise)

    def loss(self, output: Any, graph: Data) -> dict[str, Tensor]:
        """The terms of :func:`models.training.objective.loss`, in full precision.

        In bfloat16 the offset of -1.3 eV/atom is off by 3 meV/atom.
        """
        full = NetOutput(output.mean.float(), output.log_scale.float())
        return loss(full, graph, self.config.net, self.config.scaling)

    def measure(self, net: nn.Module, data: LabelledGraphs) -> dict[str, float]:
        """Mean absolute error per target."""
        config = self.config
        errors = [
            (physical_mean(net(graph), config.net, config.scaling) - graph.y).abs()
            for graph in Batches(data, _VALIDATION_BATCH)
        ]
        mae = torch.cat(errors).nanmean(dim=0).tolist()
        return {
            f"{name}_mae": value
            for name, value in zip(config.net.targets, mae, strict=True)
        }


__all__ = ["Log", "Supervised", "Trained", "TrainingError", "train"]
