"""Crystals in columns: tables larger than memory, read and written in batches."""

from __future__ import annotations

import glob
import hashlib
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from materials.columns import crystals_batch
from materials.errors import InputError, did_you_mean, listed
from materials.files import ReadCrystal, read_crystals
from materials.opening import check_regular
from materials.parquet import file_batches, file_schema
from materials.provenance import Provenance, file_sha256
from materials.rows import CrystalRow, batch_rows
from materials.schema import (
    CRYSTAL_COLUMNS,
    PROVENANCE_COLUMNS,
    canonical_schema,
    table_schema,
)
from materials.writer import CrystalTableWriter

if TYPE_CHECKING:
    import pandas as pd
    from ase import Atoms
    from pymatgen.core import IStructure, Structure

__all__ = ["CrystalRow", "CrystalTable", "CrystalTableWriter"]


class CrystalTable:
    """Crystals and their properties, one row each; see :mod:`materials.schema`.

    Made by :meth:`open`, which reads nothing but the schema, or from crystals in memory.
    Provenance columns are always present: a file that lacks them counts as the source.
    """

    def __init__(
        self,
        schema: pa.Schema,
        *,
        files: Sequence[Path] = (),
        table: pa.Table | None = None,
    ) -> None:
        self.schema = schema
        self.files = tuple(files)
        self._table = table

    @classmethod
    def open(cls, path: Path) -> CrystalTable:
        """Open a Parquet file, a folder of them, or a glob such as ``runs/*.parquet``.

        Files are taken in the order of their names; a property that some of them lack is
        null there. Raises :class:`InputError` naming the file, and the column, that cannot
        be used.
        """
        files = _parquet_files(path)
        schemas = [file_schema(file) for file in files]
        names = [str(file) for file in files]
        return cls(table_schema(schemas, names), files=files)

    @classmethod
    def from_structures(
        cls,
        structures: Iterable[IStructure | Atoms],
        *,
        ids: Sequence[str] | None = None,
        properties: Mapping[str, Sequence[Any]] | None = None,
        provenance: Provenance | Sequence[Provenance] | None = None,
    ) -> CrystalTable:
        """Build a table in memory; coordinates and lattices are kept in single precision.

        ``ids`` are ``crystal-0``, ``crystal-1``, … if not given. ``properties`` maps a
        column to one number, text or None for each crystal. One ``provenance`` may serve
        all. Raises :class:`InputError` naming the crystal, or the argument, that is wrong.
        """
        crystals = list(structures)
        names = _names(ids, len(crystals))
        origins = _origins(provenance, names)
        columns = {name: list(values) for name, values in (properties or {}).items()}
        whole = crystals_batch(crystals, names, properties=columns, provenance=origins)
        return cls(whole.schema, table=pa.Table.from_batches([whole]))

    @classmethod
    def from_files(
        cls, paths: Iterable[Path]
    ) -> tuple[CrystalTable, tuple[ReadCrystal, ...]]:
        """Read crystal files; return the table and every file that could not be read.

        What can be read is :func:`materials.files.read_crystals`'s business. The name of a
        crystal is its ``material_id``; its provenance is the file and the file's hash.
        """
        good: list[ReadCrystal] = []
        bad: list[ReadCrystal] = []
        for crystal in read_crystals(paths):
            (bad if crystal.structure is None else good).append(crystal)
        hashes = {path: file_sha256(path) for path in {crystal.path for crystal in good}}
        table = cls.from_structures(
            [crystal.structure for crystal in good if crystal.structure is not None],
            ids=[crystal.name for crystal in good],
            provenance=[
                Provenance(
                    source=crystal.path.name,
                    source_id=crystal.name,
                    version=f"sha256:{hashes[crystal.path]}",
                )
                for crystal in good
            ],
        )
        return table, tuple(bad)

    def __len__(self) -> int:
        if self._table is not None:
            return int(self._table.num_rows)
        return sum(pq.read_metadata(file).num_rows for file in self.files)

    @property
    def columns(self) -> tuple[str, ...]:
        """Crystal columns, provenance columns, then properties."""
        return tuple(self.schema.names)

    @property
    def properties(self) -> tuple[str, ...]:
        """The columns that hold neither crystal nor provenance."""
        fixed = {*CRYSTAL_COLUMNS, *PROVENANCE_COLUMNS}
        return tuple(name for name in self.columns if name not in fixed)

    @cached_property
    def sha256(self) -> str:
        """Hash of the file, or of the hashes of several; empty for a table in memory."""
        if not self.files:
            return ""
        hashes = [file_sha256(file) for file in self.files]
        if len(hashes) == 1:
            return hashes[0]
        return hashlib.sha256("\n".join(hashes).encode()).hexdigest()

    def batches(
        self, columns: Sequence[str] | None = None, *, size: int = 4096
    ) -> Iterator[pa.RecordBatch]:
        """Yield the chosen columns, in that order, at most ``size`` rows at a time.

        Only one batch and the pages it comes from are in memory. Raises
        :class:`InputError` for a column that is not there or a file that is damaged.
        """
        if size < 1:
            raise InputError(f"size is {size}, expected at least 1 row a batch")
        chosen = self.columns if columns is None else tuple(columns)
        for name in chosen:
            if name not in self.columns:
                raise InputError(
                    f"no column '{name}' in this table; it has {listed(self.columns)}."
                    f"{did_you_mean(name, self.columns)}"
                )
        schema = pa.schema([self.schema.field(name) for name in chosen])
        if self._table is not None:
            yield from self._table.select(list(chosen)).to_batches(max_chunksize=size)
            return
        for file in self.files:
            yield from file_batches(file, schema, size)

    def rows(self, *, size: int = 4096) -> Iterator[CrystalRow]:
        """Yield every row; one that cannot be used says so in its ``error``."""
        first = 0
        wanted = [*CRYSTAL_COLUMNS, *PROVENANCE_COLUMNS]
        for batch in self.batches(wanted, size=size):
            yield from batch_rows(batch, first)
            first += batch.num_rows

    def take(self, numbers: Iterable[int], *, size: int = 4096) -> dict[int, CrystalRow]:
        """Some rows by their numbers, counted from 0; only those are made into crystals.

        Raises :class:`InputError` for a number that no row has.
        """
        wanted = sorted(set(numbers))
        if wanted and wanted[0] < 0:
            raise InputError(f"no row {wanted[0]}: rows are counted from 0")
        found: dict[int, CrystalRow] = {}
        first = 0
        for batch in self.batches([*CRYSTAL_COLUMNS, *PROVENANCE_COLUMNS], size=size):
            if len(found) == len(wanted):
                break
            own = [n for n in wanted[len(found) :] if n < first + batch.num_rows]
            if own:
                places = pa.array([n - first for n in own])
                rows = batch_rows(batch.take(places), own[0])
                found.update(zip(own, rows, strict=True))
            first += batch.num_rows
        if missing := wanted[len(found) :]:
            raise InputError(
                f"no row {missing[0]}: the table has {len(self)}, counted from 0"
            )
        return found

    def structures(self) -> Iterator[Structure]:
        """Yield pymatgen structures; raises :class:`InputError` at the first broken row."""
        return (row.structure() for row in self.rows())

    def to_pandas(self, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Return the chosen columns in memory; lists become arrays."""
        chosen = self.columns if columns is None else tuple(columns)
        batches = list(self.batches(chosen))
        schema = pa.schema([self.schema.field(name) for name in chosen])
        return pa.Table.from_batches(batches, schema=schema).to_pandas()

    def write(self, path: Path) -> None:
        """Write one Parquet file, atomically; see :class:`CrystalTableWriter`."""
        with CrystalTableWriter(path, schema=canonical_schema(self.schema)) as writer:
            for batch in self.batches():
                writer.write(batch)


def _parquet_files(path: Path) -> list[Path]:
    """The files that ``path`` stands for, sorted; raises if there are none."""
    if path.is_dir():
        files = _visible(path, "**/*.parquet")
        if not files:
            raise InputError(f"{path} is a folder without .parquet files")
        return files
    if path.exists():
        check_regular(path)
        return [path]
    if glob.has_magic(str(path)):
        fixed = Path(
            *itertools.takewhile(lambda part: not glob.has_magic(part), path.parts)
        )
        files = _visible(fixed, str(path.relative_to(fixed)))
        if not files:
            raise InputError(f"no file matches {path}")
        return files
    near = [file.name for file in path.parent.iterdir()] if path.parent.is_dir() else []
    raise InputError(f"{path} does not exist.{did_you_mean(path.name, near)}")


def _visible(root: Path, pattern: str) -> list[Path]:
    """The files that match, sorted, without those that begin with a dot or an underscore,
    as half-written tables and the notes of whoever wrote the folder do.
    """
    return [
        file
        for file in sorted(root.glob(pattern))
        if file.is_file()
        and not any(part.startswith((".", "_")) for part in file.relative_to(root).parts)
    ]


def _names(ids: Sequence[str] | None, n_crystals: int) -> list[str]:
    if ids is None:
        return [f"crystal-{index}" for index in range(n_crystals)]
    names = list(ids)
    if len(names) != n_crystals:
        raise InputError(f"{len(names)} ids for {n_crystals} crystals; give one for each")
    seen: set[str] = set()
    for name in names:
        if not name or name in seen:
            raise InputError(f"id '{name}' is {'given twice' if name else 'blank'}")
        seen.add(name)
    return names


def _origins(
    provenance: Provenance | Sequence[Provenance] | None, names: Sequence[str]
) -> list[Provenance]:
    if provenance is None:
        return [Provenance(source="memory", source_id=name) for name in names]
    if isinstance(provenance, Provenance):
        return list(itertools.repeat(provenance, len(names)))
    if len(provenance) != len(names):
        raise InputError(
            f"{len(provenance)} provenances for {len(names)} crystals; give one for each, "
            "or one for all"
        )
    return list(provenance)
