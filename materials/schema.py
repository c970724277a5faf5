"""The columns of a crystal table.

| column | Arrow type | meaning |
|---|---|---|
| `material_id` | string | name of the crystal in its source |
| `formula` | string | reduced formula |
| `n_sites` | int16 | atoms in the cell |
| `lattice` | fixed_size_list<float>[9] | Å, row-major: rows are the vectors a, b, c |
| `atomic_numbers` | list<uint8> | one per site |
| `frac_coords` | list<float> | three per site, flat, in [0, 1) |
| `source` … `retrieved` | string | provenance, see :class:`materials.provenance.Provenance` |

Any further column is a property. Tables may be written by others, so reading accepts wider
numbers and plain lists, and provenance may be missing; what Galena writes is exactly this.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from materials.errors import InputError, did_you_mean, listed
from materials.versioned import FORMAT, WRITER, FileFormat

TABLE = FileFormat(
    what="crystal table", version=1, remedy="write it again from where it came from"
)
_STAMP = "galena_table"  # key of the schema's metadata

CRYSTAL_FIELDS = (
    pa.field("material_id", pa.string()),
    pa.field("formula", pa.string()),
    pa.field("n_sites", pa.int16()),
    pa.field("lattice", pa.list_(pa.field("element", pa.float32()), 9)),
    pa.field("atomic_numbers", pa.list_(pa.field("element", pa.uint8()))),
    pa.field("frac_coords", pa.list_(pa.field("element", pa.float32()))),
)
PROVENANCE_FIELDS = tuple(
    pa.field(name, pa.string())
    for name in (
        "source",
        "source_id",
        "source_version",
        "method",
        "licence",
        "retrieved",
    )
)
CRYSTAL_COLUMNS = tuple(field.name for field in CRYSTAL_FIELDS)
PROVENANCE_COLUMNS = tuple(field.name for field in PROVENANCE_FIELDS)
FIXED_FIELDS = {field.name: field for field in (*CRYSTAL_FIELDS, *PROVENANCE_FIELDS)}


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_text(kind.value_type)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_list_of(kind: pa.DataType, inner: Callable[[pa.DataType], bool]) -> bool:
    lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(is_list(kind) for is_list in lists) and inner(kind.value_type)


def _is_nine_reals(kind: pa.DataType) -> bool:
    if pa.types.is_fixed_size_list(kind) and kind.list_size != 9:
        return False
    return _is_list_of(kind, pa.types.is_floating)


_ACCEPTED: dict[str, tuple[str, Callable[[pa.DataType], bool]]] = {
    "n_sites": ("a whole number", pa.types.is_integer),
    "lattice": ("a list of nine floats", _is_nine_reals),
    "atomic_numbers": (
        "a list of whole numbers",
        lambda kind: _is_list_of(kind, pa.types.is_integer),
    ),
    "frac_coords": (
        "a list of floats",
        lambda kind: _is_list_of(kind, pa.types.is_floating),
    ),
}
_WIDEST = {
    "n_sites": pa.int64(),
    "lattice": pa.list_(pa.float64()),
    "atomic_numbers": pa.list_(pa.int64()),
    "frac_coords": pa.list_(pa.float64()),
}
_TEXT: tuple[str, Callable[[pa.DataType], bool]] = ("text", _is_text)


def table_stamp() -> dict[str, str]:
    """Metadata of a new file: format and writer."""
    return {_STAMP: json.dumps(TABLE.stamp())}


def check_stamp(schema: pa.Schema, name: str) -> None:
    """Raise :class:`InputError` for a file of a newer format; tables of others have none."""
    told = (schema.metadata or {}).get(_STAMP.encode())
    if told is None:
        return
    try:
        stamp = dict(json.loads(told))
    except (ValueError, TypeError, RecursionError):
        stamp = {FORMAT: told.decode(errors="replace")}
    TABLE.check(stamp.get(FORMAT), name, writer=stamp.get(WRITER))


def check_schema(schema: pa.Schema, name: str) -> None:
    """Raise :class:`InputError` naming ``name`` and the column that is missing or wrong."""
    for column in CRYSTAL_COLUMNS:
        if column not in schema.names:
            others = [other for other in schema.names if other not in CRYSTAL_COLUMNS]
            near = did_you_mean(column, others).replace("Did you mean", "Is it")
            raise InputError(
                f"{name}: column '{column}' is missing; a crystal table needs "
                f"{', '.join(CRYSTAL_COLUMNS)}.{near}"
            )
    for column, n_times in Counter(schema.names).items():
        if n_times > 1:
            raise InputError(f"{name}: column '{column}' appears twice; keep one")
    for column in FIXED_FIELDS:
        expected, accepts = _ACCEPTED.get(column, _TEXT)
        if column in schema.names and not accepts(schema.field(column).type):
            raise InputError(
                f"{name}: column '{column}' is {schema.field(column).type}, expected "
                f"{expected}, stored as {FIXED_FIELDS[column].type}"
            )


def table_schema(schemas: Sequence[pa.Schema], names: Sequence[str]) -> pa.Schema:
    """Merge the schemas of several files: fixed columns first, then every property.

    A property that a file lacks is null there. Raises :class:`InputError` where two files
    disagree about a property's type.
    """
    fields = {column: _common_field(column, schemas) for column in FIXED_FIELDS}
    origin: dict[str, str] = {}
    for schema, name in zip(schemas, names, strict=True):
        for field in schema:
            seen = fields.setdefault(field.name, field)
            first = origin.setdefault(field.name, name)
            if seen.type != field.type and field.name not in FIXED_FIELDS:
                raise InputError(
                    f"{name}: column '{field.name}' is {field.type}, but {seen.type} in "
                    f"{first}; store both alike"
                )
    return pa.schema(list(fields.values()))


def _common_field(column: str, schemas: Sequence[pa.Schema]) -> pa.Field:
    """A fixed column's type over several files: the widest, unless all are alike."""
    kinds = {schema.field(column).type for schema in schemas if column in schema.names}
    if column not in _WIDEST or not kinds:
        return FIXED_FIELDS[column]
    return pa.field(column, kinds.pop() if len(kinds) == 1 else _WIDEST[column])


