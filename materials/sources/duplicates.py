"""Which pulled crystals are there already: earlier in the same table, or in another one.

Two crystals are equal as :class:`materials.screens.duplicates.DuplicateIndex` sees it. It is
asked only about compositions that occur more than once, which spares nearly all the work.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pyarrow as pa

from materials.errors import InputError
from materials.rows import CrystalRow
from materials.table import CrystalTable

if TYPE_CHECKING:
    from pymatgen.core import Structure

_Key = tuple[int, ...]


class Index(Protocol):
    """Remembers crystals and finds equal ones."""

    def find(self, structure: Structure) -> str | None: ...
    def add(self, crystal_id: str, structure: Structure) -> None: ...


@dataclass(frozen=True)
class Known:
    """A table that crystals may already be in."""

    name: str
    table: CrystalTable


def find_duplicates(
    table: CrystalTable,
    names: Sequence[str],
    *,
    known: Sequence[Known] = (),
    index: Index | None = None,
    tell: Callable[[int], None] = lambda _: None,
) -> list[str | None]:
    """For each row of ``table``, the first crystal that equals it, or None.

    ``names`` are what the rows are called, one each; a crystal of another table is named
    ``TABLE:ID``. ``tell`` hears of rows of ``table`` done. Rows that hold no crystal equal
    none.
    """
    if index is None:
        from materials.screens.duplicates import DuplicateIndex

        index = DuplicateIndex()
    own = Counter(_keys(table))
    counts = own.copy()
    for other in known:
        counts.update(key for key in _keys(other.table) if key in own)
    for other in known:
        for key, row in _keyed_rows(other.table):
            if key in own and row.error is None:
                index.add(f"{other.name}:{row.material_id}", row.structure())
    if len(names) != len(table):
        raise InputError(f"{len(names)} names for {len(table)} rows; give one for each")
    found: list[str | None] = []
    for name, (key, row) in zip(names, _keyed_rows(table), strict=True):
        twin = None
        if row.error is None and counts[key] > 1:
            structure = row.structure()
            twin = index.find(structure)
            if twin is None:
                index.add(name, structure)
        found.append(twin)
        tell(1)
    return found


def _keyed_rows(table: CrystalTable) -> Iterator[tuple[_Key, CrystalRow]]:
    return zip(_keys(table), table.rows(), strict=True)


def _keys(table: CrystalTable) -> Iterator[_Key]:
    """The reduced composition of each row, in numbers: cheaper than a formula."""
    for batch in table.batches(["atomic_numbers"]):
        for numbers in batch.column("atomic_numbers").cast(pa.list_(pa.int64())):
            yield _key(numbers.values)


def _key(numbers: pa.Array | None) -> _Key:
    if numbers is None or not len(numbers) or numbers.null_count:
        return ()
    kinds, counts = np.unique(numbers.to_numpy(), return_counts=True)
    counts //= np.gcd.reduce(counts)
    return (*kinds.tolist(), *counts.tolist())
