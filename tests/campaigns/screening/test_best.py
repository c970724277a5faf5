from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.screening.best import best_of_parts, best_places, best_rows
from campaigns.screening.spec import Order
from materials.errors import InputError

VALUES = st.lists(
    st.sampled_from([0.0, -0.0, 0.5, 1.0, 1.5, -2.0, float("nan"), float("inf")]),
    max_size=40,
)


def slowly(values: list[float], k: int, order: Order) -> list[int]:
    known = [i for i, value in enumerate(values) if value == value]
    sign = 1 if order is Order.LOWEST else -1
    return sorted(known, key=lambda i: (sign * values[i], i))[:k]


def part(path: Path, values: list[float], first: int, bad: set[int]) -> Path:
    rows = range(first, first + len(values))
    blank = [None if row in bad else v for row, v in zip(rows, values, strict=True)]
    errors = ["broken" if row in bad else None for row in rows]
    columns = {
        "row": pa.array(list(rows), pa.int64()),
        "gap": pa.array(blank, pa.float32()),
        "error": pa.array(errors, pa.string()),
    }
    pq.write_table(pa.table(columns), path)
    return path


@given(values=VALUES, k=st.integers(1, 12), order=st.sampled_from(Order))
def test_best_places_are_those_of_a_stable_sort_without_nan(
    values: list[float], k: int, order: Order
) -> None:
    found = best_places(np.array(values, dtype=np.float64), k, order)
    assert found.tolist() == slowly(values, k, order)


@settings(deadline=None, max_examples=60)
@given(
    shards=st.lists(VALUES, min_size=1, max_size=4),
    k=st.integers(1, 12),
    order=st.sampled_from(Order),
    bad=st.sets(st.integers(0, 60), max_size=8),
)
def test_the_best_of_parts_are_the_best_of_all_then_the_errors(
    shards: list[list[float]], k: int, order: Order, bad: set[int]
) -> None:
    flat = [value for values in shards for value in values]
    known = [float("nan") if i in bad else value for i, value in enumerate(flat)]
    with tempfile.TemporaryDirectory() as folder:
        first, parts = 0, []
        for number, values in enumerate(shards):
            parts.append(part(Path(folder) / f"{number}.parquet", values, first, bad))
            first += len(values)
        found = best_of_parts(parts, by="gap", k=k, order=order)
        frame = best_rows(parts, by="gap", k=k, order=order)
    best = slowly(known, k, order)
    assert found["row"].to_pylist() == best + [i for i in range(len(flat)) if i in bad]
    assert frame["row"].tolist() == best


def test_an_unknown_column_names_the_near_one(tmp_path: Path) -> None:
    path = part(tmp_path / "a.parquet", [1.0], 0, set())
    with pytest.raises(InputError, match="'gap'"):
        best_rows(path, by="gep", k=1)
    with pytest.raises(InputError, match="no parts"):
        best_of_parts([], by="gap", k=1, order=Order.LOWEST)
