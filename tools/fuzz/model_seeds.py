"""Models, checkpoints and caches that can be loaded, too small to know anything."""

from __future__ import annotations

import gzip
import hashlib
import json
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from pymatgen.core import Lattice, Structure
from safetensors.numpy import save

from models.graphs.neighbours import GraphConfig
from models.graphs.store import GraphStore
from models.measured.gap import SHIPPED as MEASURED
from models.nets.gated import GatedNet, GatedNetConfig
from models.pretrained import (
    FORMAT,
    DomainLimit,
    Manifest,
    Member,
    TargetMetrics,
    save_bundle,
)
from models.small.compare import Score
from models.small.domain import Domain as SmallDomain
from models.small.folder import Parts, SmallManifest, SmallTarget, save_small
from models.small.heads import Head
from models.training.checkpoint import Checkpoint
from models.training.config import TrainConfig
from models.training.data import DataSource, LabelledGraphs
from models.training.record import TRAINING
from models.uncertainty.calibration import Calibration, Coverage
from models.uncertainty.domain import Domain
from models.uncertainty.doubt import Doubt
from models.uncertainty.intervals import Intervals
from models.uncertainty.metrics import DoubtMetrics

Files = dict[str, bytes]

_NET = GatedNetConfig(
    graph=GraphConfig(n_nearest=4, max_reach=6.0),
    targets=("band_gap", "energy_above_hull"),
    atom_width=4,
    edge_width=4,
    angle_width=1,
    n_radial=2,
    n_blocks=1,
    n_heads=1,
)
_LEVELS = (0.5, 0.8, 0.9, 0.95)
_INTERVALS = Intervals(_LEVELS, (), ((0.7,), (1.3,), (1.7,), (2.0,)))
_CALIBRATION = Calibration((0.1, 1.0), (1.0, 1.0), 0.01)
_SOURCE = DataSource("toy.parquet", "0" * 64, 10, 0)


@cache
def network() -> Files:
    """A folder as ``models.training.export`` writes it."""
    torch.manual_seed(0)
    shares = {str(level): level for level in _LEVELS}
    metrics = TargetMetrics(
        mae=1.0,
        rmse=1.0,
        coverage=Coverage(0.683, (0.683,) * 5),
        doubt=DoubtMetrics(100, shares, shares, 1.0, 0.5, 0.35, 0.2),
    )
    width = _NET.atom_width
    domain = Domain(torch.zeros(width), torch.eye(width), torch.zeros(1, width))
    manifest = Manifest(
        format=FORMAT,
        name="toy",
        train=TrainConfig(net=_NET),
        elements=tuple(range(1, 95)),
        training=_SOURCE,
        validation=_SOURCE,
        calibration=dict.fromkeys(_NET.targets, _CALIBRATION),
        intervals=dict.fromkeys(_NET.targets, _INTERVALS),
        domain=DomainLimit(distance=1e6, quantile=0.95, flagged=0.05),
        metrics=dict.fromkeys(_NET.targets, metrics),
        members={"member-1.safetensors": Member(_NET, passes=1, sha256="")},
        doubt="",
    )
    states = [GatedNet(_NET).state_dict()]
    with TemporaryDirectory() as folder:
        save_bundle(Path(folder), manifest, states, Doubt(domain, None), "# A toy\n")
        return _files(Path(folder))


