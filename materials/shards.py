"""A table in pieces of equal size that can be taken in any order, or left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
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
    file: int = 0
    """Place of its file among those of the table."""
    start: int = 0
    """Row of the table that its file begins with."""

    def __len__(self) -> int:
        return self.last - self.first


def table_shards(table: CrystalTable, rows: int) -> list[Shard]:
    """Cut a table into shards of at most ``rows``."""
    found: list[Shard] = []
    start = 0
    for file, size in enumerate(_sizes(table)):
        for begin in range(0, size, rows):
            last = start + min(begin + rows, size)
            found.append(Shard(len(found), start + begin, last, file, start))
        start += size
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
    for file, some in groupby(wanted, key=attrgetter("file")):
        mine = list(some)
        if table.files:
            yield from _read_file(table.files[file], schema, mine)
        else:
            whole = _one(list(table.batches(columns, size=len(table))), schema)
            for shard in mine:
                yield shard, whole.slice(shard.first, len(shard))


def _read_file(
    path: Path, schema: pa.Schema, shards: Sequence[Shard]
) -> Iterator[tuple[Shard, pa.RecordBatch]]:
    """The shards of one file."""
    waiting = list(shards)
    start = shards[0].start
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
    whole = pa.Table.from_batches(batches, schema=schema).combine_chunks().to_batches()
    if len(whole) > 1:  # one array of Arrow holds 2 GiB of text at the most
        raise InputError(
            "the columns kept are too large for so many rows at once; use fewer rows per "
            "shard"
        )
    return whole[0]


def _sizes(table: CrystalTable) -> list[int]:
    """Rows of each file, or of the table in memory."""
    if not table.files:
        return [len(table)]
    return [pq.read_metadata(file).num_rows for file in table.files]
