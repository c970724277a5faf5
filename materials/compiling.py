"""Functions compiled for the processor on first use, and kept on disk.

Numba knows what it kept by the content of the file that holds the function, and by nothing
else: whoever changes options here must change those files too, or old code goes on running.
So does whoever changes a function that compiled functions of other files call: ``touch`` those
files.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., object])


def compiled(function: F) -> F:
    """Compile with Numba: without the GIL, kept beside the source or in the user's cache.

    Where neither can be written to, it is compiled again by every process.
    """
    try:
        return cast("F", njit(function, nogil=True, cache=True))
    except RuntimeError:  # no place to keep it
        return cast("F", njit(function, nogil=True))