@cache
def small() -> Files:
    """A folder as ``galena train`` makes it of a small table."""
    width = _NET.atom_width
    scores = {"frozen": {"MAE": Score((1.0, 2.0)), "RMSE": Score((1.0, 2.0))}}
    manifest = SmallManifest(
        format=1,
        kind="small",
        name="toy",
        targets={
            "x": SmallTarget("number", "frozen", 1.0, _CALIBRATION, _INTERVALS, scores)
        },
        inputs="structure",
        network=None,
        trunk=TrainConfig(net=_NET),
        base="toy+0",
        elements=(31, 33),
        known_elements=tuple(range(1, 95)),
        training=_SOURCE,
        folds=5,
        seed=0,
        members={},
    )
    head = {
        "centre": np.zeros(width),
        "scale": np.ones(width),
        "seen": np.zeros((2, width)),
        "weight": np.ones(2),
        "factor": np.eye(2),
        "parameters": np.ones(6),
    }
    magpie = 132
    domain = SmallDomain(
        np.zeros(magpie), np.ones(magpie), np.zeros((2, magpie)), np.array([1e6])
    )
    trunk = GatedNet(_NET).state_dict()
    parts = Parts(domain, trunk=trunk, heads={"x": Head(head, "number")})
    with TemporaryDirectory() as folder:
        save_small(Path(folder), manifest, parts, "# A toy\n")
        return _files(Path(folder))


@cache
def measured() -> Files:
    """The correction to measured gaps: the shipped settings, with weights of no size."""
    manifest = json.loads((MEASURED / "config.json").read_text(encoding="utf-8"))
    trees = gzip.compress(b"tree\n", mtime=0)
    files: Files = {name: trees for name in manifest["files"] if name.endswith(".gz")}
    layers = {
        f"{name}.{layer}": np.zeros((2, 2) if name == "weights" else 2, dtype=np.float32)
        for name in ("weights", "biases", "gains", "shifts")
        for layer in range(4)
    }
    plain = {
        name: np.zeros(shape, dtype=np.float32)
        for name, shape in (
            *(("properties", (119, 22)), ("centre", 132), ("scale", 132)),
            *(("head", (3, 2)), ("offset", 3)),
        )
    }
    files["composition.safetensors"] = save({**layers, **plain})
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    manifest["files"] = hashes
    return {**files, "config.json": json.dumps(manifest).encode()}


@cache
def checkpoint() -> Files:
    """The state of a training run, and one without the hash that gives changes away."""
    state = {"weight": torch.zeros(2, 2)}
    found = Checkpoint(3, 1.0, state, state, {"state": {}, "param_groups": []}, [], 1.0)
    with TemporaryDirectory() as folder:
        found.save(Path(folder) / "last.pt")
        torch.save({**TRAINING.stamp(), **vars(found)}, Path(folder) / "older.pt")
        return _files(Path(folder))


@cache
def graphs() -> Files:
    """Labelled graphs of one crystal, in both formats."""
    gaas = Structure(Lattice.cubic(4.0), ["Ga", "As"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    crystal = (gaas.atomic_numbers, gaas.frac_coords, gaas.lattice.matrix)
    store = GraphStore.build([crystal], _NET.graph)
    data = LabelledGraphs(store, torch.zeros(1, 1), ("band_gap",), _SOURCE)
    with TemporaryDirectory() as folder:
        for name in ("graphs.safetensors", "graphs.pt"):
            data.save(Path(folder) / name)
        return _files(Path(folder))


KINDS = {
    "network": network,
    "small": small,
    "measured": measured,
    "checkpoint": checkpoint,
    "graphs": graphs,
}


def with_hash(kind: str, files: Files, name: str) -> None:
    """Write the hash of a changed part into its ``config.json``, as a forger would."""
    found = hashlib.sha256(files[name]).hexdigest()
    if kind not in ("network", "small", "measured") or name == "config.json":
        return
    plain = json.loads(files["config.json"])
    if kind == "small":
        plain["members"][name] = found
    elif kind == "measured":
        plain["files"][name] = found
    elif name == "doubt.safetensors":
        plain["doubt"] = found
    else:
        plain["members"][name]["sha256"] = found
    files["config.json"] = json.dumps(plain).encode()


def _files(folder: Path) -> Files:
    paths = [path for path in sorted(folder.iterdir()) if path.suffix != ".md"]
    return {path.name: path.read_bytes() for path in paths}


__all__ = ["KINDS", "Files", "with_hash"]