def canonical_schema(schema: pa.Schema) -> pa.Schema:
    """Return ``schema`` as Galena writes it; property columns stay as they are."""
    properties = [field for field in schema if field.name not in FIXED_FIELDS]
    return pa.schema([*FIXED_FIELDS.values(), *properties])


def cast_batch(batch: pa.RecordBatch, schema: pa.Schema, name: str) -> pa.RecordBatch:
    """Return ``batch`` with exactly the columns and types of ``schema``.

    What a fixed column cannot hold becomes null, such as an atomic number of 300; a lattice
    that is null or has not nine numbers becomes nine NaN, because most readers of Parquet
    cannot take back a null there. Raises :class:`InputError` naming ``name`` and a column
    that is missing or of another type.
    """
    columns = []
    for field in schema:
        if field.name not in batch.schema.names:
            raise InputError(
                f"{name}: a batch lacks column '{field.name}'; every batch needs the "
                f"columns of the first: {listed(schema.names)}"
            )
        column = batch.column(field.name)
        try:
            columns.append(_cast(column, field.type))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise InputError(
                f"{name}: column '{field.name}' is {column.type} and cannot be stored as "
                f"{field.type}: {error}"
            ) from error
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _cast(column: pa.Array, kind: pa.DataType) -> pa.Array:
    if kind == FIXED_FIELDS["lattice"].type:
        return _nine_each(column, kind)
    if column.type == kind:
        return column
    if kind == FIXED_FIELDS["atomic_numbers"].type:
        rows = column.cast(pa.list_(column.type.value_type))
        blank = pa.scalar(None, rows.type)
        return pc.if_else(pa.array(_all_bytes(rows)), rows, blank).cast(kind)
    if kind == FIXED_FIELDS["n_sites"].type:
        fits = pc.and_(pc.greater_equal(column, 0), pc.less_equal(column, 2**15 - 1))
        return pc.if_else(fits, column, pa.scalar(None, column.type)).cast(kind)
    return column.cast(kind)


def _nine_each(column: pa.Array, kind: pa.DataType) -> pa.Array:
    """Lists as fixed lists of nine numbers, NaN where there are not nine."""
    if column.type == kind and not column.null_count:
        return column
    rows = column.cast(pa.list_(pa.float32()))
    offsets = rows.offsets.to_numpy()
    whole = rows.is_valid().to_numpy(zero_copy_only=False) & (np.diff(offsets) == 9)
    values = rows.values.to_numpy(zero_copy_only=False)
    table = np.full((len(rows), 9), np.nan, dtype=np.float32)
    table[whole] = values[offsets[:-1][whole, None] + np.arange(9)]
    return pa.FixedSizeListArray.from_arrays(pa.array(table.ravel()), type=kind)


def _all_bytes(rows: pa.ListArray) -> NDArray[np.bool_]:
    """Whether every number of each list lies in 0 to 255, ``(n_rows,)``."""
    values = rows.values.to_numpy(zero_copy_only=False)
    outside = np.concatenate([[0], np.cumsum((values < 0) | (values > 255))])
    offsets = rows.offsets.to_numpy()
    return np.asarray(outside[offsets[1:]] == outside[offsets[:-1]])
