"""Candidates from tables and crystal files, told from what is known: a row for each."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from materials.errors import InputError
from materials.flat import FlatCrystals
from materials.novelty.comparison import Comparison, Finding, Status
from materials.novelty.files import open_index
from materials.novelty.index import NoveltyIndex, Tell
from materials.novelty.search import NoveltySearch
from materials.schema import CRYSTAL_COLUMNS
from materials.table import CrystalTable

if TYPE_CHECKING:
    import pyarrow.csv as pc
    import pyarrow.parquet as pq

ROW = pa.schema(
    [
        pa.field("material_id", pa.string()),
        pa.field("formula", pa.string()),
        pa.field("status", pa.string()),
        pa.field("equals", pa.string()),
        pa.field("reason", pa.string()),
        pa.field("nearest", pa.string()),
        pa.field("distance", pa.float32()),
    ]
)
"""One candidate. ``distance`` is that of the fingerprints of it and of ``nearest``, in cube
roots of the volume per atom; null where nothing of its composition is known."""
_BATCH = 4096


@dataclass(frozen=True)
class Source:
    """Crystals of one table, or of some files, and what of it cannot be read."""

    path: Path
    table: CrystalTable
    unread: tuple[tuple[str, str], ...] = ()
    """Name of a file and why it cannot be read."""

    def __len__(self) -> int:
        return len(self.table) + len(self.unread)


def open_source(path: Path) -> Source:
    """Open a Parquet file, a folder of them or a glob; anything else is read as crystal
    files. Raises :class:`InputError` if there is nothing of the kind.
    """
    if not path.exists() and not glob.has_magic(str(path)):
        return Source(path, CrystalTable.open(path))  # which says what is near
    parquet = path.suffix.lower() == ".parquet" or glob.has_magic(str(path))
    if parquet or (path.is_dir() and any(path.rglob("*.parquet"))):
        return Source(path, CrystalTable.open(path))
    table, bad = CrystalTable.from_files([path])
    return Source(path, table, tuple((one.name, str(one.error)) for one in bad))


def known_index(
    sources: Sequence[Source],
    comparison: Comparison,
    *,
    kept: Path | None = None,
    workers: int | None = None,
    tell: Tell | None = None,
) -> NoveltyIndex:
    """Index what is known, or take it from the file where it is ``kept``.

    Raises :class:`InputError` if it shall be kept, but is not all in tables.
    """
    tables = [source.table for source in sources]
    if kept is not None:
        for source in sources:
            if not source.table.files:
                raise InputError(
                    f"{source.path}: only what is known from Parquet tables can be kept in "
                    f"{kept}; leave out --index, or make a table of the files"
                )
        index = open_index(tables, kept, comparison=comparison, workers=workers, tell=tell)
    else:
        index = NoveltyIndex.from_table(
            *tables, comparison=comparison, workers=workers, tell=tell
        )
    index.faults += [f"{name}: {why}" for source in sources for name, why in source.unread]
    return index


def novelty(
    sources: Sequence[Source], index: NoveltyIndex, *, workers: int | None = None
) -> Iterator[pa.RecordBatch]:
    """Yield a row for each candidate, of the schema :data:`ROW`, in the order of sources.

    Of equal candidates that are not known the first is new. Only a batch, and the reduced
    cells of what is new, are in memory.
    """
    search = NoveltySearch(index, workers=workers)
    for source in sources:
        first = 0
        for batch in source.table.batches(CRYSTAL_COLUMNS, size=_BATCH):
            crystals = FlatCrystals.from_batch(batch, first)
            first += batch.num_rows
            names = [name or "" for name in batch.column("material_id").to_pylist()]
            found = search.take(names, crystals)
            yield _batch(names, batch.column("formula").to_pylist(), found)
        failed = [Finding(Status.FAILED, None, why) for _, why in source.unread]
        names = [name for name, _ in source.unread]
        yield _batch(names, [None] * len(names), failed)


def _batch(
    names: Sequence[str], formulas: Sequence[str | None], found: Sequence[Finding]
) -> pa.RecordBatch:
    columns = {
        "material_id": names,
        "formula": formulas,
        "status": [one.status.value for one in found],
        "equals": [one.equals for one in found],
        "reason": [one.reason for one in found],
        "nearest": [one.nearest for one in found],
        "distance": [one.distance if one.nearest else None for one in found],
    }
    return pa.RecordBatch.from_pydict(columns, schema=ROW)


@contextmanager
def row_writer(path: Path) -> Iterator[pq.ParquetWriter | pc.CSVWriter]:
    """Write rows to a ``.parquet`` or ``.csv`` file that is whole or not there."""
    import pyarrow.csv as pc
    import pyarrow.parquet as pq

    from campaigns.screening.outputs import whole_file

    with whole_file(path) as part:
        if path.suffix.lower() == ".csv":
            with pc.CSVWriter(part, ROW) as writer:
                yield writer
        else:
            with pq.ParquetWriter(part, ROW, compression="zstd") as writer:
                yield writer
