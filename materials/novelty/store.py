"""Crystals kept to be compared with: reduced cells and fingerprints, by composition."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

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


class StoreArrays(NamedTuple):
    """``n`` rows end to end."""

    numbers: NDArray[np.uint8]  # (n_atoms,)
    frac: NDArray[np.float32]  # (n_atoms, 3)
    lattice: FloatArray  # (n, 3, 3) Å
    start: IntArray  # (n + 1,), where each row's atoms begin
    values: NDArray[np.float32]  # (n_values,), fingerprints
    value_start: IntArray  # (n + 1,)


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
        self._owner = Grown(np.int64)  # row of the same crystal's primitive cell
        self._values = Grown(np.float32)
        self._value_start = Grown(np.int64)
        self._buckets: defaultdict[bytes, list[int]] = defaultdict(list)
        for ends in (self._start, self._value_start):
            ends.extend(np.zeros(1, np.int64))

    @classmethod
    def from_arrays(
        cls, ids: Sequence[str], arrays: StoreArrays, owner: IntArray
    ) -> CrystalStore:
        """Rows as :meth:`arrays` and :meth:`owners` gave them."""
        store = cls()
        store.ids = list(ids)
        store._n_crystals = len(np.unique(owner))
        columns: list[NDArray[Any]] = [arrays.numbers, arrays.frac, arrays.lattice]
        columns += [arrays.start[1:], arrays.values, arrays.value_start[1:]]
        for grown, rows in zip(store._columns(), columns, strict=True):
            grown.extend(rows)
        store._owner.extend(owner)
        for row, key in enumerate(composition_keys(arrays.numbers, arrays.start)):
            store._buckets[key].append(row)
        return store

    def copy(self) -> CrystalStore:
        """Another store with the same rows, which grows by itself."""
        return CrystalStore.from_arrays(self.ids, self.arrays(), self._owner.filled)

    def __len__(self) -> int:
        """Crystals, each once."""
        return self._n_crystals

    @property
    def n_compositions(self) -> int:
        """Different reduced compositions."""
        return len(self._buckets)

    def add(self, ids: Sequence[str], reduced: Reduced) -> None:
        """Add crystals; those without atoms stay out."""
        there = np.flatnonzero(reduced.cells.n_sites)
        owner = np.full(len(reduced), -1, np.int64)
        owner[there] = np.arange(len(self.ids), len(self.ids) + len(there))
        self._append(ids, reduced.cells, reduced.prints, owner)
        self._n_crystals += len(there)
        twice = reduced.folded_rows
        names = [ids[row] for row in twice.tolist()]
        self._append(names, reduced.folded, reduced.folded_prints, owner[twice])

    def _append(
        self,
        ids: Sequence[str],
        cells: FlatCrystals,
        prints: Fingerprints,
        owner: IntArray,
    ) -> None:
        keys = composition_keys(cells.atomic_numbers, cells.start)
        there = np.flatnonzero(cells.n_sites)
        base = len(self.ids)
        for offset, row in enumerate(there.tolist()):
            self._buckets[keys[row]].append(base + offset)
        self.ids += [ids[row] for row in there.tolist()]
        self._owner.extend(owner[there])
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

    def owners(self, rows: IntArray) -> IntArray:
        """Rows of the primitive cells of the same crystals; of a primitive one, itself."""
        owners: IntArray = self._owner.filled[rows]
        return owners

    def holds(self, key: bytes) -> bool:
        """Whether there is any crystal of that composition."""
        return key in self._buckets

    def arrays(self) -> StoreArrays:
        """All rows end to end, without copies."""
        return StoreArrays(*(column.filled for column in self._columns()))

    def _columns(self) -> tuple[Grown, ...]:
        """In the order of :class:`StoreArrays`."""
        places = (self._numbers, self._frac, self._lattice, self._start)
        return (*places, self._values, self._value_start)

    def cell(self, row: int) -> tuple[IntArray, FloatArray, FloatArray]:
        """Atomic numbers, fractional coordinates and lattice in Å of one reduced crystal."""
        all_of_it = self.arrays()
        atoms = slice(int(all_of_it.start[row]), int(all_of_it.start[row + 1]))
        return (
            all_of_it.numbers[atoms].astype(np.int64),
            all_of_it.frac[atoms].astype(np.float64),
            all_of_it.lattice[row],
        )

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays; names and the table of compositions come on top."""
        return sum(array.nbytes for array in self.arrays())
