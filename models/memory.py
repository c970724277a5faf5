"""Work in pieces that fit into memory, and in smaller ones where they do not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

T = TypeVar("T")

_SAYS = (
    "can't allocate memory",
    "not enough memory",
    "out of memory",
    "_STATUS_ALLOC_FAILED",  # of cuBLAS and cuDNN
)


def out_of_memory(error: BaseException) -> bool:
    """Whether this is what torch, NumPy or Numba raise when memory is short."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(part in str(error) for part in _SAYS)


def release(device: torch.device) -> None:
    """Give back what torch keeps of a GPU's memory for later."""
    if device.type == "cuda":
        torch.cuda.empty_cache()


def halving(
    parts: Iterable[tuple[int, int]], ask: Callable[[int, int], T], device: torch.device
) -> Iterator[tuple[int, int, T | None]]:
    """Ask about each range of rows; where memory runs out, about its halves.

    A single row for which there is too little is answered with None.
    """
    for part in parts:
        waiting = [part]
        while waiting:
            first, last = waiting.pop()
            try:
                found = ask(first, last)
            except (MemoryError, RuntimeError) as error:
                if not out_of_memory(error):
                    raise
            else:
                yield first, last, found
                continue
            release(device)
            if last - first == 1:
                yield first, last, None
            else:
                middle = (first + last) // 2
                waiting += [(middle, last), (first, middle)]


def by_cost(start: NDArray[np.int64], most: int) -> Iterator[tuple[int, int]]:
    """Ranges of rows that cost at most ``most`` together, or one row that costs more.

    ``start`` ``(n + 1,)`` is what all rows before each cost.
    """
    first, n = 0, len(start) - 1
    while first < n:
        fits = int(np.searchsorted(start, start[first] + most, side="right")) - 1
        last = max(fits, first + 1)
        yield first, last
        first = last
