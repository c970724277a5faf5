"""Thompson sampling: one draw of what might be true, to be believed for one choice."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import eigh

from campaigns.acquisition.arrays import FloatArray, predictions
from campaigns.acquisition.batches import typical_distance
from materials.errors import InputError

_FEATURES = 512  # pairs of random Fourier features; the kernel's error is about 1 / √512


def thompson_draws(
    mean: ArrayLike,
    std: ArrayLike,
    rng: np.random.Generator,
    *,
    draws: int = 1,
    covariance: ArrayLike | None = None,
    embedding: ArrayLike | None = None,
    length: float | None = None,
) -> FloatArray:
    """Return ``(draws, n)`` joint draws of a property, in its unit (Thompson 1933).

    With ``covariance`` ``(n, n)``, unit squared, draws follow it exactly and ``std`` is not
    used. With ``embedding`` ``(n, d)``, errors are correlated as ``exp(-|x - x'|² / 2 l²)``
    by random Fourier features (Rahimi & Recht, NeurIPS 2007), which keeps every deviation as
    given and serves any number of candidates; ``length`` is the median distance if not given.
    With neither, errors are independent, which makes the best of many candidates look better
    than it can be.

    Raises:
        InputError: shapes do not fit, or both covariance and embedding are given.
    """
    centre, spread = predictions(mean, std, ndim=1)
    n = len(centre)
    if covariance is not None and embedding is not None:
        raise InputError("give either a covariance or an embedding, not both")
    if covariance is not None:
        return centre + _shaped(np.asarray(covariance, dtype=np.float64), n, draws, rng)
    if embedding is None:
        return centre + spread * rng.standard_normal((draws, n))
    points = np.asarray(embedding, dtype=np.float64)
    if points.ndim != 2 or len(points) != n:
        raise InputError(f"embedding must be ({n}, d), got {points.shape}")
    scale = typical_distance(points) if length is None else length
    waves = rng.standard_normal((points.shape[1], _FEATURES)) / scale
    weights = rng.standard_normal((draws, 2 * _FEATURES)) / np.sqrt(_FEATURES)
    return centre + spread * _waved(points, waves, weights)


def _waved(points: FloatArray, waves: FloatArray, weights: FloatArray) -> FloatArray:
    """Random functions of unit variance at the points, ``(draws, n)``, in bounded memory."""
    found = np.empty((len(weights), len(points)))
    for start in range(0, len(points), 8192):
        phase = points[start : start + 8192] @ waves
        found[:, start : start + 8192] = (
            weights @ np.concatenate([np.cos(phase), np.sin(phase)], axis=1).T
        )
    return found


def _shaped(
    covariance: FloatArray, n: int, draws: int, rng: np.random.Generator
) -> FloatArray:
    """Draws with mean zero and the covariance given, which may be singular."""
    if covariance.shape != (n, n) or not np.allclose(covariance, covariance.T):
        raise InputError(
            f"covariance must be symmetric and ({n}, {n}), got {covariance.shape}"
        )
    values, vectors = eigh(covariance)
    if values.min(initial=0.0) < -1e-6 * max(values.max(initial=0.0), 1e-300):
        raise InputError("covariance has a negative eigenvalue")
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    return np.asarray(rng.standard_normal((draws, n)) @ root.T, dtype=np.float64)
