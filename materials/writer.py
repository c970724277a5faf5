"""Writing crystal tables that are larger than memory, all or nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

from materials.errors import InputError
from materials.schema import canonical_schema, cast_batch, check_schema, table_stamp
from materials.whole import part_of, sync_file, sync_folder


class CrystalTableWriter:
    """Write batches to a Parquet file that appears only when all of it is there.

        with CrystalTableWriter(Path("out.parquet")) as writer:
            for batch in table.batches():
                writer.write(batch)

    Rows go to a hidden temporary file beside ``path``, which takes its place, replacing a
    file of that name, when the block ends without an error; otherwise it is removed. The
    first batch decides the columns, unless ``schema`` does. ``metadata`` goes into the
    file's schema. A disk that is full or cannot be written raises :class:`InputError`.
    """

    def __init__(
        self,
        path: Path,
        *,
        schema: pa.Schema | None = None,
        metadata: Mapping[str, str] | None = None,
        rows_per_group: int = 8192,
    ) -> None:
        self.path = path
        self.n_rows = 0
        self._rows_per_group = rows_per_group
        self._metadata = dict(metadata or {})
        self._partial = part_of(path)
        self._schema = None if schema is None else self._settle(schema)
        self._file: pq.ParquetWriter | None = None
        self._waiting: list[pa.RecordBatch] = []
        self._n_waiting = 0

    def _settle(self, schema: pa.Schema) -> pa.Schema:
        check_schema(schema, str(self.path))
        settled = canonical_schema(schema)
        return settled.with_metadata({**table_stamp(), **self._metadata})

    def __enter__(self) -> Self:
        folder = self.path.parent
        if not folder.is_dir():
            raise InputError(
                f"cannot write {self.path}: the folder {folder} does not exist; create it"
            )
        if self.path.is_dir():
            raise InputError(f"cannot write {self.path}: it is a folder; name a file")
        if self._schema is not None:
            self._open(self._schema)
        return self

    def write(self, batch: pa.RecordBatch) -> None:
        """Add rows. Raises :class:`InputError` if a column does not fit the first batch."""
        if self._schema is None:
            self._schema = self._settle(batch.schema)
        if self._file is None:
            self._open(self._schema)
        self._waiting.append(cast_batch(batch, self._schema, str(self.path)))
        self._n_waiting += batch.num_rows
        self.n_rows += batch.num_rows
        if self._n_waiting >= self._rows_per_group:
            self._flush(self._schema)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._discard()
            return
        if self._schema is None:
            raise InputError(
                f"nothing was written to {self.path}: no batch came and no schema was given"
            )
        try:
            self._flush(self._schema)
            self._finish()
        except BaseException:
            self._discard()
            raise

    def _open(self, schema: pa.Schema) -> None:
        with disk_errors(self.path):
            self._file = pq.ParquetWriter(self._partial, schema, compression="zstd")

    def _flush(self, schema: pa.Schema) -> None:
        if self._file is None or not self._waiting:
            return
        with disk_errors(self.path):
            table = pa.Table.from_batches(self._waiting, schema=schema)
            self._file.write_table(table, row_group_size=self._rows_per_group)
        self._waiting, self._n_waiting = [], 0

    def _finish(self) -> None:
        """Close, push to the disk, and only then take the final name."""
        with disk_errors(self.path):
            if self._file is not None:
                self._file.close()
            sync_file(self._partial)
            self._partial.replace(self.path)
            sync_folder(self.path.parent)

    def _discard(self) -> None:
        if self._file is not None:
            with suppress(OSError, pa.ArrowException):  # the first error is being raised
                self._file.close()
        with suppress(OSError):
            self._partial.unlink(missing_ok=True)


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn an ``OSError`` inside the block into an :class:`InputError` naming ``path``."""
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise InputError(
            f"cannot write {path}: {reason}; free some space or choose another folder"
        ) from error
