"""Errors of a network just trained, on graphs that are at hand."""

from __future__ import annotations

import numpy as np
import torch

from models.denormals import flushed_denormals
from models.evaluation.networks import METAL
from models.evaluation.scores import FEWEST, Figure, mean_absolute
from models.nets import CrystalNet
from models.prediction import physical_mean
from models.training.config import TrainConfig
from models.training.data import Batches, LabelledGraphs

_BATCH = 128


def validation_errors(
    net: CrystalNet, config: TrainConfig, data: LabelledGraphs
) -> dict[str, Figure]:
    """Mean absolute error of every measured target with enough labels, in its unit."""
    with flushed_denormals(), torch.inference_mode():
        parts = [
            physical_mean(net(graph), config.net, config.scaling)
            for graph in Batches(data, _BATCH)
        ]
    values = torch.cat(parts).numpy().astype(np.float64)  # (n_crystals, n_targets)
    labels = data.targets.numpy().astype(np.float64)
    return {
        target: mean_absolute(values[:, column], labels[:, column])
        for column, target in enumerate(config.net.targets)
        if target != METAL and np.isfinite(labels[:, column]).sum() >= FEWEST
    }
