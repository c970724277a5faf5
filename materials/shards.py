"""A table in pieces of equal size that can be taken in any order, or left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from materials.errors import InputError
from materials.parquet import placed_batches
from materials.table import CrystalTable


@dataclass(frozen=True)
class Shard:
    """Consecutive rows of a table; none crosses from one file into the next."""

    number: int
    first: int
    """Row of the table that it begins with."""
    last: int
    """Row after its last."""

    def __len__(self) -> int:
        return self.last - self.first


def table_shards(table: CrystalTable, rows: int) -> list[Shard]:
    """Cut a table into shards of at most ``rows``."""
    found: list[Shard] = []
    first = 0
    for size in _sizes(table):
        for begin in range(0, size, rows):
            last = first + min(begin + rows, size)
            found.append(Shard(len(found), first + begin, last))
        first += size
    return found


def read_shards(
    table: CrystalTable,
    columns: Sequence[str],
    shards: Sequence[Shard],
    skip: AbstractSet[int] = frozenset(),
) -> Iterator[tuple[Shard, pa.RecordBatch]]:
    """Read the columns of every shard but those to ``skip``, by number, in their order.

    Only a shard and the pages it comes from are in memory; row groups of skipped shards are
    not read. Raises :class:`InputError` if a file is damaged or has lost rows meanwhile.
    """
    schema = pa.schema([table.schema.field(name) for name in columns])
    wanted = [shard for shard in shards if shard.number not in skip]
    first = 0
    for place, size in enumerate(_sizes(table)):
        mine = [shard for shard in wanted if first <= shard.first < first + size]
        if not mine:
            first += size
            continue
        if table.files:
            yield from _read_file(table.files[place], schema, mine, first)
        else:
            whole = next(table.batches(columns, size=size))
            for shard in mine:
                yield shard, whole.slice(shard.first, len(shard))
        first += size


def _read_file(
    path: Path, schema: pa.Schema, shards: Sequence[Shard], start: int
) -> Iterator[tuple[Shard, pa.RecordBatch]]:
    """The shards of one file, whose first row is ``start`` in the table."""
    waiting = list(shards)
    held: list[pa.RecordBatch] = []

    def wanted(first: int, last: int) -> bool:
        first, last = start + first, start + last
        return any(shard.first < last and first < shard.last for shard in shards)

    for place, batch in placed_batches(path, schema, max(map(len, shards)), wanted):
        first, last = start + place, start + place + batch.num_rows
        while waiting and waiting[0].first < last:
            shard = waiting[0]
            begin, end = max(first, shard.first), min(last, shard.last)
            held.append(batch.slice(begin - first, end - begin))
            if end < shard.last:
                break
            yield shard, _one(held, schema)
            waiting.pop(0)
            held = []
    if waiting:
        raise InputError(
            f"{path}: ends before row {waiting[0].last - start}, as it had when screening "
            "began; was it replaced meanwhile?"
        )


def _one(batches: list[pa.RecordBatch], schema: pa.Schema) -> pa.RecordBatch:
    if len(batches) == 1:
        return batches[0]
    return pa.Table.from_batches(batches, schema=schema).combine_chunks().to_batches()[0]


def _sizes(table: CrystalTable) -> list[int]:
    """Rows of each file, or of the table in memory."""
    if not table.files:
        return [len(table)]
    return [pq.read_metadata(file).num_rows for file in table.files]
