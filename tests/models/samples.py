"""Crystals, networks and labelled graphs for the tests of models."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from ase import Atoms
from ase.build import bulk

from models.graphs.store import GraphStore
from models.nets import NetConfig, build_net
from models.nets.gated import GatedNetConfig
from models.pretrained import FORMAT, SHIPPED, Bundle, Manifest, Member, save_bundle
from models.training.config import TrainConfig
from models.training.data import DataSource, LabelledGraphs
from models.uncertainty.calibration import Calibration
from tests.doubts import EVERYWHERE, INTERVALS, METRICS, plain_doubt

SMALL = GatedNetConfig(
    targets=("band_gap", "formation_energy_per_atom", "energy_above_hull"),
    non_negative=("band_gap",),
    binary=(),
    corrections=(),
    n_heads=2,
    atom_width=16,
    edge_width=8,
    angle_width=4,
    n_radial=8,
    n_blocks=2,
)

SHIPPED_CONFIG = SHIPPED / "config.json"


def named_crystals() -> dict[str, Atoms]:
    """Textbook crystals, written as ase writes them."""
    return {
        "Si": bulk("Si"),
        "GaAs": bulk("GaAs", "zincblende", 5.75),
        "ZnO": bulk("ZnO", "wurtzite", 3.29, 5.31),
        "NaCl": bulk("NaCl", "rocksalt", 5.69),
        "Cu": bulk("Cu"),
    }


def isolated(symbol: str = "Xe") -> Atoms:
    """One atom with nothing in reach."""
    return Atoms(symbol, cell=[30.0, 31.0, 32.0], pbc=True)


def random_arrays(n: int, seed: int = 0) -> list[tuple]:
    """``n`` crystals of two to six atoms that keep apart: numbers, coordinates, cell."""
    rng = np.random.default_rng(seed)
    corners = np.array([(x, y, z) for x in (0, 1) for y in (0, 1) for z in (0, 1)]) / 2
    crystals = []
    for _ in range(n):
        n_atoms = int(rng.integers(2, 7))
        frac = rng.permutation(corners)[:n_atoms] + rng.uniform(0, 0.1, (n_atoms, 3))
        cell = np.diag(rng.uniform(4.5, 7.0, 3)) + rng.uniform(-0.6, 0.6, (3, 3))
        numbers = rng.choice([8, 14, 16, 26, 30, 31, 33], n_atoms)
        crystals.append((numbers, frac, cell))
    return crystals


def labelled(n: int = 30, seed: int = 0) -> LabelledGraphs:
    """Crystals whose labels follow from composition, one in five unknown."""
    crystals = random_arrays(n, seed)
    graphs = GraphStore.build(crystals)
    mean_z = torch.tensor([float(np.mean(z)) for z, _, _ in crystals])
    targets = torch.stack([(mean_z - 20).relu() / 10, mean_z / 20 - 2, mean_z / 99], dim=1)
    targets[::5, 2] = torch.nan
    return LabelledGraphs(
        graphs,
        targets,
        SMALL.targets,
        DataSource("made.parquet", sha256="0" * 64, rows=n, skipped=0),
    )


def random_bundle(
    folder: Path, *, net: NetConfig | None = None, n_members: int = 1, seed: int = 0
) -> Bundle:
    """Save and load a model that was never trained."""
    config = TrainConfig(net=net or GatedNetConfig())
    torch.manual_seed(seed)
    states = [build_net(config.net).state_dict() for _ in range(n_members)]
    source = DataSource("made.parquet", sha256="0" * 64, rows=1, skipped=0)
    manifest = Manifest(
        format=FORMAT,
        name="untrained",
        train=config,
        elements=tuple(range(1, 95)),
        training=source,
        validation=source,
        calibration=dict.fromkeys(config.net.targets, Calibration((1.0,), (1.0,), 0.01)),
        intervals=dict.fromkeys(config.net.targets, INTERVALS),
        domain=EVERYWHERE,
        metrics=dict.fromkeys(config.net.targets, METRICS),
        members={
            f"member-{n}.safetensors": Member(config.net, 0, "")
            for n in range(1, n_members + 1)
        },
        doubt="",
    )
    doubt = plain_doubt(config.net.atom_width)
    return save_bundle(folder, manifest, states, doubt, "# untrained\n")


def plain(bundle: Bundle) -> dict:
    """The manifest as JSON would hold it."""
    return json.loads(json.dumps(asdict(bundle.manifest)))
