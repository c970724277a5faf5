"""What trials have found, within the reach of arithmetic.

One value of 1e160, whose square is no number, or a constraint that is infinite must not end a
study. Nothing that is within reach is changed.
"""

from __future__ import annotations

import numpy as np

from campaigns.acquisition.arrays import FloatArray

_HUGE = 1e60  # five of them can be multiplied
_FAR = 1e4  # interquartile ranges from the median: what is farther tells no more
_FEWEST = 4  # values that have quartiles


def clipped_values(values: FloatArray) -> FloatArray:
    """Finite values ``(t, m)``; what is very far from all others is drawn near."""
    found = np.clip(values, -_HUGE, _HUGE)
    if len(found) < _FEWEST:
        return found
    low, middle, high = np.percentile(found, (25, 50, 75), axis=0)
    reach = np.where(high > low, _FAR * (high - low), 2 * _HUGE)
    return np.clip(found, middle - reach, middle + reach)


def clipped_constraints(constraints: FloatArray) -> FloatArray:
    """Constraints ``(t, c)`` with finite numbers of the same sign, NaN where there is none.

    Infinite ones become as large as the largest finite one, or one.
    """
    found = np.clip(constraints, -_HUGE, _HUGE)
    for column, values in enumerate(constraints.T):
        finite = values[np.isfinite(values)]
        found[np.isposinf(values), column] = max(1.0, finite.max(initial=0.0))
        found[np.isneginf(values), column] = min(-1.0, finite.min(initial=0.0))
    return np.clip(found, -_HUGE, _HUGE)
