"""The predictor, corrected by what the oracle has said so far.

The network knows DFT on relaxed crystals; the oracle speaks of one potential's energies after
relaxing a guess. Their difference is learnt per target by a Gaussian process whose prior is the
network's own deviation,

    k(x, x') = a² s(x) s(x') exp(-|z - z'|² / 2 l²) + b²,

with ``s`` the calibrated standard deviation, ``a`` how much larger errors are on crystals that
are guesses, ``z`` the network's embedding, and ``b`` a common
offset between the two kinds of energy (Kennedy & O'Hagan, Biometrika 87, 1 (2000), for the
autoregressive correction; Rasmussen & Williams, eqs. 2.25-2.26 and 5.8). Before the first
verdict the surrogate is the network; where nothing similar was judged it stays so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.spatial.distance import cdist

from campaigns.protocols import FloatArray, Scores

TARGETS = ("band_gap", "energy_above_hull")
LENGTHS = (0.25, 0.5, 1.0, 2.0)
"""Length scales tried, in units of the median distance between judged candidates."""
AMPLITUDES = (1.0, 2.0, 4.0, 8.0)
"""Factors tried on the network's deviation, which was calibrated on relaxed crystals."""
OFFSETS = (0.02, 0.1, 0.5)
"""Common offsets tried, eV or eV/atom."""
NOISE = 0.02
"""eV or eV/atom: what the oracle itself is unsure of, relaxation limits included."""


@dataclass(frozen=True)
class Base:
    """What the network says about some candidates, as proposed."""

    mean: dict[str, FloatArray]  # (n,) per target, physical units
    std: dict[str, FloatArray]  # (n,)
    embedding: FloatArray  # (n, d)

    def __len__(self) -> int:
        return len(self.embedding)

    def take(self, rows: Sequence[int]) -> Base:
        """The chosen rows, in the order given."""
        index = np.asarray(rows, dtype=np.int64)
        return Base(
            {name: values[index] for name, values in self.mean.items()},
            {name: values[index] for name, values in self.std.items()},
            self.embedding[index],
        )

    @staticmethod
    def join(parts: Sequence[Base]) -> Base:
        """Rows of all parts, in order."""
        names = parts[0].mean
        return Base(
            {name: np.concatenate([p.mean[name] for p in parts]) for name in names},
            {name: np.concatenate([p.std[name] for p in parts]) for name in names},
            np.concatenate([p.embedding for p in parts]),
        )


@dataclass(frozen=True)
class Correction:
    """A fitted residual process for one target; ``rows`` is None before any verdict."""

    rows: Base | None = None
    target: str = ""
    length: float = 1.0
    amplitude: float = 1.0
    offset: float = 0.0
    weights: FloatArray = field(default_factory=lambda: np.zeros(0))  # K⁻¹ residual
    factor: tuple[FloatArray, bool] | None = None  # Cholesky factor of K

    @classmethod
    def fit(cls, target: str, rows: Base, truth: FloatArray) -> Correction:
        """Choose length, amplitude and offset by marginal likelihood over a small grid.

        ``truth`` ``(n,)`` is the oracle's value per row; rows whose value is not finite are
        left out.
        """
        usable = np.flatnonzero(np.isfinite(truth))
        if len(usable) == 0:
            return cls()
        rows = rows.take(usable.tolist())
        residual = truth[usable] - rows.mean[target]
        unit = _median_distance(rows.embedding)
        best, best_evidence = cls(), -np.inf
        for length, amplitude, offset in product(LENGTHS, AMPLITUDES, OFFSETS):
            kernel = _kernel(rows, rows, target, length * unit, amplitude, offset)
            kernel[np.diag_indices_from(kernel)] += NOISE**2
            factor = cho_factor(kernel, lower=True)
            weights = cho_solve(factor, residual)
            log_det = 2.0 * np.log(np.diag(factor[0])).sum()
            evidence = -0.5 * (residual @ weights + log_det)
            if evidence > best_evidence:
                best_evidence = evidence
                best = cls(rows, target, length * unit, amplitude, offset, weights, factor)
        return best

    def apply(self, base: Base) -> tuple[FloatArray, FloatArray]:
        """Corrected mean and standard deviation, ``(n,)`` each."""
        if self.rows is None or self.factor is None:
            raise ValueError("an unfitted correction has nothing to apply")
        cross = _kernel(  # (n, m)
            base, self.rows, self.target, self.length, self.amplitude, self.offset
        )
        mean = base.mean[self.target] + cross @ self.weights
        prior = (self.amplitude * base.std[self.target]) ** 2 + self.offset**2
        explained = (cross * cho_solve(self.factor, cross.T).T).sum(axis=1)
        return mean, np.sqrt(np.maximum(prior - explained, NOISE**2))


@dataclass(frozen=True)
class CorrectedPredictor:
    """The surrogate of one round: one correction per target."""

    corrections: dict[str, Correction]

    @classmethod
    def fit(cls, rows: Base | None, truth: dict[str, FloatArray]) -> CorrectedPredictor:
        """Fit on all verdicts so far; without any, the surrogate is the network."""
        if rows is None:
            return cls({target: Correction() for target in TARGETS})
        return cls({t: Correction.fit(t, rows, truth[t]) for t in TARGETS})

    def score(self, base: Base) -> Scores:
        """Predict the oracle's answers. A gap is never below zero."""
        found = {
            target: correction.apply(base)
            if correction.rows is not None
            else (base.mean[target], base.std[target])
            for target, correction in self.corrections.items()
        }
        gap, gap_std = found["band_gap"]
        hull, hull_std = found["energy_above_hull"]
        return Scores(np.maximum(gap, 0.0), gap_std, hull, hull_std)


def _kernel(
    a: Base, b: Base, target: str, length: float, amplitude: float, offset: float
) -> FloatArray:
    """Covariance of residuals between two sets, ``(len(a), len(b))``."""
    near = np.exp(-0.5 * cdist(a.embedding, b.embedding, "sqeuclidean") / length**2)
    scale = amplitude**2 * a.std[target][:, None] * b.std[target][None, :]
    return np.asarray(scale * near + offset**2, dtype=np.float64)


def _median_distance(embedding: FloatArray) -> float:
    """Median distance between distinct rows; one where there are none."""
    distances = cdist(embedding, embedding)[np.triu_indices(len(embedding), k=1)]
    distances = distances[distances > 0]
    return float(np.median(distances)) if len(distances) else 1.0
