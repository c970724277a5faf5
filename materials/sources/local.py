"""Files of one's own: crystal tables, and whatever else Galena reads crystals from."""

from __future__ import annotations

import glob
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from materials.errors import InputError, did_you_mean
from materials.files import ReadCrystal, read_crystals
from materials.provenance import Provenance, file_sha256
from materials.rows import batch_rows
from materials.schema import CRYSTAL_COLUMNS, PROVENANCE_COLUMNS
from materials.soundness import overlap_fault
from materials.sources.datasets import PAGE, paged
from materials.sources.protocol import FUNCTIONAL, RESERVED, UNKNOWN, Column, Page, Record
from materials.table import CrystalTable


@dataclass(frozen=True, kw_only=True)
class LocalTable:
    """A crystal table: a Parquet file, a folder of them, or a glob.

    Rows keep the provenance and the functional that they have.
    """

    path: Path
    functional: str = UNKNOWN
    """Of rows that do not say."""
    licence: str = ""
    """Of rows that do not say."""
    chosen: tuple[Column, ...] = ()
    """Properties to take along; all numbers and texts if none are named."""

    @cached_property
    def table(self) -> CrystalTable:
        """Raises :class:`InputError` if it is none."""
        return CrystalTable.open(self.path)

    @property
    def label(self) -> str:
        return str(self.path)

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        schema = self.table.schema
        for column in self.chosen:
            if column.field not in self.table.properties:
                raise InputError(
                    f"{self.path} has no property '{column.field}'."
                    f"{did_you_mean(column.field, self.table.properties)}"
                )
        found = (_column(schema.field(name)) for name in self.table.properties)
        return self.chosen or tuple(column for column in found if column is not None)

    def identity(self) -> dict[str, Any]:
        return {
            "sha256": self.table.sha256,
            "functional": self.functional,
            "licence": self.licence,
            "properties": [[column.name, column.field] for column in self.columns],
        }

    def pages(self, cursor: str | None) -> Iterator[Page]:
        records = islice(self._records(), int(cursor or 0), None)
        yield from paged(records, cursor, len(self.table))

    def _records(self) -> Iterator[Record]:
        first = 0
        fields = [column.field for column in self.columns]
        own = [FUNCTIONAL] if FUNCTIONAL in self.table.columns else []
        wanted = dict.fromkeys([*CRYSTAL_COLUMNS, *PROVENANCE_COLUMNS, *own, *fields])
        for batch in self.table.batches(list(wanted), size=PAGE):
            values = batch.select([*own, *fields]).to_pylist()
            for row, entry in zip(batch_rows(batch, first), values, strict=True):
                said = (entry.get(FUNCTIONAL), row.provenance.method, self.functional)
                origin = row.provenance
                provenance = replace(
                    origin,
                    source_id=origin.source_id or row.material_id,
                    licence=origin.licence or self.licence,
                )
                error = row.error or overlap_fault(
                    row.atomic_numbers, row.frac_coords, row.lattice
                )
                yield Record(
                    structure=None if error else row.structure(),
                    error=error,
                    provenance=provenance,
                    name=row.material_id,
                    functional=next((s for s in said if s and s != UNKNOWN), UNKNOWN),
                    values={column.name: column.find(entry) for column in self.columns},
                )
            first += batch.num_rows


@dataclass(frozen=True, kw_only=True)
class LocalFiles:
    """Crystal files of any kind, folders of them, and zips."""

    path: Path
    functional: str = UNKNOWN
    licence: str = ""

    @property
    def label(self) -> str:
        return str(self.path)

    @property
    def columns(self) -> tuple[Column, ...]:
        return ()

    @cached_property
    def _hashes(self) -> dict[Path, str]:
        """Of every file, without those that are hidden."""
        if not self.path.is_dir():
            return {self.path: file_sha256(self.path)}
        inside = sorted(path for path in self.path.rglob("*") if path.is_file())
        shown = (
            path
            for path in inside
            if not any(part.startswith(".") for part in path.relative_to(self.path).parts)
        )
        return {path: file_sha256(path) for path in shown}

    def identity(self) -> dict[str, Any]:
        lines = [
            f"{path.relative_to(self.path)} {digest}"
            for path, digest in self._hashes.items()
        ]
        return {
            "sha256": hashlib.sha256("\n".join(lines).encode()).hexdigest(),
            "functional": self.functional,
            "licence": self.licence,
        }

    def pages(self, cursor: str | None) -> Iterator[Page]:
        crystals = islice(read_crystals([self.path]), int(cursor or 0), None)
        yield from paged((self._record(one) for one in crystals), cursor, None)

    def _record(self, crystal: ReadCrystal) -> Record:
        digest = self._hashes.get(crystal.path, "")
        provenance = Provenance(
            source=crystal.path.name,
            source_id=crystal.name,
            version=f"sha256:{digest}" if digest else "",
            method="" if self.functional == UNKNOWN else self.functional,
            licence=self.licence,
        )
        return Record(
            structure=crystal.structure,
            error=crystal.error,
            provenance=provenance,
            functional=self.functional,
        )


def local(
    path: Path,
    *,
    functional: str = UNKNOWN,
    licence: str = "",
    columns: tuple[Column, ...] = (),
) -> LocalTable | LocalFiles:
    """Make a source of a path. Raises :class:`InputError` if there is nothing."""
    if _is_table(path):
        return LocalTable(path=path, functional=functional, licence=licence, chosen=columns)
    if not path.exists():
        near = [file.name for file in path.parent.iterdir()] if path.parent.is_dir() else []
        raise InputError(
            f"{path}: no such file, folder or source.{did_you_mean(path.name, near)}"
        )
    if columns:
        raise InputError(f"{path}: crystal files have no properties to take along")
    return LocalFiles(path=path, functional=functional, licence=licence)


def _is_table(path: Path) -> bool:
    if path.is_dir():
        return any(path.rglob("*.parquet"))
    return path.suffix.lower() == ".parquet" or glob.has_magic(str(path))


def _column(field: pa.Field) -> Column | None:
    """A property's column if it holds numbers or texts and no name that is taken."""
    if field.name in RESERVED:
        return None
    unit = (field.metadata or {}).get(b"unit", b"").decode()
    if pa.types.is_floating(field.type) or pa.types.is_integer(field.type):
        return Column(name=field.name, field=field.name, unit=unit)
    if pa.types.is_boolean(field.type):
        return Column(name=field.name, field=field.name, unit=unit)
    if pa.types.is_string(field.type) or pa.types.is_large_string(field.type):
        return Column(name=field.name, field=field.name, kind="text")
    return None
