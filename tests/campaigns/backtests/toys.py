"""A table whose answers are known, and a predictor that is right up to noise."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
from pymatgen.core import Lattice, Structure

from campaigns.backtests.pool import Pool, View
from campaigns.backtests.spec import BacktestSpec
from materials.provenance import file_sha256
from materials.table import CrystalTable
from models.predictions import Predictions

CATIONS = ("Li", "Na", "K", "Mg", "Ca", "Sr", "Zn", "Cd", "Al", "Ga", "In", "Cu")
ANIONS = ("O", "S", "Se", "Te", "N", "P", "F", "Cl", "Br", "I")


def write_table(path: Path, n: int = 240, *, seed: int = 0) -> Path:
    """Crystals of two elements each; rows are of release ``old`` and ``new`` in turn."""
    rng = np.random.default_rng(seed)
    crystals, release = [], []
    for row in range(n):
        a, x = CATIONS[row % len(CATIONS)], ANIONS[(row // len(CATIONS)) % len(ANIONS)]
        shape = 1 + row // (len(CATIONS) * len(ANIONS))  # another formula each time round
        sites = [[0, 0, k / (shape + 1)] for k in range(shape + 1)]
        crystals.append(Structure(Lattice.cubic(4 + row / n), [a] + [x] * shape, sites))
        release.append("new" if row % 2 else "old")
    gap = rng.uniform(0, 4, n)
    table = CrystalTable.from_structures(
        crystals,
        ids=[f"t{row}" for row in range(n)],
        properties={
            "band_gap": gap.tolist(),
            "electron_mass": (10 ** rng.uniform(-3, 1, n)).tolist(),
            "odd": [None if row % 9 == 0 else float(row) for row in range(n)],
            "release": release,
        },
    )
    table.write(path)
    return path


class Guesser:
    """Predicts ``band_gap`` from the table itself, with noise; knows nothing else."""

    version = "guesser+1"
    targets = ("band_gap",)

    def __init__(self, table: Path, where: str = "release == old") -> None:
        source = SimpleNamespace(
            file=table.name, sha256=file_sha256(table), where=where, rows=1, skipped=0
        )
        self.manifest = SimpleNamespace(training=source, validation=source)
        frame = CrystalTable.open(table).to_pandas(["band_gap", "lattice"])
        self._gap = {
            round(float(cell[0]), 4): gap
            for cell, gap in zip(frame["lattice"], frame["band_gap"], strict=True)
        }
        self.asked = 0

    def predict_flat(self, crystals, *, compiled=None, tell=lambda _: None, clock=None):
        n = len(crystals)
        self.asked += n
        edge = [round(float(cell[0, 0]), 4) for cell in crystals.lattice]
        mean = np.array([[self._gap[one] + 0.1 * np.sin(99 * one)] for one in edge])
        tell(n)
        states = np.concatenate([mean, crystals.counts()[:, :60]], axis=1)
        std = np.full((n, 1), 0.1)
        return Predictions(
            self.targets, mean, std, mean - std, mean + std, states.astype(np.float32),
            np.ones(n, bool), np.zeros(n), (None,) * n,
        )  # fmt: skip


def spec_of(table: Path, **changes) -> BacktestSpec:
    """A small back-test of the new rows, the old ones being those of training."""
    content = {
        "name": "toy",
        "pool": {"table": table.name, "where": {"release": "new"}},
        "exclude": [{"table": table.name, "where": {"release": "old"}}],
        "targets": {"band_gap": {"min": 1.0, "max": 1.5}},
        "n_initial": 10,
        "rounds": 3,
        "batch_size": 5,
        "seeds": 2,
        "strategies": ["network"],
    } | changes
    return BacktestSpec.model_validate(content)


def toy_pool(n: int = 200, *, known: bool = True, seed: int = 0) -> Pool:
    """A pool of two targets, of which the network knows the first, or none."""
    rng = np.random.default_rng(seed)
    truth = rng.uniform(0, 1, (n, 2))
    mean = truth + rng.normal(0, 0.1, (n, 2))
    mean[:, 1] = np.nan
    if not known:
        mean[:] = np.nan
    counts = np.zeros((n, 119), dtype=np.int16)
    counts[np.arange(n), 20 + (60 * truth[:, 0]).astype(int)] = 1
    counts[:, 8] = 1 + (8 * truth[:, 1]).astype(int)  # so that compositions tell something
    low, high = np.array([0.3, -np.inf]), np.array([0.6, 0.4])
    view = View(
        np.array([f"X{k}O" for k in range(n)]),
        counts,
        np.array(["band_gap", "odd"]),
        low,
        high,
        mean,
        np.where(np.isnan(mean), np.nan, 0.1),
        np.concatenate([truth, rng.normal(0, 1, (n, 3))], axis=1).astype(np.float32),
    )
    hits = ((truth >= low) & (truth <= high)).all(axis=1)
    return Pool(view, np.array([f"c{k}" for k in range(n)]), truth, hits)
