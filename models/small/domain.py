"""Whether a composition is like those of a small table.

The distance is that to the nearest composition learned from, in the standardised Magpie
features; the limit, the distance that one row in twenty exceeds when its fold is held out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from materials.errors import InputError
from models.small.examples import FloatArray
from models.small.folds import Fold

QUANTILE = 0.95
_HUGE = 1e100  # its square is a number still


@dataclass(frozen=True)
class Domain:
    """Compositions learned from."""

    centre: FloatArray  # (d,)
    scale: FloatArray  # (d,)
    seen: FloatArray  # (n_compositions, d), standardised
    limit: FloatArray  # (1,)

    def __post_init__(self) -> None:
        d, n = self.centre.size, len(self.seen) if self.seen.ndim == 2 else 0
        found = [array.shape for array in self.arrays().values()]
        if not n or found != [(d,), (d,), (n, d), (1,)]:
            raise InputError(f"a domain of arrays {found}")
        if not (self.scale > 0.0).all():
            raise InputError("a domain with a scale that is not above zero")

    def distances(self, magpie: NDArray[np.float32]) -> FloatArray:
        """Root mean square over features, to the nearest one seen, ``(n,)``.

        Infinite where arithmetic overflows, as with a damaged centre.
        """
        with np.errstate(all="ignore"):
            points = (magpie - self.centre) / self.scale
        found = np.full(len(points), np.inf)
        good = (np.abs(points) < _HUGE).all(axis=1)
        if good.any():
            found[good] = _nearest(points[good], self.seen)
        return found

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
