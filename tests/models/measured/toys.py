"""A small correction, its data, and a network that knows nothing, for tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from ase import Atoms

from models.inference import Predictions
from models.measured.composition import N_LAYERS, OUTPUTS, CompositionNet
from models.measured.examples import Computed, Measured
from models.measured.formulas import formula_counts
from models.measured.gap import MeasuredGap, Source
from models.measured.learn import learn

VERSION = "toy+00000000"
TARGETS = ("band_gap", "energy_above_hull")
SOURCE = Source("toy.csv", "0" * 64, 1)
ANIONS = ("O", "S", "Se", "Te", "F", "Cl", "Br", "I", "N", "P", "As", "Sb")
CATIONS = ("Li", "Na", "Mg", "Al", "Ti", "Fe", "Cu", "Zn", "Ga", "In")


def toy_net(width: int = 8, seed: int = 0) -> CompositionNet:
    rng = np.random.default_rng(seed)
    sizes = [226, *[width] * N_LAYERS]

    def normal(*shape: int) -> np.ndarray:
        return rng.normal(0, 0.3, shape).astype(np.float16).astype(np.float32)

    return CompositionNet(
        properties=rng.uniform(0, 3, (119, 22)).astype(np.float32),
        centre=np.ones(132, np.float32),
        scale=np.ones(132, np.float32),
        weights=tuple(normal(b, a) for a, b in pairwise(sizes)),
        biases=tuple(normal(width) for _ in range(N_LAYERS)),
        gains=tuple(normal(width) for _ in range(N_LAYERS)),
        shifts=tuple(normal(width) for _ in range(N_LAYERS)),
        head=normal(len(OUTPUTS), width),
        offset=normal(len(OUTPUTS)),
    )


def toy_measured() -> Measured:
    """120 binaries; the lighter the anion the larger the gap, pnictides are metals."""
    formulas = tuple(f"{c}{a}" for c in CATIONS for a in ANIONS)
    counts = formula_counts(formulas)
    rng = np.random.default_rng(0)
    size = np.tile([5, 4, 3, 2, 8, 6, 5, 4, 0, 0, 0, 0], len(CATIONS))
    noise = rng.normal(0, 0.2, len(formulas))
    gap = np.where(size > 0, size + noise, 0.0)
    fold = rng.permutation(np.arange(len(formulas)) % 4) + 1
    return Measured(formulas, formulas, counts, gap, fold, SOURCE)


def toy_computed(measured: Measured) -> Computed:
    """Gaps 40 % too small, energies that say nothing; no crystal for every tenth."""
    rng = np.random.default_rng(1)
    n = len(measured.gap)
    features = np.column_stack(
        [0.6 * measured.gap, rng.normal(size=n), np.full((n, 2), 0.1)]
    )
    features[::10] = np.nan
    table = tuple("" if i % 10 == 0 else "toy.parquet" for i in range(n))
    return Computed(VERSION, TARGETS, features, table, (SOURCE,))


def toy_gap() -> MeasuredGap:
    measured = toy_measured()
    return learn(measured, toy_computed(measured), toy_net(), SOURCE)


def predictions(
    gap: Sequence[float], errors: Sequence[str | None] | None = None
) -> Predictions:
    n = len(gap)
    errors = tuple(errors or (None,) * n)
    mean = np.column_stack([gap, np.zeros(n)])
    mean[[e is not None for e in errors]] = np.nan
    return Predictions(
        targets=TARGETS,
        mean=mean,
        std=np.full_like(mean, 0.1),
        lower=mean - 0.2,
        upper=mean + 0.2,
        embedding=np.zeros((n, 4), np.float32),
        in_domain=np.ones(n, dtype=bool),
        domain_distance=np.zeros(n),
        errors=errors,
    )


@dataclass
class ToyNetwork:
    """Says that every gap is 1 eV; fails on crystals with helium."""

    version: str = VERSION
    targets: tuple[str, ...] = TARGETS

    def predict(self, structures: Sequence[Any], *, progress: bool = False) -> Predictions:
        atoms = [s if isinstance(s, Atoms) else s.to_ase_atoms() for s in structures]
        return self._predict([one.numbers for one in atoms])

    def predict_arrays(
        self, crystals: Sequence[Any], *, progress: bool = False
    ) -> Predictions:
        return self._predict([crystal[0] for crystal in crystals])

    def _predict(self, numbers: Sequence[Any]) -> Predictions:
        errors = ["helium" if 2 in z else None for z in numbers]
        return predictions([1.0] * len(numbers), errors)
