"""Whether a composition is like those of a small table.

The distance is that to the nearest composition learned from, in the standardised Magpie
features; the limit, the distance that one row in twenty exceeds when its fold is held out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.small.examples import FloatArray
from models.small.folds import Fold

QUANTILE = 0.95


@dataclass(frozen=True)
class Domain:
    """Compositions learned from."""

    centre: FloatArray  # (d,)
    scale: FloatArray  # (d,)
    seen: FloatArray  # (n_compositions, d), standardised
    limit: FloatArray  # (1,)

    def distances(self, magpie: NDArray[np.float32]) -> FloatArray:
        """Root mean square over features, to the nearest one seen, ``(n,)``."""
        return _nearest((magpie - self.centre) / self.scale, self.seen)

    def arrays(self) -> dict[str, FloatArray]:
        """By name; ``Domain(**arrays)`` is the inverse."""
        return {
            "centre": self.centre,
            "scale": self.scale,
            "seen": self.seen,
            "limit": self.limit,
        }


def fit_domain(magpie: NDArray[np.float32], folds: Sequence[Fold]) -> Domain:
    """Sum up the rows' features ``(n, d)``."""
    centre = magpie.mean(axis=0, dtype=np.float64)
    scale = magpie.std(axis=0, dtype=np.float64)
    scale[scale < 1e-6] = 1.0
    points = (magpie - centre) / scale
    apart = np.concatenate([_nearest(points[f.held], points[f.learn]) for f in folds])
    limit = np.array([np.quantile(apart, QUANTILE)])
    return Domain(centre, scale, np.unique(points, axis=0), limit)


def _nearest(points: FloatArray, seen: FloatArray) -> FloatArray:
    from scipy.spatial import KDTree

    distance, _ = KDTree(seen).query(points)
    return np.asarray(distance / seen.shape[1] ** 0.5)
