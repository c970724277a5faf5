"""What every function of predictions checks before it computes."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from materials.errors import InputError

FloatArray = NDArray[np.float64]


def predictions(
    mean: ArrayLike, std: ArrayLike, *, ndim: int
) -> tuple[FloatArray, FloatArray]:
    """Both as arrays of ``ndim`` dimensions and one shape.

    Raises:
        InputError: shapes differ, a deviation is negative, or something is not a finite number.
    """
    centre = np.asarray(mean, dtype=np.float64)
    spread = np.asarray(std, dtype=np.float64)
    if centre.ndim != ndim or centre.shape != spread.shape:
        raise InputError(
            f"mean and std must have one shape of {ndim} dimension(s), got "
            f"{centre.shape} and {spread.shape}"
        )
    if not np.isfinite(centre).all() or not ((spread >= 0) & np.isfinite(spread)).all():
        raise InputError(
            "mean and std must be finite numbers and std not negative; leave out the "
            "candidates that were not predicted"
        )
    return centre, spread


def best_known(best: float) -> float:
    """``best`` as it is; minus infinity where nothing is known yet.

    Raises:
        InputError: it is not a number.
    """
    if np.isnan(best):
        raise InputError("best is not a number; expected the best value so far, or -inf")
    return float(best)


def log_difference(larger: FloatArray, smaller: FloatArray) -> FloatArray:
    """``log(exp(larger) - exp(smaller))``, also where the two are nearly or exactly equal."""
    with np.errstate(invalid="ignore", divide="ignore"):
        gap = np.where(np.isneginf(smaller), -np.inf, smaller - larger)
        gap = np.minimum(gap, 0.0)
        near = gap > -0.01
        rest = np.where(near, np.log(-np.expm1(gap)), np.log1p(-np.exp(gap)))
    return np.asarray(larger + rest, dtype=np.float64)
