"""Reading Parquet files of crystals batch by batch, with what they lack filled in."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from materials.errors import InputError
from materials.schema import PROVENANCE_COLUMNS, check_schema, check_stamp

_MAGIC = b"PAR1"
_TRAILER = struct.Struct("<I4s")  # length of the footer, magic
_BUFFER = 1 << 20  # bytes read ahead of each column


def file_schema(path: Path) -> pa.Schema:
    """Return a file's columns. Raises :class:`InputError` if it is no crystal table."""
    try:
        schema = pq.read_schema(path)
    except pa.ArrowInvalid as error:
        raise InputError(f"{path} is not a Parquet file, or cut short: {error}") from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error}") from error
    check_stamp(schema, str(path))
    check_schema(schema, str(path))
    return schema.remove_metadata()


def file_batches(path: Path, schema: pa.Schema, size: int) -> Iterator[pa.RecordBatch]:
    """Yield the columns of ``schema``, at most ``size`` rows at a time.

    Provenance that the file lacks names the file; other columns it lacks are null. Raises
    :class:`InputError` if the file is damaged.
    """
    try:
        with _open(path) as file:
            present = set(file.schema_arrow.names)
            needed = ["material_id", *(name for name in schema.names if name in present)]
            columns = list(dict.fromkeys(needed))
            for batch in file.iter_batches(batch_size=size, columns=columns):
                yield _complete(batch, schema, path.name)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{path} is damaged: {error}") from error


def placed_batches(
    path: Path,
    schema: pa.Schema,
    size: int,
    wanted: Callable[[int, int], bool],
) -> Iterator[tuple[int, pa.RecordBatch]]:
    """As :func:`file_batches`, each with the number of its first row in the file.

    Row groups whose rows, from one up to another, are not ``wanted`` are not read.
    """
    try:
        with _open(path) as file:
            present = set(file.schema_arrow.names)
            needed = ["material_id", *(name for name in schema.names if name in present)]
            columns = list(dict.fromkeys(needed))
            for first, groups in _runs(file.metadata, wanted):
                place = first
                batches = file.iter_batches(
                    batch_size=size, columns=columns, row_groups=groups
                )
                for batch in batches:
                    yield place, _complete(batch, schema, path.name)
                    place += batch.num_rows
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{path} is damaged: {error}") from error


def _runs(
    metadata: pq.FileMetaData, wanted: Callable[[int, int], bool]
) -> list[tuple[int, list[int]]]:
    """Stretches of wanted row groups, each with its first row: many small ones cost one."""
    runs: list[tuple[int, list[int]]] = []
    first, going_on = 0, False
    for group in range(metadata.num_row_groups):
        last = first + metadata.row_group(group).num_rows
        if wanted(first, last):
            if not going_on:
                runs.append((first, []))
            runs[-1][1].append(group)
            going_on = True
        elif last > first:
            going_on = False
        first = last
    return runs


def _open(path: Path) -> pq.ParquetFile:
    """Open a file so that its blank fixed-size lists can be read.

    Arrow refuses them (https://github.com/apache/arrow/issues/35692), but reads them as
    plain lists once the footer no longer says that they had a fixed size.
    """
    metadata = pq.read_metadata(path)
    if _has_blank_fixed_list(metadata):
        metadata = _plain_metadata(path)
    return pq.ParquetFile(path, metadata=metadata, buffer_size=_BUFFER, pre_buffer=False)


def _has_blank_fixed_list(metadata: pq.FileMetaData) -> bool:
    fixed = {
        field.name
        for field in metadata.schema.to_arrow_schema()
        if pa.types.is_fixed_size_list(field.type)
    }
    for group in range(metadata.num_row_groups):
        for index in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(index)
            if chunk.path_in_schema.split(".")[0] in fixed:
                counts = chunk.statistics
                if counts is None or not counts.has_null_count or counts.null_count:
                    return True
    return False


def _plain_metadata(path: Path) -> pq.FileMetaData:
    """A file's metadata without the Arrow types that its writer noted in it."""
    with path.open("rb") as file:
        file.seek(-_TRAILER.size, 2)
        length, _ = _TRAILER.unpack(file.read(_TRAILER.size))
        file.seek(-_TRAILER.size - length, 2)
        footer = file.read().replace(b"ARROW:schema", b"arrow:schema")
    return pq.read_metadata(pa.BufferReader(_MAGIC + footer))


def _complete(batch: pa.RecordBatch, schema: pa.Schema, source: str) -> pa.RecordBatch:
    """Bring a batch to ``schema``, adding the columns that the file lacks."""
    columns = []
    for field in schema:
        if field.name in batch.schema.names:
            column = batch.column(field.name)
        else:
            column = pa.nulls(batch.num_rows, field.type)
        if field.name in PROVENANCE_COLUMNS:
            column = _filled(column.cast(pa.string()), field.name, batch, source)
        columns.append(column if column.type == field.type else column.cast(field.type))
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _filled(
    column: pa.Array, name: str, batch: pa.RecordBatch, source: str
) -> pa.StringArray:
    if name == "source":
        blank = pc.fill_null(pc.equal(column, ""), fill_value=True)
        return pc.if_else(blank, source, column)
    if name == "source_id":
        identity = batch.column("material_id").cast(pa.string())
        column = pc.coalesce(column, identity)
    return pc.fill_null(column, "")
