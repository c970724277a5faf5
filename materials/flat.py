"""Many crystals end to end in plain arrays: what is done to millions of them starts here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from materials.soundness import (
    FARTHEST,
    HEAVIEST,
    LARGEST_VOLUME,
    LONGEST,
    MOST_SITES,
    SMALLEST_VOLUME,
    FloatArray,
    IntArray,
)

if TYPE_CHECKING:
    import pyarrow as pa

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class FlatCrystals:
    """``n`` crystals; one that is unusable has a fault, no atoms and a lattice of ones."""

    atomic_numbers: IntArray  # (n_atoms,)
    frac_coords: FloatArray  # (n_atoms, 3)
    lattice: FloatArray  # (n, 3, 3) Å, rows are the vectors
    start: IntArray  # (n + 1,), where each crystal's atoms begin
    faults: Mapping[int, str] = field(default_factory=dict)
    """Why a crystal cannot be used, by its place."""

    def __len__(self) -> int:
        return len(self.start) - 1

    @property
    def n_sites(self) -> IntArray:
        """Atoms of each crystal, ``(n,)``."""
        return np.diff(self.start)

    @classmethod
    def from_arrays(
        cls, crystals: Sequence[tuple[Any, Any, Any] | None], faults: Mapping[int, str]
    ) -> Self:
        """Put ``(atomic_numbers, frac_coords, lattice)`` end to end; None has a fault."""
        sizes = [0 if crystal is None else len(crystal[0]) for crystal in crystals]
        there = [crystal for crystal in crystals if crystal is not None]
        lattice = np.ones((len(crystals), 3, 3))
        if there:
            good = [place for place, one in enumerate(crystals) if one is not None]
            lattice[good] = np.array([cell for _, _, cell in there], dtype=np.float64)
        return cls(
            np.concatenate([np.empty(0, np.int64), *(z for z, _, _ in there)]),
            np.concatenate([np.empty((0, 3)), *(frac for _, frac, _ in there)]),
            lattice,
            np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
            dict(faults),
        )

    @classmethod
    def from_batch(cls, batch: pa.RecordBatch, first: int = 0) -> Self:
        """Take the crystals out of a batch with the crystal columns, without a loop.

        Rows with faults are looked at one by one, to say what is wrong with them; ``first``
        is the number of the batch's first row in its table, for those messages.
        """
        import pyarrow as pa

        from materials.rows import row_fault

        sizes = batch.column("n_sites")
        cells, numbers, places = (
            _Lists.of(batch.column(name))
            for name in ("lattice", "atomic_numbers", "frac_coords")
        )
        good = numbers.there & places.there & cells.there & (cells.length == 9)
        sizes = sizes.cast(pa.int64(), safe=False).fill_null(-1)
        good &= numbers.length == sizes.to_numpy()
        good &= (numbers.length > 0) & (numbers.length <= MOST_SITES)
        good &= places.length == 3 * numbers.length
        good &= (
            batch.column("material_id").fill_null("").to_numpy(zero_copy_only=False) != ""
        )
        known = (numbers.values >= 1) & (numbers.values <= HEAVIEST)
        good &= numbers.all(known & (numbers.values % 1 == 0))
        good &= places.all(np.abs(places.values) <= FARTHEST)  # NaN is not
        good &= cells.all(np.isfinite(cells.values))
        lattice = np.ones((len(good), 3, 3))
        lattice[good] = cells.chosen(good).reshape(-1, 3, 3)
        fits = _fitting(lattice[good], numbers.length[good])
        lattice[np.flatnonzero(good)[~fits]] = 1.0
        good[good] = fits
        return cls(
            numbers.chosen(good).astype(np.int64),
            places.chosen(good).reshape(-1, 3),
            lattice,
            np.concatenate([[0], np.cumsum(np.where(good, numbers.length, 0))]),
            {int(row): row_fault(batch, int(row), first) for row in np.flatnonzero(~good)},
        )

    def cut(self, first: int, last: int) -> Self:
        """The crystals from ``first`` up to ``last``, sharing memory; faults stay behind."""
        begin, end = self.start[first], self.start[last]
        return type(self)(
            self.atomic_numbers[begin:end],
            self.frac_coords[begin:end],
            self.lattice[first:last],
            self.start[first : last + 1] - begin,
        )

    def select(self, kept: BoolArray) -> Self:
        """Those that are kept ``(n,)``, with their faults."""
        sizes = self.n_sites
        atoms = np.repeat(kept, sizes)
        places = (np.cumsum(kept) - 1).tolist()
        return type(self)(
            self.atomic_numbers[atoms],
            self.frac_coords[atoms],
            self.lattice[kept],
            np.concatenate([[0], np.cumsum(sizes[kept])]),
            {places[row]: fault for row, fault in self.faults.items() if kept[row]},
        )

    def without(self, faults: Mapping[int, str]) -> Self:
        """The same crystals, those with new ``faults`` emptied; an older fault stays."""
        if not faults:
            return self
        kept = np.ones(len(self), dtype=bool)
        kept[list(faults)] = False
        atoms = np.repeat(kept, self.n_sites)
        lattice = self.lattice.copy()
        lattice[~kept] = 1.0
        return type(self)(
            self.atomic_numbers[atoms],
            self.frac_coords[atoms],
            lattice,
            np.concatenate([[0], np.cumsum(np.where(kept, self.n_sites, 0))]),
            {**faults, **self.faults},
        )

    def dense(self) -> Self:
        """Those that have atoms alone."""
        rows = np.flatnonzero(self.n_sites)
        start = np.append(self.start[rows], len(self.atomic_numbers))
        return type(self)(self.atomic_numbers, self.frac_coords, self.lattice[rows], start)

    def arrays(self) -> Iterator[tuple[IntArray, FloatArray, FloatArray]]:
        """Atomic numbers, fractional coordinates and lattice of each, sharing memory."""
        for row, lattice in enumerate(self.lattice):
            atoms = slice(self.start[row], self.start[row + 1])
            yield self.atomic_numbers[atoms], self.frac_coords[atoms], lattice

    def coincident(self) -> BoolArray:
        """Which crystals have two atoms on one site, to a millionth of the cell, ``(n,)``."""
        owner = np.repeat(np.arange(len(self)), self.n_sites)
        places = np.rint(self.frac_coords % 1.0 * 1e6) % 1e6
        order = np.lexsort((*places.T, owner))
        places, owner = places[order], owner[order]
        same = (places[1:] == places[:-1]).all(axis=1) & (owner[1:] == owner[:-1])
        found = np.zeros(len(self), dtype=bool)
        found[owner[1:][same]] = True
        return found

    def counts(self) -> IntArray:
        """Atoms of each element in each crystal, ``(n, 119)``."""
        owner = np.repeat(np.arange(len(self)), self.n_sites)
        flat = np.bincount(
            owner * (HEAVIEST + 1) + self.atomic_numbers,
            minlength=len(self) * (HEAVIEST + 1),
        )
        return flat.reshape(len(self), HEAVIEST + 1)

    def columns(self) -> dict[str, pa.Array]:
        """``n_sites``, ``lattice``, ``atomic_numbers`` and ``frac_coords`` of a table."""
        import pyarrow as pa

        from materials.schema import FIXED_FIELDS

        def lists(values: NDArray[Any], ends: IntArray, name: str) -> pa.Array:
            kind = FIXED_FIELDS[name].type
            inner = pa.array(values, kind.value_type)
            return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), inner, type=kind)

        narrow = self.frac_coords.astype(np.float32)
        narrow[narrow >= 1.0] = 0.0  # rounding up to one is the site at zero
        cells = pa.array(self.lattice.astype(np.float32).ravel())
        kind = FIXED_FIELDS["lattice"].type
        numbers = self.atomic_numbers.astype(np.uint8)
        return {
            "n_sites": pa.array(self.n_sites, FIXED_FIELDS["n_sites"].type),
            "lattice": pa.FixedSizeListArray.from_arrays(cells, type=kind),
            "atomic_numbers": lists(numbers, self.start, "atomic_numbers"),
            "frac_coords": lists(narrow.ravel(), 3 * self.start, "frac_coords"),
        }


@dataclass(frozen=True)
class _Lists:
    """A column of lists as floats, end to end; blank values are NaN."""

    values: FloatArray  # (n_values,)
    begin: IntArray  # (n,)
    length: IntArray  # (n,), 0 where the list is blank
    there: BoolArray  # (n,)

    @classmethod
    def of(cls, column: pa.Array) -> _Lists:
        import pyarrow as pa

        lists = column.cast(pa.list_(pa.float64()), safe=False)  # or 2**60 + 1 raises
        ends = lists.offsets.to_numpy()
        values = lists.values.to_numpy(zero_copy_only=False)[ends[0] : ends[-1]]
        ends = (ends - ends[0]).astype(np.int64)
        there = lists.is_valid().to_numpy(zero_copy_only=False)
        return cls(values, ends[:-1], np.where(there, np.diff(ends), 0), there)

    def all(self, good: BoolArray) -> BoolArray:
        """Whether all of a list's values are good, ``(n,)``."""
        bad = np.concatenate([[0], np.cumsum(~good)])
        none_bad: BoolArray = bad[self.begin + self.length] == bad[self.begin]
        return none_bad

    def chosen(self, rows: BoolArray) -> FloatArray:
        """The values of some lists, end to end."""
        if rows.all() and self.length.sum() == len(self.values):
            return self.values
        length = self.length[rows]
        before = np.cumsum(length) - length
        within = np.arange(length.sum()) - np.repeat(before, length)
        found: FloatArray = self.values[np.repeat(self.begin[rows], length) + within]
        return found


def _fitting(lattice: FloatArray, n_sites: IntArray) -> BoolArray:
    """Which ``(n, 3, 3)`` lattices can hold so many atoms; see ``lattice_fault``."""
    volume = np.abs(np.linalg.det(lattice))
    longest = np.linalg.norm(lattice, axis=2).max(axis=1, initial=0.0)
    fits: BoolArray = (
        (longest <= LONGEST)
        & (volume > SMALLEST_VOLUME * n_sites)
        & (volume < LARGEST_VOLUME * n_sites)
    )
    return fits
