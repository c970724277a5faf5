"""Crystal tables in Parquet, as every command that takes a table opens them."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any
from zlib import crc32

import pyarrow as pa
import pyarrow.parquet as pq

from materials.flat import FlatCrystals
from materials.table import CrystalRow, CrystalTable
from tools.fuzz.binary import bytes_changed
from tools.fuzz.group import READ, reason_class

_A = 5.65
_GAAS = {
    "material_id": "a",
    "formula": "GaAs",
    "n_sites": 2,
    "lattice": [0.0, _A / 2, _A / 2, _A / 2, 0.0, _A / 2, _A / 2, _A / 2, 0.0],
    "atomic_numbers": [31, 33],
    "frac_coords": [0.0, 0.0, 0.0, 0.25, 0.25, 0.25],
    "source": "test",
    "source_id": "a-1",
    "source_version": "1",
    "method": "PBE",
    "licence": "CC0-1.0",
    "retrieved": "2026-01-02",
    "band_gap": 1.4,
}
_KINDS: dict[str, pa.DataType] = {
    "n_sites": pa.int16(),
    "lattice": pa.list_(pa.float32(), 9),
    "atomic_numbers": pa.list_(pa.uint8()),
    "frac_coords": pa.list_(pa.float32()),
    "band_gap": pa.float32(),
}
_NUMBERS: tuple[Any, ...] = (
    *(0, 1, -1, 2, 119, 200, 255, 256, 32767, 32768, 2**31, 2**53 + 1, 2**63 - 1, -(2**63)),
    *(math.nan, math.inf, -math.inf, 1e308, -1e308, 5e-324, -0.0, 1e-9, 56.5),
    None,
)
_TEXTS: tuple[Any, ...] = (
    *("", " ", "x", "GaAs", "\0", "☃", "<script>", "=1+1", "a" * 5000, "2026-13-45", "((("),
    None,
)
_OTHER_KINDS: tuple[pa.DataType, ...] = (
    *(pa.int8(), pa.int64(), pa.uint64(), pa.float16(), pa.float32(), pa.float64()),
    *(pa.string(), pa.large_string(), pa.binary(), pa.bool_(), pa.null()),
    *(pa.date32(), pa.timestamp("ns"), pa.duration("s"), pa.decimal128(38, 2)),
    pa.dictionary(pa.int32(), pa.string()),
    *(pa.list_(kind) for kind in (pa.int8(), pa.int64(), pa.uint64(), pa.float64())),
    *(
        pa.list_(pa.float16()),
        pa.list_(pa.string()),
        pa.list_(pa.bool_()),
        pa.list_(pa.null()),
    ),
    *(pa.large_list(pa.float64()), pa.large_list(pa.int64()), pa.list_(pa.float64(), 9)),
    *(
        pa.list_(pa.float32(), 3),
        pa.list_(pa.float32(), 0),
        pa.list_(pa.list_(pa.float64())),
    ),
    *(pa.struct([("x", pa.float64())]), pa.map_(pa.string(), pa.int64())),
    pa.list_(pa.struct([("x", pa.int64())])),
)


def seeds() -> list[bytes]:
    """Whole tables, each in another of the ways that Parquet has."""
    plain = _table([_GAAS, _GAAS | {"material_id": "b"}, _GAAS | {"material_id": "c"}])
    return [
        _written(plain),
        _written(plain, compression="none", use_dictionary=False),
        _written(plain, compression="gzip", data_page_version="2.0"),
        _written(plain, compression="zstd", row_group_size=1),
        _written(plain, store_schema=False, write_statistics=False),
        _written(plain.select(plain.column_names[:6]), version="1.0"),
    ]


def changed(data: bytes, pool: list[bytes], random: Random) -> bytes:
    """Bytes changed, or a readable Parquet file whose table something is wrong with."""
    if random.random() < 0.5:
        return bytes_changed(data, pool, random)
    rows = [dict(_GAAS, material_id=f"m{n}") for n in range(random.choice((0, 1, 2, 3, 9)))]
    for row in rows:
        if random.random() < 0.7:
            _spoil(row, random)
    table = _table(rows)
    for _ in range(random.choice((0, 0, 1, 1, 2))):
        table = random.choice(_CHANGES)(table, random)
    options = {
        "compression": random.choice(("none", "snappy", "zstd", "gzip", "brotli", "lz4")),
        "use_dictionary": random.random() < 0.5,
        "store_schema": random.random() < 0.7,
        "write_statistics": random.random() < 0.5,
        "row_group_size": random.choice((1, 2, 1024)),
        "data_page_version": random.choice(("1.0", "2.0")),
    }
    try:
        return _written(table, **options)
    except (pa.ArrowException, NotImplementedError):  # Parquet has no such column
        return _written(_table(rows), **options)


def feed(content: bytes, folder: Path) -> str:
    """Open it, read every row both ways, and write it out as Galena does."""
    path = folder / "table.parquet"
    path.write_bytes(content)
    table = CrystalTable.open(path)
    rows = list(table.rows())
    wrong = [place for place, row in enumerate(rows) if row.error]
    dice = Random(crc32(content))  # what takes long is not done with every input
    if dice.random() < 0.2:
        _compare(rows, _faults(table))
    if dice.random() < 0.1:
        table.write(folder / "again.parquet")
        table.to_pandas(list(table.properties))
    return READ if not wrong else reason_class(str(rows[wrong[0]].error))


def _faults(table: CrystalTable) -> dict[int, str]:
    """Rows that reading without a loop finds fault with."""
    first, faults = 0, {}
    for batch in table.batches():
        flat = FlatCrystals.from_batch(batch, first)
        faults |= {first + place: fault for place, fault in flat.faults.items()}
        first += len(flat)
    return faults


def _compare(rows: list[CrystalRow], faults: dict[int, str]) -> None:
    """Raise :class:`AssertionError` where the two ways to read a table disagree."""
    for place, row in enumerate(rows):
        if row.error is None:
            row.structure()
            if place in faults:
                raise AssertionError(f"row {place} is read one way: {faults[place]}")
        elif f"row {place}" not in row.error:
            raise AssertionError(f"a row is turned down without its place: {row.error}")
        elif place not in faults and "retrieved" not in row.error:
            raise AssertionError(f"row {place} is read the other way: {row.error}")


def _spoil(row: dict[str, Any], random: Random) -> None:
    name = random.choice(list(row))
    value = row[name]
    if isinstance(value, list):
        row[name] = _spoilt_list(list(value), random)
    elif isinstance(value, str):
        row[name] = random.choice(_TEXTS)
    else:
        row[name] = random.choice(_NUMBERS)


def _spoilt_list(values: list[Any], random: Random) -> list[Any] | None:
    match random.randrange(6):
        case 0:
            return None
        case 1:
            return values[: random.randrange(len(values))]
        case 2:
            return values * random.choice((2, 3, 1000))
        case 3:
            return [random.choice(_NUMBERS) for _ in values]
        case 4:
            return values[:1] * len(values)
    values[random.randrange(len(values))] = random.choice(_NUMBERS)
    return values


def _table(rows: list[dict[str, Any]]) -> pa.Table:
    """Rows in the types that Galena writes, or wider where a value needs it."""
    columns = {}
    for name in _GAAS:
        values = [row.get(name) for row in rows]
        columns[name] = _column(values, _KINDS.get(name, pa.string()))
    return pa.table(columns)


def _column(values: list[Any], kind: pa.DataType) -> pa.Array:
    whole = pa.types.is_integer(getattr(kind, "value_type", kind))
    wide = pa.int64() if whole else pa.float64()
    wider = pa.list_(wide) if pa.types.is_nested(kind) else wide
    for attempt in (kind, wider):
        try:
            return pa.array(values, attempt)
        except (pa.ArrowException, OverflowError, ValueError, TypeError):
            continue
    nested = pa.types.is_nested(kind)
    return pa.array(
        [_as_float(v) if not nested else _floats(v) for v in values],
        pa.list_(pa.float64()) if nested else pa.float64(),
    )


def _as_float(value: Any) -> float | None:
    return None if value is None else float(value)


def _floats(values: Any) -> list[float | None] | None:
    return None if values is None else [_as_float(value) for value in values]


def _retyped(table: pa.Table, random: Random) -> pa.Table:
    """A column of another type, with its values where they fit, else blank."""
    place = random.randrange(table.num_columns)
    kind = random.choice(_OTHER_KINDS)
    name, column = table.column_names[place], table.column(place)
    try:
        column = column.cast(kind, safe=False)
    except (pa.ArrowException, NotImplementedError):
        column = _blank(table.num_rows, kind, random)
    return table.set_column(place, name, column)


def _blank(n: int, kind: pa.DataType, random: Random) -> pa.Array:
    values = [[], {}, 1, 1.5, "x", b"\xff\xfe", True, [1], ["x"], {"x": 1}, [[1.0]], [{}]]
    try:
        return pa.array([random.choice(values)] * n, kind)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return pa.nulls(n, kind)


def _dropped(table: pa.Table, random: Random) -> pa.Table:
    return table.remove_column(random.randrange(table.num_columns))


def _doubled(table: pa.Table, random: Random) -> pa.Table:
    place = random.randrange(table.num_columns)
    return table.append_column(table.field(place), table.column(place))


def _renamed(table: pa.Table, random: Random) -> pa.Table:
    names = list(table.column_names)
    new = ("", "a.b", "structure", "\0", "Lattice", "☃" * 99, names[0])
    names[random.randrange(len(names))] = random.choice(new)
    return table.rename_columns(names)


def _noted(table: pa.Table, random: Random) -> pa.Table:
    notes = (b"{", b"\xff", b'{"index_columns": [3]}', b"x" * 4096, b"null", b"[]")
    key = random.choice((b"pandas", b"ARROW:schema", b"ARROW:extension:name", b"galena"))
    return table.replace_schema_metadata({key: random.choice(notes)})


def _extended(table: pa.Table, random: Random) -> pa.Table:
    """A column that says it is of a type which somebody else defined."""
    place = random.randrange(table.num_columns)
    name = random.choice((b"arrow.uuid", b"arrow.json", b"geoarrow.point", b"\xff"))
    notes = {b"ARROW:extension:name": name, b"ARROW:extension:metadata": b"{"}
    field = table.field(place).with_metadata(notes)
    return table.set_column(place, field, table.column(place))


def _much(table: pa.Table, random: Random) -> pa.Table:
    """Another property, of some odd type."""
    kind = random.choice(_OTHER_KINDS)
    name = random.choice(("x", "formula ", "tags", "lattice.x", ""))
    return table.append_column(name, _blank(table.num_rows, kind, random))


_CHANGES: tuple[Callable[[pa.Table, Random], pa.Table], ...] = (
    *(_retyped, _retyped, _retyped, _dropped, _doubled),
    *(_renamed, _noted, _extended, _much),
)


def _written(table: pa.Table, **options: Any) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out, **options)
    return out.getvalue()
