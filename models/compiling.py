"""Functions compiled for the processor in looser arithmetic; see :mod:`materials.compiling`."""

from __future__ import annotations

from functools import partial
from typing import cast

from numba import njit

from materials.compiling import F, compiled

__all__ = ["compiled", "compiled_loosely"]


def compiled_loosely(function: F) -> F:
    """As :func:`compiled`, free to reorder sums and products: for single precision, never
    for counts.

    Infinities and NaN are kept as they are: a network that finds none must not make one up;
    dividing by zero gives them, as in torch, and raises nothing.
    """
    loose = {"contract", "reassoc", "arcp", "nsz"}
    loosely = partial(njit, nogil=True, fastmath=loose, error_model="numpy")
    try:
        return cast("F", loosely(function, cache=True))
    except RuntimeError:
        return cast("F", loosely(function))
