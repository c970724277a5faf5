"""Reading Parquet files of crystals batch by batch, with what they lack filled in."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from materials.errors import InputError
from materials.schema import PROVENANCE_COLUMNS, check_schema, check_stamp

UNREADABLE = (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError)
"""What Arrow raises of files that are damaged, or never were Parquet."""

_BLANK_LIST = "Expected all lists to be of size="
_MAGIC = b"PAR1"
_TRAILER = struct.Struct("<I4s")  # length of the footer, magic
_BUFFER = 1 << 20  # bytes read ahead of each column


def file_schema(path: Path) -> pa.Schema:
    """Return a file's columns. Raises :class:`InputError` if it is no crystal table."""
    try:
        schema = pq.read_schema(path)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error}") from error
    except UNREADABLE as error:
        raise InputError(f"{path} is not a Parquet file, or cut short: {error}") from error
    check_stamp(schema, str(path))
    check_schema(schema, str(path))
    return schema.remove_metadata()


def file_batches(path: Path, schema: pa.Schema, size: int) -> Iterator[pa.RecordBatch]:
    """Yield the columns of ``schema``, at most ``size`` rows at a time.

    Provenance that the file lacks names the file; other columns it lacks are null. Raises
    :class:`InputError` if the file is damaged.
    """
    with _reading(path):
        for batch in _read(path, schema, size):
            yield _complete(batch, schema, path.name)


def placed_batches(
    path: Path,
    schema: pa.Schema,
    size: int,
    wanted: Callable[[int, int], bool],
) -> Iterator[tuple[int, pa.RecordBatch]]:
    """As :func:`file_batches`, each with the number of its first row in the file.

    Row groups whose rows, from one up to another, are not ``wanted`` are not read.
    """
    with _reading(path):
        for first, groups in _runs(pq.read_metadata(path), wanted):
            place = first
            for batch in _read(path, schema, size, groups):
                yield place, _complete(batch, schema, path.name)
                place += batch.num_rows


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Say of what goes wrong with a file that it is damaged."""
    try:
        yield
    except GeneratorExit:
        raise
    except UNREADABLE as error:
        raise InputError(f"{path} is damaged: {error}") from error


def _read(
    path: Path, schema: pa.Schema, size: int, groups: Sequence[int] | None = None
) -> Iterator[pa.RecordBatch]:
    """Batches as they stand in the file, with the columns that it has.

    Arrow refuses blank fixed-size lists (https://github.com/apache/arrow/issues/35692), but
    reads them as plain lists once the footer no longer says that they had a fixed size.
    Whether there are any is seen by trying: the statistics that would say so are not to be
    asked, since on some damaged files Arrow ends the process instead of raising.
    """
    done = 0
    try:
        for batch in _batches(path, None, schema, size, groups):
            yield batch
            done += batch.num_rows
        return
    except pa.ArrowInvalid as error:
        if _BLANK_LIST not in str(error):
            raise
    for batch in _batches(path, _plain_metadata(path), schema, size, groups):
        if done < batch.num_rows:
            yield batch.slice(done)
        done = max(done - batch.num_rows, 0)


def _batches(
    path: Path,
    metadata: pq.FileMetaData | None,
    schema: pa.Schema,
    size: int,
    groups: Sequence[int] | None,
) -> Iterator[pa.RecordBatch]:
    with pq.ParquetFile(
        path, metadata=metadata, buffer_size=_BUFFER, pre_buffer=False
    ) as file:
        present = set(file.schema_arrow.names)
        needed = ["material_id", *(name for name in schema.names if name in present)]
        columns = list(dict.fromkeys(needed))
        chosen = {} if groups is None else {"row_groups": list(groups)}
        yield from file.iter_batches(batch_size=size, columns=columns, **chosen)


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
            column = sound_text(batch.column(field.name))
        else:
            column = pa.nulls(batch.num_rows, field.type)
        if field.name in PROVENANCE_COLUMNS:
            column = _filled(column.cast(pa.string()), field.name, batch, source)
        columns.append(column if column.type == field.type else column.cast(field.type))
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def sound_text(column: pa.Array) -> pa.Array:
    """The column, with text that is none in UTF-8 made readable: it costs its row alone."""
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
            raise
        raw = column.cast(pa.large_binary()).to_pylist()
        texts = [None if text is None else text.decode("utf-8", "replace") for text in raw]
        return pa.array(texts, column.type)
    return column


def _filled(
    column: pa.Array, name: str, batch: pa.RecordBatch, source: str
) -> pa.StringArray:
    if name == "source":
        blank = pc.fill_null(pc.equal(column, ""), fill_value=True)
        return pc.if_else(blank, source, column)
    if name == "source_id":
        identity = sound_text(batch.column("material_id")).cast(pa.string())
        column = pc.coalesce(column, identity)
    return pc.fill_null(column, "")
