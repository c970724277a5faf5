"""A real model, too small and too ignorant to be right, that loads in a moment."""

from __future__ import annotations

from pathlib import Path

import torch

from models.graphs.neighbours import GraphConfig
from models.nets.gated import GatedNet, GatedNetConfig
from models.pretrained import FORMAT, Manifest, Member, save_bundle
from models.training.config import TrainConfig
from models.training.data import DataSource
from models.uncertainty.calibration import Calibration
from tests.doubts import EVERYWHERE, INTERVALS, METRICS, plain_doubt

NET = GatedNetConfig(
    graph=GraphConfig(n_nearest=4, max_reach=6.0),
    atom_width=8,
    edge_width=8,
    angle_width=2,
    n_radial=4,
    n_blocks=1,
    n_heads=2,
)
ELEMENTS = tuple(z for z in range(1, 95) if z != 2)  # all but helium, so that one is unseen


def save_small_model(folder: Path) -> Path:
    """Write the model into ``folder`` and return it."""
    torch.manual_seed(0)
    source = DataSource("toy.parquet", "0" * 64, 10, 0)
    manifest = Manifest(
        format=FORMAT,
        name="small",
        train=TrainConfig(net=NET),
        elements=ELEMENTS,
        training=source,
        validation=source,
        calibration={
            name: Calibration((0.1, 1.0), (1.0, 1.0), 0.01) for name in NET.targets
        },
        intervals=dict.fromkeys(NET.targets, INTERVALS),
        domain=EVERYWHERE,
        metrics=dict.fromkeys(NET.targets, METRICS),
        members={"member-1.safetensors": Member(NET, passes=1, sha256="")},
        doubt="",
    )
    states = [GatedNet(NET).state_dict()]
    save_bundle(folder, manifest, states, plain_doubt(NET.atom_width), "# A toy\n")
    return folder
