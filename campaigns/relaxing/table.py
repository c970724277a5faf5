"""The table that comes of a relaxation: a row for every crystal that was handed in.

| column | unit | meaning |
|---|---|---|
| `energy_per_atom` | eV/atom | total energy of the potential, relaxed |
| `max_force` | eV/Å | on the atom that is pulled most |
| `volume_change` | | relaxed over given volume, less one |
| `n_steps`, `seconds` | steps, s | of the relaxation |
| `converged` | | whether forces came below the limit |
| `error` | | why there are no numbers; then the geometry is the given one |

and those of the checks that were asked for. The potential is in the column ``method``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pyarrow as pa

from campaigns.relaxing.journal import Journal
from campaigns.relaxing.run import record_of
from campaigns.relaxing.sources import Given
from materials.columns import crystals_batch
from materials.relaxation import RelaxationRecord
from materials.schema import FIXED_FIELDS, PROVENANCE_COLUMNS
from materials.writer import CrystalTableWriter
from models.relaxing.checks import CHECKS

if TYPE_CHECKING:
    from pymatgen.core import Structure

T = TypeVar("T")

FIELDS = (
    pa.field("energy_per_atom", pa.float64()),
    pa.field("max_force", pa.float32()),
    pa.field("volume_change", pa.float32()),
    pa.field("n_steps", pa.int32()),
    pa.field("seconds", pa.float32()),
    pa.field("converged", pa.bool_()),
    pa.field("error", pa.string()),
)
_KINDS = {bool: pa.bool_(), float: pa.float32(), str: pa.string()}
_BATCH = 1024


@dataclass(frozen=True)
class Outcome:
    """What was written."""

    n_crystals: int
    n_converged: int
    n_unconverged: int
    failures: tuple[tuple[str, str], ...]
    """Name and reason of each crystal that has an error, or whose check has one."""


def write_table(
    given: Iterable[Given], journal: Journal, path: Path, checks: Sequence[str]
) -> Outcome:
    """Write all results, in the order of the crystals, to a Parquet file, all or nothing."""
    schema = pa.schema([*FIXED_FIELDS.values(), *FIELDS, *_check_fields(checks)])
    failures: list[tuple[str, str]] = []
    n = converged = done = 0
    with CrystalTableWriter(path, schema=schema) as writer:
        for some in _chunks(given, _BATCH):
            rows = [_row(one, journal, checks) for one in some]
            writer.write(_batch(some, rows, schema))
            n += len(rows)
            converged += sum(row["converged"] is True for row in rows)
            done += sum(row["error"] is None for row in rows)
            for one, row in zip(some, rows, strict=True):
                failures += [(one.name, reason) for reason in _reasons(row, checks)]
    return Outcome(n, converged, done - converged, tuple(failures))


def _check_fields(checks: Sequence[str]) -> list[pa.Field]:
    fields = []
    for check in checks:
        for name, kind in CHECKS[check].columns.items():
            fields.append(pa.field(name, _KINDS[kind]))
        fields.append(pa.field(f"{check}_error", pa.string()))
    return fields


def _row(one: Given, journal: Journal, checks: Sequence[str]) -> dict[str, Any]:
    """The columns of one crystal that are not the crystal; the structure aside."""
    if one.structure is None:
        return {"structure": None, "error": one.error, "converged": None}
    record = record_of(journal[one.key])
    row: dict[str, Any] = {
        name: getattr(record, name)
        for name in ("energy_per_atom", "max_force", "n_steps", "seconds", "error")
    }
    row["structure"] = record.structure or one.structure
    row["converged"] = record.converged if record.error is None else None
    row["method"] = record.calculator
    if record.structure is not None:
        row["volume_change"] = record.structure.volume / one.structure.volume - 1.0
    for check in checks:
        row |= _checked(f"{check} {one.key}", journal, check, record)
    return row


def _checked(
    name: str, journal: Journal, check: str, record: RelaxationRecord
) -> dict[str, Any]:
    if name in journal:
        found = dict(journal[name])
        return {f"{check}_error": found.pop("error"), **found}
    if record.error is None:
        return {f"{check}_error": "not checked: the relaxation has not converged"}
    return {}


def _reasons(row: Mapping[str, Any], checks: Sequence[str]) -> list[str]:
    reasons = [row["error"]] if row["error"] else []
    return reasons + [
        f"{check}: {row[f'{check}_error']}"
        for check in checks
        if row.get(f"{check}_error") and row["converged"]
    ]


def _batch(
    given: Sequence[Given], rows: Sequence[Mapping[str, Any]], schema: pa.Schema
) -> pa.RecordBatch:
    """Rows with a crystal as tables have them; the others blank but for name and error."""
    there = [k for k, row in enumerate(rows) if row["structure"] is not None]
    crystals = crystals_batch(
        [_structure(rows[k]) for k in there],
        [given[k].name for k in there],
        provenance=[
            replace(given[k].provenance, method=f"{rows[k]['method']} relaxation")
            for k in there
        ],
    )
    places: list[int | None] = [None] * len(rows)
    for place, k in enumerate(there):
        places[k] = place
    fixed = crystals.take(pa.array(places, pa.int64()))
    columns = {name: fixed.column(name) for name in FIXED_FIELDS}
    columns["material_id"] = pa.array([one.name for one in given])
    for name in PROVENANCE_COLUMNS[:3]:
        columns[name] = pa.array([_origin(one)[name] for one in given])
    for field in schema:
        if field.name not in columns:
            values = [row.get(field.name) for row in rows]
            columns[field.name] = pa.array(values, field.type)
    return pa.RecordBatch.from_pydict(columns)


def _structure(row: Mapping[str, Any]) -> Structure:
    found: Structure = row["structure"]
    return found


def _origin(one: Given) -> dict[str, str]:
    origin = one.provenance
    return {
        "source": origin.source,
        "source_id": origin.source_id,
        "source_version": origin.version,
    }


def _chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk
