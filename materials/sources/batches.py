"""From the records of sources to batches of a crystal table."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from materials.columns import crystals_batch
from materials.errors import InputError
from materials.sources.protocol import FUNCTIONAL, Column, Record

_KINDS = {"number": pa.float32(), "text": pa.string()}


def records_batch(records: Sequence[Record], columns: Sequence[Column]) -> pa.RecordBatch:
    """Records without an error as rows: crystal, provenance, functional, properties.

    Properties are float32 or text; a unit goes into the metadata of its field.
    """
    crystals = crystals_batch(
        [record.structure for record in records if record.structure is not None],
        [record.id for record in records],
        provenance=[record.provenance for record in records],
    )
    functionals = [record.functional for record in records]
    fields = [*crystals.schema, pa.field(FUNCTIONAL, pa.string())]
    arrays = [*crystals.columns, pa.array(functionals, pa.string())]
    for column in columns:
        values = [record.values.get(column.name) for record in records]
        fields.append(property_field(column))
        arrays.append(pa.array(values, _KINDS[column.kind]))
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))


def property_field(column: Column) -> pa.Field:
    """A property's field, its unit noted."""
    about = {"unit": column.unit} if column.unit else None
    return pa.field(column.name, _KINDS[column.kind], metadata=about)


def check_columns(columns: Sequence[Sequence[Column]], labels: Sequence[str]) -> None:
    """Raise :class:`InputError` where two sources mean different things by one name."""
    seen: dict[str, tuple[Column, str]] = {}
    for own, label in zip(columns, labels, strict=True):
        names = [column.name for column in own]
        if twice := {name for name in names if names.count(name) > 1}:
            raise InputError(f"{label}: property '{min(twice)}' is asked for twice")
        for column in own:
            first, whose = seen.setdefault(column.name, (column, label))
            if (first.kind, first.unit) != (column.kind, column.unit):
                raise InputError(
                    f"'{column.name}' is {_words(first)} in {whose}, but {_words(column)} "
                    f"in {label}; give one of them another name"
                )


def _words(column: Column) -> str:
    return f"a {column.kind} in {column.unit}" if column.unit else f"a {column.kind}"
