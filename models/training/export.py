"""From checkpoints of training to a model's folder that can be shipped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from materials.errors import InputError
from models.denormals import flushed_denormals
from models.inference import ask
from models.nets.gated import GatedNet
from models.pretrained import FORMAT, Bundle, Manifest, TargetMetrics, save_bundle
from models.training.card import model_card
from models.training.config import TrainConfig
from models.training.data import DataSource, LabelledGraphs
from models.uncertainty.calibration import (
    Calibration,
    calibrate,
    coverage,
    informative,
)
from models.uncertainty.halves import calibrating


@dataclass(frozen=True)
class Checkpoint:
    """The averaged weights of one checkpoint, and after how many passes."""

    state: dict[str, Tensor]
    passes: int


def export_bundle(
    checkpoints: Sequence[Path],
    training: LabelledGraphs,
    validation: LabelledGraphs,
    *,
    folder: Path,
    name: str,
    config: TrainConfig | None = None,
) -> Bundle:
    """Write the checkpoints as one ensemble, calibrated and measured on ``validation``.

    ``config`` must be the one that the checkpoints were trained with. Half of the
    validation rows calibrate the deviation; its coverage is measured on the other half.
    Raises :class:`InputError` if a checkpoint does not fit the config.
    """
    config = config or TrainConfig()
    if not checkpoints:
        raise InputError("no checkpoint to export: expected at least one")
    members = [read_checkpoint(path) for path in checkpoints]
    nets = [_net(member, config) for member in members]
    mean, spread = measure(nets, config, validation)
    calibration, metrics = _judge(mean, spread, validation, config)
    manifest = Manifest(
        format=FORMAT,
        name=name,
        train=config,
        elements=training.elements(),
        training=_source(training, "training"),
        validation=_source(validation, "validation"),
        calibration=calibration,
        metrics=metrics,
        passes=tuple(member.passes for member in members),
        members={},
    )
    states = [member.state for member in members]
    return save_bundle(folder, manifest, states, model_card(manifest))


def read_checkpoint(path: Path) -> Checkpoint:
    """Read what Lightning wrote, as plain tensors; never as pickled code."""
    if not path.is_file():
        raise InputError(f"{path}: no checkpoint; expected the last.ckpt of a training run")
    plain = torch.load(path, map_location="cpu", weights_only=True)
    prefix = "net."
    state = {
        key.removeprefix(prefix): value
        for key, value in plain.get("state_dict", {}).items()
        if key.startswith(prefix)
    }
    if not state:
        raise InputError(f"{path}: no weights inside; expected a checkpoint of NetTask")
    return Checkpoint(state, int(plain["epoch"]) + 1)


def measure(
    nets: Sequence[GatedNet], config: TrainConfig, data: LabelledGraphs
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and uncalibrated spread, ``(n_crystals, n_targets)`` each, physical units."""
    means, spreads = [], []
    with flushed_denormals(), torch.inference_mode():
        for crystals in torch.split(torch.arange(len(data.graphs)), config.batch_size):
            found, _ = ask(nets, config, data.graphs.batch(crystals))
            means.append(found.mean)
            spreads.append(found.spread)
    return (
        torch.cat(means).numpy().astype(np.float64),
        torch.cat(spreads).numpy().astype(np.float64),
    )


def _judge(
    mean: NDArray[np.float64],
    spread: NDArray[np.float64],
    data: LabelledGraphs,
    config: TrainConfig,
) -> tuple[dict[str, Calibration], dict[str, TargetMetrics]]:
    """Calibrate every target on one half of the rows, and check it on the other."""
    half = calibrating(len(mean))
    calibration, metrics = {}, {}
    for column, target in enumerate(config.net.targets):
        label = data.targets[:, column].numpy().astype(np.float64)
        error, doubt = np.abs(mean[:, column] - label), spread[:, column]
        told = informative(
            label, mean[:, column], non_negative=target in config.net.non_negative
        )
        fitted = calibrate(error[told & half], doubt[told & half])
        check = told & ~half
        calibration[target] = fitted
        metrics[target] = TargetMetrics(
            mae=float(np.nanmean(error)),
            rmse=float(np.sqrt(np.nanmean(error**2))),
            coverage=coverage(error[check], fitted.std(doubt[check])),
        )
    return calibration, metrics


def _net(member: Checkpoint, config: TrainConfig) -> GatedNet:
    net = GatedNet(config.net)
    try:
        net.load_state_dict(member.state)
    except RuntimeError as error:
        raise InputError(
            f"checkpoint and config are of different networks; give the config that was "
            f"trained with: {error}"
        ) from error
    return net.eval()


def _source(data: LabelledGraphs, what: str) -> DataSource:
    if data.source is None:
        raise InputError(
            f"the {what} graphs do not say which table they are from; "
            "make them with models.training.prepare"
        )
    return data.source
