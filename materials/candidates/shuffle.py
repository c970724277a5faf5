"""A random order of a very long list that is never written down."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from materials.errors import InputError
from materials.soundness import IntArray

LARGEST = 2**63 - 1
"""Longest list whose places fit in 64 signed bits."""

_Words = NDArray[np.uint64]
_ROUNDS = 8  # four suffice for long lists (Luby & Rackoff); short ones profit from more


class Shuffle:
    """One permutation of ``0 … size - 1`` for each seed, computed place by place.

    A Feistel network (Luby & Rackoff, SIAM J. Comput. 17, 373 (1988),
    doi:10.1137/0217022) permutes the numbers of an even count of bits; what falls outside
    the list goes through it again until it falls inside (cycle walking: Black & Rogaway,
    CT-RSA 2002, doi:10.1007/3-540-45760-7_9), fewer than four times on average. Its round
    function is the finaliser of SplitMix64 (Steele, Lea & Flood, OOPSLA 2014,
    doi:10.1145/2660193.2660195). It is meant for sampling, not for keeping secrets.
    """

    def __init__(self, size: int, seed: int) -> None:
        if not 1 <= size <= LARGEST:
            raise InputError(f"a list of 1 to {LARGEST} can be shuffled, got {size}")
        if seed < 0:
            raise InputError(f"a seed is a whole number from 0 up, got {seed}")
        self.size = size
        half = max(1, ((size - 1).bit_length() + 1) // 2)
        self._shift = np.uint64(half)
        self._mask = np.uint64((1 << half) - 1)
        words = np.random.SeedSequence(seed).generate_state(_ROUNDS, np.uint64)
        self._keys: _Words = words.astype(np.uint64)

    def __call__(self, places: IntArray) -> IntArray:
        """Return what stands at each of ``(n,)`` places from 0 to ``size - 1``."""
        found = self._network(places.astype(np.uint64))
        outside = np.flatnonzero(found >= np.uint64(self.size))
        while len(outside):
            found[outside] = self._network(found[outside])
            outside = outside[found[outside] >= np.uint64(self.size)]
        return found.astype(np.int64)

    def _network(self, numbers: _Words) -> _Words:
        left, right = numbers >> self._shift, numbers & self._mask
        for key in self._keys:
            left, right = right, left ^ (_mixed(right ^ key) & self._mask)
        joined: _Words = (left << self._shift) | right
        return joined


def _mixed(x: _Words) -> _Words:
    """Each bit of the result depends on all bits of ``x``; products wrap."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: _Words = x ^ (x >> np.uint64(31))
    return mixed
