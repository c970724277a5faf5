from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from materials.errors import InputError
from models.evaluation.held import read_rows
from tests.tables import columns_of, numbered, stored


def table(path, n: int = 6, **columns):
    gaps = np.arange(n, dtype=float)
    return stored(path, columns_of(numbered(n, properties={"band_gap": gaps}), **columns))


def test_labels_stay_beside_their_crystals(tmp_path):
    path = table(tmp_path / "t.parquet", release=pa.array(["2018", "2019"] * 3))
    rows = read_rows(path)
    assert rows.labels["band_gap"].tolist() == [0, 1, 2, 3, 4, 5]
    assert rows.labels["is_metal"].tolist() == [1, 0, 0, 0, 0, 0]
    assert np.isnan(rows.labels["band_gap_hse"]).all()
    assert [len(z) for z, _, _ in rows.crystals] == [1, 2, 3, 1, 2, 3]
    assert rows.counts.sum(axis=1).tolist() == [1, 2, 3, 1, 2, 3]
    assert rows.release.tolist() == ["2018", "2019"] * 3
    assert rows.labelled(fewest=6) == ("band_gap", "is_metal")


def test_broken_crystals_take_their_labels_with_them(tmp_path):
    coordinates = [[0.0] * 3 * (i % 3 + 1) for i in range(6)]
    coordinates[1] = [np.nan] * 6
    for i in (2, 4, 5):
        coordinates[i] = [x / 4 for x in range(3 * (i % 3 + 1))]
    broken = pa.array(coordinates, pa.list_(pa.float32()))
    rows = read_rows(table(tmp_path / "t.parquet", frac_coords=broken))
    assert 1.0 not in rows.labels["band_gap"]
    assert len(rows) == len(rows.labels["band_gap"]) == len(rows.counts) < 6


def test_a_limit_draws_the_same_rows_every_time(tmp_path):
    path = table(tmp_path / "t.parquet", 40)
    drawn = read_rows(path, limit=10)
    assert len(drawn) == 10
    assert (
        drawn.labels["band_gap"].tolist()
        == read_rows(path, limit=10).labels["band_gap"].tolist()
    )
    assert drawn.labels["band_gap"].max() >= 10
    assert len(read_rows(path, limit=99)) == 40


def test_a_table_without_releases_has_none(tmp_path):
    assert set(read_rows(table(tmp_path / "t.parquet")).release) == {""}


def test_a_table_of_nothing_usable_is_refused(tmp_path):
    broken = pa.array(
        [[np.nan] * 3 * (i % 3 + 1) for i in range(6)], pa.list_(pa.float32())
    )
    with pytest.raises(InputError, match="no usable crystal"):
        read_rows(table(tmp_path / "t.parquet", frac_coords=broken))
