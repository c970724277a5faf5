"""Other ways to learn from labels, for benchmarks/updates.py to compare with."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.spatial.distance import cdist

from models.updating.base import FloatArray
from models.updating.column import Column
from models.updating.stacking import Fit
from models.updating.states import States

LENGTHS = (0.25, 0.5, 1.0, 2.0)
AMPLITUDES = (1.0, 2.0, 4.0, 8.0)
OFFSETS = (0.02, 0.1, 0.5)
NOISE = 0.02


@dataclass(frozen=True)
class Earlier:
    """What campaigns did before: one kernel, no variance of a candidate's own."""

    seen: Column
    length: float
    amplitude: float
    offset: float
    weights: FloatArray
    factor: Any

    @classmethod
    def fit(cls, seen: Column) -> Earlier:
        """Choose length, amplitude and offset by marginal likelihood."""
        residual = seen.label - seen.mean
        distance = cdist(seen.states.embedding, seen.states.embedding)
        apart = distance[np.triu_indices(len(seen), k=1)]
        unit = float(np.median(apart[apart > 0])) if (apart > 0).any() else 1.0
        best: tuple[float, Any] = (-np.inf, None)
        for length in LENGTHS:
            near = np.exp(-0.5 * (distance / (length * unit)) ** 2)
            for amplitude, offset in product(AMPLITUDES, OFFSETS):
                scale = amplitude**2 * np.outer(seen.std, seen.std)
                kernel = scale * near + offset**2 + NOISE**2 * np.eye(len(seen))
                factor = cho_factor(kernel, lower=True)
                weights = cho_solve(factor, residual)
                log_det = 2.0 * np.log(np.diag(factor[0])).sum()
                evidence = -0.5 * (residual @ weights + log_det)
                if evidence > best[0]:
                    settings = (length * unit, amplitude, offset, weights, factor)
                    best = (evidence, settings)
        return cls(seen, *best[1])

    def apply(self, new: Column) -> tuple[FloatArray, FloatArray]:
        """Mean and deviation."""
        seen = self.seen
        distance = cdist(new.states.embedding, seen.states.embedding, "sqeuclidean")
        near = np.exp(-0.5 * distance / self.length**2)
        cross = self.amplitude**2 * np.outer(new.std, seen.std) * near + self.offset**2
        prior = (self.amplitude * new.std) ** 2 + self.offset**2
        explained = (cross * cho_solve(self.factor, cross.T).T).sum(axis=1)
        std = np.sqrt(np.maximum(prior - explained, NOISE**2))
        return new.mean + cross @ self.weights, std


@dataclass(frozen=True)
class Forest:
    """A random forest of residuals on states, weighed by what its trees left out."""

    seen: Column
    trees: Any

    @classmethod
    def grow(cls, seen: Column) -> Forest:
        """Grow on labels in units of the network's deviation."""
        from sklearn.ensemble import RandomForestRegressor

        trees = RandomForestRegressor(
            200, max_features=0.2, min_samples_leaf=2, oob_score=True, random_state=0
        )
        trees.fit(seen.states.embedding, (seen.clipped(4.0) - seen.mean) / seen.std)
        return cls(seen, trees)

    def apply(self, new: Column) -> tuple[FloatArray, FloatArray]:
        """Mean, and the network's deviation."""
        return new.mean + new.std * self.trees.predict(new.states.embedding), new.std

    def leave_one_out(self) -> tuple[FloatArray, FloatArray]:
        """By the trees that did not see a label."""
        seen = self.seen
        return seen.mean + seen.std * self.trees.oob_prediction_, seen.std

    def facts(self) -> dict[str, float | str]:
        """The number of trees."""
        return {"trees": len(self.trees.estimators_)}


def forests(_: States) -> Fit:
    """Forests as a contender; there is nothing to prepare."""
    return Forest.grow
