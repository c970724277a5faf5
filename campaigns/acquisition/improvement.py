"""Worth of one property that should be large: improvement, confidence bound, probability.

To look for small values, hand over the negative of mean and best.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import erfcx, log_ndtr, ndtr

from campaigns.acquisition.arrays import FloatArray, best_known, predictions
from materials.errors import InputError

_LOG_ROOT_2PI = 0.5 * np.log(2.0 * np.pi)
_FAR = -50.0  # deviations; beyond, a series is more exact than a difference


def expected_improvement(mean: ArrayLike, std: ArrayLike, best: float) -> FloatArray:
    """Return ``(n,)`` expected improvement over ``best``, in the property's unit.

    ``std · (φ(z) + z Φ(z))`` with ``z = (mean - best) / std`` (Močkus 1975; Jones, Schonlau &
    Welch, J. Glob. Optim. 13, 455 (1998), eq. 15). Without deviation it is what the mean
    gains.
    """
    return np.asarray(np.exp(log_expected_improvement(mean, std, best)), dtype=np.float64)


def log_expected_improvement(mean: ArrayLike, std: ArrayLike, best: float) -> FloatArray:
    """Return ``(n,)`` log of :func:`expected_improvement`; finite where that underflows.

    Ament et al., NeurIPS 2023, eq. 9. Minus infinity only where a prediction without deviation
    is no improvement.
    """
    centre, spread = predictions(mean, std, ndim=1)
    return log_gain(centre, spread, best_known(best))


def log_gain(mean: FloatArray, std: FloatArray, best: float | FloatArray) -> FloatArray:
    """Log expected improvement of any shape; ``best`` broadcasts and may be infinite."""
    best = np.asarray(best, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        certain = np.log(np.maximum(mean - best, 0.0))
        z = np.clip((mean - best) / std, -1e150, 1e150)
        found = np.log(std) + log_h(np.nan_to_num(z))
    found = np.where(np.isposinf(best), -np.inf, found)
    return np.asarray(np.where(std > 0, found, certain), dtype=np.float64)


def log_h(z: FloatArray) -> FloatArray:
    """``log(φ(z) + z Φ(z))`` without cancellation, any shape."""
    high, low = np.maximum(z, -1.0), np.minimum(z, -1.0)
    density = -0.5 * high**2 - _LOG_ROOT_2PI
    above = np.log(np.exp(density) + high * ndtr(high))
    # φ + zΦ = φ · (1 - |z| √(π/2) erfcx(|z|/√2)); the bracket tends to 1 / z².
    part = np.maximum(low, _FAR)
    near = np.log1p(np.sqrt(np.pi / 2.0) * erfcx(-part / np.sqrt(2.0)) * part)
    bracket = np.where(low > _FAR, near, _tail(np.minimum(low, _FAR)))
    below = -0.5 * low**2 - _LOG_ROOT_2PI + bracket
    return np.asarray(np.where(z > -1.0, above, below), dtype=np.float64)


def _tail(z: FloatArray) -> FloatArray:
    """Log of ``1 - |z| m(|z|)`` for Mills' ratio ``m``, from its asymptotic series."""
    inverse = 1.0 / z**2
    return np.asarray(
        np.log(inverse) + np.log1p(inverse * (-3.0 + inverse * (15.0 - 105.0 * inverse))),
        dtype=np.float64,
    )


def probability_of_improvement(mean: ArrayLike, std: ArrayLike, best: float) -> FloatArray:
    """Return ``(n,)`` probability of exceeding ``best`` (Kushner 1964)."""
    return np.asarray(np.exp(log_probability_of_improvement(mean, std, best)))


def log_probability_of_improvement(
    mean: ArrayLike, std: ArrayLike, best: float
) -> FloatArray:
    """Return ``(n,)`` log probability of exceeding ``best``, exact in the tail."""
    centre, spread = predictions(mean, std, ndim=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = (centre - best_known(best)) / spread
        certain = np.where(centre > best, 0.0, -np.inf)
        normal = log_ndtr(np.nan_to_num(z, posinf=np.inf, neginf=-np.inf))
        return np.where(spread > 0, normal, certain)


def upper_confidence_bound(
    mean: ArrayLike, std: ArrayLike, beta: float = 2.0
) -> FloatArray:
    """Return ``(n,)``, ``mean + beta · std``, in the property's unit.

    ``beta`` counts deviations (the square root of Srinivas et al., ICML 2010, whose β is the
    square). Zero is greedy.

    Raises:
        InputError: ``beta`` is negative.
    """
    if not beta >= 0:
        raise InputError(f"beta counts deviations and must not be negative, got {beta}")
    centre, spread = predictions(mean, std, ndim=1)
    return np.asarray(centre + beta * spread, dtype=np.float64)
