"""The last step of a pull: from the shards of its sources to one table."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from materials.schema import FIXED_FIELDS
from materials.sources.batches import property_field
from materials.sources.duplicates import Known, find_duplicates
from materials.sources.protocol import DUPLICATE_OF, FUNCTIONAL, Column
from materials.sources.store import PullStore, Rejected
from materials.table import CrystalTable
from materials.whole import whole
from materials.writer import CrystalTableWriter, disk_errors

Duplicates = Literal["mark", "drop", "ignore"]
"""Name the crystal that a row equals, leave such rows out, or do not look for any."""


class Comparing(Protocol):
    """Told how far the search for duplicates is."""

    def comparing(self, total: int) -> None: ...
    def compared(self, n: int) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Finished:
    """What a pulled table holds."""

    rows: int
    duplicates: int
    """Rows that equal an earlier one or a known crystal; not there if they were dropped."""
    functionals: Mapping[str, int]
    """Rows of each functional."""
    licences: Mapping[str, int]
    """Rows of each licence; empty text where the source does not say."""
    rejected_path: Path | None
    """The list of what has no row, if there is any."""


def finish(
    store: PullStore,
    path: Path,
    *,
    labels: Sequence[str],
    columns: Sequence[Sequence[Column]],
    about: Mapping[str, Any],
    known: Sequence[Known],
    duplicates: Duplicates,
    watcher: Comparing,
) -> Finished:
    """Write the shards' rows to ``path``, in order, and the list of what was rejected.

    A crystal keeps its source's name unless an earlier source has used it, when the name of
    its own source goes before it. The first of equal crystals is no duplicate.
    """
    schema = _schema(columns, marked=duplicates != "ignore")
    pulled = _without(schema, DUPLICATE_OF)
    shards = CrystalTable(pulled, files=[shard.path for shard in store.shards])
    names = list(_names(store, labels))
    twins: list[str | None] = [None] * len(names)
    if duplicates != "ignore":
        watcher.comparing(len(names) + sum(len(one.table) for one in known))
        twins = find_duplicates(shards, names, known=known, tell=watcher.compared)
    keep = [twin is None or duplicates != "drop" for twin in twins]
    functionals, licences = _counted(shards, keep)
    about = {**about, "functionals": functionals, "licences": licences}
    metadata = {"galena": json.dumps(about, ensure_ascii=False)}
    with CrystalTableWriter(path, schema=schema, metadata=metadata) as writer:
        rows = iter(zip(names, twins, keep, strict=True))
        for batch in shards.batches():
            writer.write(_marked(batch, list(islice(rows, batch.num_rows)), schema))
    return Finished(
        rows=sum(keep),
        duplicates=sum(twin is not None for twin in twins),
        functionals=functionals,
        licences=licences,
        rejected_path=_list_rejected(store, path),
    )


def rejected_path(path: Path) -> Path:
    """Where the rejected records of a table are listed, one JSON document a line."""
    return path.with_name(f"{path.name}.rejected.jsonl")


def _list_rejected(store: PullStore, path: Path) -> Path | None:
    """Write the list, or take an older one away if nothing was rejected."""
    target = rejected_path(path)
    rejected: list[Rejected] = [one for s in store.shards for one in s.note.rejected]
    with disk_errors(target):
        if not rejected:
            target.unlink(missing_ok=True)
            return None
        with whole(target) as part, part.open("w", encoding="utf-8") as file:
            file.writelines(
                json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in rejected
            )
    return target


def _schema(columns: Sequence[Sequence[Column]], *, marked: bool) -> pa.Schema:
    """Crystal, provenance, functional, duplicate, then every source's properties."""
    fields = {field.name: field for field in FIXED_FIELDS.values()}
    fields[FUNCTIONAL] = pa.field(FUNCTIONAL, pa.string())
    if marked:
        fields[DUPLICATE_OF] = pa.field(DUPLICATE_OF, pa.string())
    for own in columns:
        for column in own:
            fields.setdefault(column.name, property_field(column))
    return pa.schema(list(fields.values()))


def _without(schema: pa.Schema, name: str) -> pa.Schema:
    return pa.schema([field for field in schema if field.name != name])


def _names(store: PullStore, labels: Sequence[str]) -> Iterator[str]:
    """What the rows are called: no two alike."""
    taken: set[str] = set()
    for shard in store.shards:
        for name in pq.read_table(shard.path, columns=["material_id"])[0].to_pylist():
            unique = name if name not in taken else f"{labels[shard.note.source]}/{name}"
            taken.add(unique)
            yield unique


def _counted(
    shards: CrystalTable, keep: Sequence[bool]
) -> tuple[dict[str, int], dict[str, int]]:
    """Rows of each functional and of each licence, among those kept."""
    functionals: Counter[str] = Counter()
    licences: Counter[str] = Counter()
    rows = iter(keep)
    for batch in shards.batches([FUNCTIONAL, "licence"]):
        mask = list(islice(rows, batch.num_rows))
        for counts, name in ((functionals, FUNCTIONAL), (licences, "licence")):
            values = batch.column(name).to_pylist()
            counts.update(v for v, kept in zip(values, mask, strict=True) if kept)
    return dict(functionals.most_common()), dict(licences.most_common())


def _marked(
    batch: pa.RecordBatch,
    rows: Sequence[tuple[str, str | None, bool]],
    schema: pa.Schema,
) -> pa.RecordBatch:
    """A batch with its rows' final names and twins, without those that are dropped."""
    names, twins, keep = zip(*rows, strict=True)
    columns = {name: batch.column(name) for name in batch.schema.names}
    columns["material_id"] = pa.array(names, pa.string())
    columns[DUPLICATE_OF] = pa.array(twins, pa.string())
    arrays = [columns[name] for name in schema.names]
    return pa.RecordBatch.from_arrays(arrays, schema=schema).filter(pa.array(keep))
