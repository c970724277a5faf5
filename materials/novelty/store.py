"""Crystals kept to be compared with: reduced cells and fingerprints, by composition."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from materials.flat import FlatCrystals
from materials.novelty.fingerprint import Fingerprints
from materials.novelty.reduced import Reduced, composition_keys
from materials.soundness import FloatArray, IntArray

_FIRST_ROOM = 1024


class Grown:
    """An array that rows are added to; room is doubled when it runs out."""

    def __init__(self, dtype: type[np.generic], *inner: int) -> None:
        self._room: NDArray[Any] = np.empty((_FIRST_ROOM, *inner), dtype)
        self._length = 0

    def __len__(self) -> int:
        return self._length

    @property
    def filled(self) -> NDArray[Any]:
        """What has been added, without a copy."""
        return self._room[: self._length]

    def extend(self, rows: NDArray[Any]) -> None:
        """Add rows at the end."""
        needed = self._length + len(rows)
        if needed > len(self._room):
            larger = np.empty(
                (max(needed, 2 * len(self._room)), *self._room.shape[1:]), self._room.dtype
            )
            larger[: self._length] = self.filled
            self._room = larger
        self._room[self._length : needed] = rows
        self._length = needed


class CrystalStore:
    """Reduced crystals in single precision, some 700 bytes each, found by composition."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        """Of each row; a crystal with two cells has two."""
        self._n_crystals = 0
        self._numbers = Grown(np.uint8)
        self._frac = Grown(np.float32, 3)
        self._lattice = Grown(np.float64, 3, 3)
        self._start = Grown(np.int64)
        self._folded = Grown(np.bool_)
        self._values = Grown(np.float32)
        self._value_start = Grown(np.int64)
        self._buckets: defaultdict[bytes, list[int]] = defaultdict(list)
        for ends in (self._start, self._value_start):
            ends.extend(np.zeros(1, np.int64))

    def __len__(self) -> int:
        """Crystals, each once."""
        return self._n_crystals

    @property
    def n_compositions(self) -> int:
        """Different reduced compositions."""
        return len(self._buckets)

    def add(self, ids: Sequence[str], reduced: Reduced) -> None:
        """Add crystals; those without atoms stay out."""
        self._append(ids, reduced.cells, reduced.prints, folded=False)
        self._n_crystals += int(np.count_nonzero(reduced.cells.n_sites))
        others = [ids[row] for row in reduced.folded_rows]
        self._append(others, reduced.folded, reduced.folded_prints, folded=True)

    def _append(
        self,
        ids: Sequence[str],
        cells: FlatCrystals,
        prints: Fingerprints,
        *,
        folded: bool,
    ) -> None:
        keys = composition_keys(cells)
        there = np.flatnonzero(cells.n_sites)
        base = len(self.ids)
        for offset, row in enumerate(there.tolist()):
            self._buckets[keys[row]].append(base + offset)
        self.ids += [ids[row] for row in there]
        self._folded.extend(np.full(len(there), folded))
        self._lattice.extend(cells.lattice[there])
        for ends, sizes in (
            (self._start, cells.n_sites[there]),
            (self._value_start, np.diff(prints.start)[there]),
        ):
            ends.extend(ends.filled[-1] + np.cumsum(sizes))
        self._numbers.extend(cells.atomic_numbers)
        self._frac.extend(cells.frac_coords)
        self._values.extend(prints.values)

    def members(self, key: bytes) -> IntArray:
        """Rows of that composition, ``(m,)``, in the order in which they were added."""
        return np.array(self._buckets.get(key, ()), dtype=np.int64)

    def primitive(self, rows: IntArray) -> IntArray:
        """Those of ``rows`` that are not a second, folded cell of a crystal."""
        chosen: IntArray = rows[~self._folded.filled[rows]]
        return chosen

    def holds(self, key: bytes) -> bool:
        """Whether there is any crystal of that composition."""
        return key in self._buckets

    def arrays(self) -> tuple[NDArray[Any], ...]:
        """Numbers, fractional coordinates, lattices, starts, fingerprints, their starts."""
        grown = (self._numbers, self._frac, self._lattice, self._start)
        prints = (self._values, self._value_start)
        return tuple(one.filled for one in (*grown, *prints))

    def cell(self, row: int) -> tuple[IntArray, FloatArray, FloatArray]:
        """Atomic numbers, fractional coordinates and lattice in Å of one reduced crystal."""
        numbers, frac, lattice, start, _, _ = self.arrays()
        atoms = slice(int(start[row]), int(start[row + 1]))
        return numbers[atoms].astype(np.int64), frac[atoms].astype(np.float64), lattice[row]

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays; names and the table of compositions come on top."""
        return sum(array.nbytes for array in self.arrays())
