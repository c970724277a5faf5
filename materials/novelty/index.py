"""Which candidates are known, and which repeat one another, by the hundred thousand."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import TYPE_CHECKING

from materials.columns import crystal_arrays
from materials.errors import InputError
from materials.flat import FlatCrystals
from materials.novelty.comparison import Comparison, Finding, Mode, Status
from materials.novelty.confirm import confirmed
from materials.novelty.nearest import Nearest, find_nearest, fingerprint_nearest
from materials.novelty.reduced import Reduced
from materials.novelty.store import CrystalStore
from materials.soundness import IntArray

if TYPE_CHECKING:
    import pyarrow as pa
    from ase import Atoms
    from pymatgen.core import IStructure

    from materials.table import CrystalTable

_ROWS = 4096  # read and reduced together
_COLUMNS = ("material_id", "n_sites", "lattice", "atomic_numbers", "frac_coords")
Tell = Callable[[int], None]


class NoveltyIndex:
    """Known crystals, to ask whether a candidate is among them.

        index = NoveltyIndex.from_table(CrystalTable.open(Path("known.parquet")))
        index.find([structure])[0].status

    A crystal is the same however it is written, at any volume, and with atoms off their
    places by less than the tolerances of ``StructureMatcher``. 138,000 crystals take 93 MB in
    arrays. The order of the known crystals plays no part but for ties; that of the
    candidates, and how they come in batches, none.
    """

    def __init__(
        self, store: CrystalStore | None = None, comparison: Comparison | None = None
    ) -> None:
        self.store = CrystalStore() if store is None else store
        self.comparison = Comparison() if comparison is None else comparison
        self.faults: list[str] = []
        """Why known crystals were left out, with row and name."""

    @classmethod
    def from_table(
        cls,
        *tables: CrystalTable,
        comparison: Comparison | None = None,
        workers: int | None = None,
        tell: Tell | None = None,
    ) -> NoveltyIndex:
        """Take in every row of some tables; ``tell`` is told of rows as they are done.

        A row that cannot be used is left out and said in :attr:`faults`.
        """
        index = cls(comparison=comparison)
        batches = chain.from_iterable(table_crystals(table) for table in tables)
        with ThreadPoolExecutor(workers or n_workers()) as pool:
            for ids, crystals, reduced in _ahead(pool, batches):
                index.faults += crystals.faults.values()
                index.store.add(ids, reduced)
                if tell is not None:
                    tell(len(ids))
        return index

    @classmethod
    def from_flat(
        cls,
        crystals: FlatCrystals,
        ids: Sequence[str],
        *,
        comparison: Comparison | None = None,
    ) -> NoveltyIndex:
        """Take in crystals in memory. Raises :class:`InputError` unless each has an id."""
        if len(ids) != len(crystals):
            raise InputError(f"{len(ids)} ids for {len(crystals)} crystals; give each one")
        index = cls(comparison=comparison)
        reduced = Reduced.of(crystals)
        index.store.add(ids, reduced)
        index.faults += crystals.faults.values()
        return index

    def __len__(self) -> int:
        """Crystals known."""
        return len(self.store)

    def find(
        self, structures: Iterable[IStructure | Atoms], *, workers: int | None = None
    ) -> list[Finding]:
        """Say of each pymatgen structure or ase atoms whether it is known."""
        return self.find_flat(flat_crystals(structures), workers=workers)

    def find_flat(
        self, crystals: FlatCrystals, *, workers: int | None = None
    ) -> list[Finding]:
        """The same for crystals in plain arrays."""
        reduced = Reduced.of(crystals)
        with ThreadPoolExecutor(workers or n_workers()) as pool:
            return find_all(self.store, reduced, self.comparison, pool)


def find_all(
    store: CrystalStore, reduced: Reduced, comparison: Comparison, pool: ThreadPoolExecutor
) -> list[Finding]:
    """Compare each crystal with those of a store, several at once."""
    n = len(reduced)

    def some(first: int) -> list[Finding]:
        last = min(first + 64, n)
        return [find_row(store, reduced, row, comparison) for row in range(first, last)]

    return list(chain.from_iterable(pool.map(some, range(0, n, 64))))


def find_row(
    store: CrystalStore, reduced: Reduced, row: int, comparison: Comparison
) -> Finding:
    """Compare one crystal with those of a store."""
    if not reduced.keys[row]:
        fault = reduced.cells.faults.get(row, "has no atoms")
        return Finding(Status.FAILED, None, fault)
    members = store.members(reduced.keys[row])
    if not len(members):
        return Finding(Status.NEW, None, "no crystal of this composition is known")
    if comparison.mode is Mode.FORMULA:
        first = store.ids[members[0]]
        n = len(set(store.owners(members).tolist()))
        return Finding(Status.KNOWN, first, f"{_count(n)} of this composition")
    found = _search(store, reduced, row, members, comparison)
    nearest, distance = store.ids[found.nearest], found.distance
    if found.equal >= 0:
        name = store.ids[found.equal]
        return Finding(Status.KNOWN, name, _why_equal(found, comparison), nearest, distance)
    n = len(set(store.owners(members).tolist()))
    reason = (
        f"equals none of {_count(n)} of this composition; the nearest, {nearest}, "
        f"differs by {distance:.3f} in fingerprint"
    )
    return Finding(Status.NEW, None, reason, nearest, distance)


def _search(
    store: CrystalStore, reduced: Reduced, row: int, members: IntArray, how: Comparison
) -> Nearest:
    """The nearest equal crystal by the rules of the mode."""
    if how.mode is Mode.FINGERPRINT:
        own = reduced.prints.of(row)
        return fingerprint_nearest(own, store, members, near=how.near)
    found = first = _look(store, reduced, row, members, how)
    while how.mode is Mode.PYMATGEN and found.equal >= 0:
        owners = store.owners(members)
        owner = int(owners[members == found.equal][0])
        if confirmed(reduced.given, row, store, owner, how.tolerances):
            break
        members = members[owners != owner]
        found = _look(store, reduced, row, members, how)
    return found._replace(nearest=first.nearest, distance=first.distance)


def _look(
    store: CrystalStore, reduced: Reduced, row: int, members: IntArray, how: Comparison
) -> Nearest:
    """Compare the primitive cell and then, if there is one, the folded cell."""
    reach, tolerances = how.reach, how.tolerances
    found = find_nearest(
        reduced.cells, reduced.prints, row, store, members, reach, tolerances
    )
    folded = reduced.folded_row(row)
    if found.equal >= 0 or folded is None:
        return found
    return find_nearest(
        reduced.folded, reduced.folded_prints, folded, store, members, reach, tolerances
    )


def _why_equal(found: Nearest, comparison: Comparison) -> str:
    if comparison.mode is Mode.FINGERPRINT:
        return f"fingerprints differ by {found.distance:.3f}"
    return "same structure"


def _count(n: int) -> str:
    return "1 crystal" if n == 1 else f"{n} crystals"


def n_workers() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


def flat_crystals(structures: Iterable[IStructure | Atoms]) -> FlatCrystals:
    """Put structures end to end; one that cannot be used has a fault."""
    arrays: list[tuple[object, object, object] | None] = []
    faults: dict[int, str] = {}
    for row, structure in enumerate(structures):
        try:
            arrays.append(crystal_arrays(structure))
        except InputError as error:
            arrays.append(None)
            faults[row] = f"crystal {row}: {error}"
    return FlatCrystals.from_arrays(arrays, faults)


def table_crystals(
    table: CrystalTable, *, rows: int = _ROWS
) -> Iterable[tuple[list[str], FlatCrystals]]:
    """Yield a table's names and crystals, ``rows`` at a time."""
    first = 0
    for batch in table.batches(_COLUMNS, size=rows):
        yield _names(batch), FlatCrystals.from_batch(batch, first)
        first += batch.num_rows


def _names(batch: pa.RecordBatch) -> list[str]:
    return [name or "" for name in batch.column("material_id").to_pylist()]


def _ahead(
    pool: ThreadPoolExecutor, batches: Iterable[tuple[list[str], FlatCrystals]]
) -> Iterable[tuple[list[str], FlatCrystals, Reduced]]:
    """Reduce batches in other threads, a few at a time, and yield them in their order."""
    waiting = []
    for ids, crystals in batches:
        waiting.append((ids, crystals, pool.submit(Reduced.of, crystals)))
        if len(waiting) > n_workers() + 1:
            ids, crystals, reduced = waiting.pop(0)
            yield ids, crystals, reduced.result()
    for ids, crystals, reduced in waiting:
        yield ids, crystals, reduced.result()
