"""Windows that properties should fall into, and the probability that all of them do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import log_ndtr

from campaigns.acquisition.arrays import FloatArray, log_difference, predictions
from materials.errors import InputError

_LOG_ROOT_2PI = 0.5 * np.log(2 * np.pi)
_NARROW = 1e-6  # deviations; below it a window is its midpoint's density times its width


@dataclass(frozen=True)
class Window:
    """Where a property should lie, both ends included, in the property's unit.

    ``Window(1.1, 1.7)``; ``Window(max=0.05)`` has no lower end. ``weight`` is the exponent of
    its probability in a product.
    """

    min: float = -np.inf
    max: float = np.inf
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not self.min < self.max:
            raise InputError(
                f"contradictory window: min {self.min} is not below max {self.max}"
            )
        if not 0 <= self.weight < np.inf:
            raise InputError(
                f"a window's weight is an exponent from 0 upwards, got {self.weight}"
            )

    def holds(self, values: ArrayLike) -> NDArray[np.bool_]:
        """Which values lie inside, in their shape; what is not a number does not."""
        given = np.asarray(values, dtype=np.float64)
        return (given >= self.min) & (given <= self.max)


def log_probability(mean: ArrayLike, std: ArrayLike, window: Window) -> FloatArray:
    """Return ``(n,)`` log probability that a normal variable lies in the window.

    Exact far outside the window and where the window is narrow. A prediction without
    deviation is inside (0) or not (minus infinity).
    """
    centre, spread = predictions(mean, std, ndim=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        low = (window.min - centre) / spread
        high = (window.max - centre) / spread
        certain = np.where(window.holds(centre), 0.0, -np.inf)
        normal = log_between(
            np.nan_to_num(low, nan=0.0, posinf=np.inf, neginf=-np.inf),
            np.nan_to_num(high, nan=0.0, posinf=np.inf, neginf=-np.inf),
        )
    return np.where(spread > 0, normal, certain)


def log_joint_probability(
    mean: ArrayLike, std: ArrayLike, windows: Sequence[Window]
) -> FloatArray:
    """Return ``(n,)`` log probability of meeting all windows, each to its weight.

    ``mean`` and ``std`` are ``(n, m)``, one column and one window per property. Properties
    count as independent given the prediction (Gardner et al., ICML 2014, for such products).

    Raises:
        InputError: there are not as many windows as columns.
    """
    centre, spread = predictions(mean, std, ndim=2)
    if len(windows) != centre.shape[1]:
        raise InputError(
            f"{len(windows)} window(s) for predictions of {centre.shape[1]} properties; "
            "Window() stands for any value"
        )
    total = np.zeros(len(centre))
    for column, window in enumerate(windows):
        if window.weight > 0:  # 0 times minus infinity is nothing
            inside = log_probability(centre[:, column], spread[:, column], window)
            total += window.weight * inside
    return total


def log_between(low: FloatArray, high: FloatArray) -> FloatArray:
    """Log of the standard normal mass between ``low`` and ``high``, exact in the tails."""
    flip = low > 0  # mirror, so that the difference is taken where the tails are small
    a = np.where(flip, -high, low)
    b = np.where(flip, -low, high)
    found = log_difference(log_ndtr(b), log_ndtr(a))
    with np.errstate(divide="ignore", invalid="ignore"):
        middle = 0.5 * (a + b)
        narrow = -(middle**2) / 2.0 - _LOG_ROOT_2PI + np.log(b - a)
        return np.asarray(np.where(b - a < _NARROW, narrow, found), dtype=np.float64)
