"""Crystals as they are compared: reduced cells, fingerprints, compositions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from materials.compiling import compiled
from materials.flat import FlatCrystals
from materials.novelty.cells import folded_cells, primitive_cells
from materials.novelty.fingerprint import Fingerprints, fingerprints
from materials.soundness import IntArray


@dataclass(frozen=True)
class Reduced:
    """``n`` crystals, each in its primitive cell, and some in a smaller one as well."""

    given: FlatCrystals
    """As they came."""
    cells: FlatCrystals
    prints: Fingerprints
    keys: list[bytes]
    """Reduced compositions, :func:`composition_keys`."""
    folded: FlatCrystals
    """``m`` crystals whose folded cell is smaller than the primitive one."""
    folded_prints: Fingerprints
    folded_rows: IntArray  # (m,), rising

    @classmethod
    def of(cls, crystals: FlatCrystals) -> Reduced:
        """Reduce and fingerprint; other threads may run meanwhile."""
        cells = primitive_cells(crystals)
        folded = folded_cells(cells)
        smaller = folded.n_sites < cells.n_sites
        folded = folded.select(smaller)
        return cls(
            crystals,
            cells,
            fingerprints(cells),
            composition_keys(cells.atomic_numbers, cells.start),
            folded,
            fingerprints(folded),
            np.flatnonzero(smaller),
        )

    def __len__(self) -> int:
        return len(self.keys)

    def folded_row(self, row: int) -> int | None:
        """Where the crystal is among the folded ones, if it is."""
        place = int(np.searchsorted(self.folded_rows, row))
        there = place < len(self.folded_rows) and self.folded_rows[place] == row
        return place if there else None

    def cut(self, first: int, last: int) -> Reduced:
        """The crystals from ``first`` up to ``last``, sharing memory; faults stay behind."""
        begin, end = np.searchsorted(self.folded_rows, (first, last)).tolist()
        return Reduced(
            self.given.cut(first, last),
            self.cells.cut(first, last),
            self.prints.cut(first, last),
            self.keys[first:last],
            self.folded.cut(begin, end),
            self.folded_prints.cut(begin, end),
            self.folded_rows[begin:end] - first,
        )


def composition_keys(numbers: NDArray[np.integer[Any]], start: IntArray) -> list[bytes]:
    """Each crystal's reduced composition as bytes: pairs of atomic number and amount.

    ``numbers`` ``(n_atoms,)`` come in order within each crystal, which begin at ``start``
    ``(n + 1,)``; a crystal without atoms has an empty key.
    """
    pairs, ends = _reduced_amounts(np.ascontiguousarray(numbers, dtype=np.int64), start)
    packed, width = pairs.tobytes(), pairs.itemsize * 2
    cuts = (ends * width).tolist()
    return [packed[first:last] for first, last in zip([0, *cuts], cuts, strict=False)]


@compiled
def _reduced_amounts(
    numbers: IntArray, start: IntArray
) -> tuple[NDArray[np.int32], IntArray]:
    """Atomic number and reduced amount of each element, and where each crystal's end."""
    pairs = np.empty((len(numbers), 2), np.int32)
    ends = np.zeros(len(start) - 1, np.int64)
    n = 0
    for crystal in range(len(ends)):
        first, common = n, 0
        for site in range(start[crystal], start[crystal + 1]):
            if n > first and pairs[n - 1, 0] == numbers[site]:
                pairs[n - 1, 1] += 1
            else:
                pairs[n, 0], pairs[n, 1] = numbers[site], 1
                n += 1
        for place in range(first, n):
            common = np.gcd(common, pairs[place, 1])
        for place in range(first, n):
            pairs[place, 1] //= common
        ends[crystal] = n
    return pairs[:n], ends
