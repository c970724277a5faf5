"""The probability of meeting all targets at once."""

from __future__ import annotations

import numpy as np
from scipy.stats import norm

from campaigns.protocols import FloatArray

_LEAST = 1e-3  # keeps a certain prediction from dividing by zero


def log_success(
    mean: FloatArray, std: FloatArray, low: FloatArray, high: FloatArray
) -> FloatArray:
    """Log probability ``(n,)`` that normal values ``(n, m)`` lie in all windows ``(m,)``.

    Targets count as independent (Gardner et al., ICML 2014).
    """
    wide = np.maximum(std, _LEAST)
    a, b = (low - mean) / wide, (high - mean) / wide
    flip = a > 0  # mirrored, so that the difference is taken where the tails are small
    a, b = np.where(flip, -b, a), np.where(flip, -a, b)
    log_a, log_b = norm.logcdf(a), norm.logcdf(b)
    each = log_b + np.log1p(-np.exp(log_a - log_b))
    return np.asarray(each.sum(axis=1), dtype=np.float64)
