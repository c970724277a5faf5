"""Small crystal tables for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pymatgen.core import Lattice, Structure

from materials.table import CrystalTable

SILICON = Structure(Lattice.cubic(5.43), ["Si"] * 2, [[0, 0, 0], [0.25, 0.25, 0.25]])


def chain(n: int, *, element: str = "Si") -> list[Structure]:
    """``n`` crystals that differ in their cell, one to three atoms each."""
    return [
        Structure(
            Lattice.cubic(4 + index / 100),
            [element] * (index % 3 + 1),
            [[0, 0, site / 4] for site in range(index % 3 + 1)],
        )
        for index in range(n)
    ]


def numbered(n: int, **options: Any) -> CrystalTable:
    return CrystalTable.from_structures(
        chain(n), ids=[f"c{index}" for index in range(n)], **options
    )


def columns_of(table: CrystalTable, **changes: Any) -> pa.Table:
    """The table's columns as Arrow, with some replaced or (None) left out."""
    arrow = pa.Table.from_batches(list(table.batches()))
    for name, column in changes.items():
        index = arrow.schema.get_field_index(name)
        arrow = arrow.remove_column(index) if index >= 0 else arrow
        if column is not None:
            arrow = arrow.append_column(name, column)
    return arrow


def stored(path: Path, table: pa.Table, **options: Any) -> Path:
    pq.write_table(table, path, **options)
    return path
