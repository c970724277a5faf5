from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from materials.errors import InputError
from materials.shards import read_shards, table_shards
from materials.table import CrystalTable
from tests.tables import columns_of, numbered

COLUMNS = ["material_id", "n_sites", "lattice", "atomic_numbers"]
ROWS = columns_of(numbered(60))


def write(folder: Path, sizes: Sequence[int], group: int) -> CrystalTable:
    """Consecutive rows in files of those sizes."""
    first = 0
    for place, size in enumerate(sizes):
        some = ROWS.slice(first, size)
        pq.write_table(some, folder / f"{place:02d}.parquet", row_group_size=group)
        first += size
    return CrystalTable.open(folder)


@settings(deadline=None, max_examples=60)
@given(
    sizes=st.lists(st.integers(0, 20), min_size=1, max_size=3),
    group=st.integers(1, 9),
    rows=st.integers(1, 25),
    data=st.data(),
)
def test_shards_are_the_rows_of_the_table_whatever_its_layout(
    sizes: list[int], group: int, rows: int, data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        table = write(Path(folder), sizes, group)
        shards = table_shards(table, rows)
        assert [row for s in shards for row in range(s.first, s.last)] == list(
            range(sum(sizes))
        )
        assert [s.number for s in shards] == list(range(len(shards)))
        assert all(0 < len(s) <= rows for s in shards)
        skip = data.draw(st.sets(st.sampled_from([s.number for s in shards] or [0])))
        read = list(read_shards(table, COLUMNS, shards, skip))
    assert [s for s, _ in read] == [s for s in shards if s.number not in skip]
    for shard, batch in read:
        expected = ROWS.select(COLUMNS).slice(shard.first, len(shard))
        assert pa.Table.from_batches([batch]).to_pydict() == expected.to_pydict()


@settings(deadline=None, max_examples=20)
@given(n=st.integers(0, 30), rows=st.integers(1, 40), piece=st.integers(1, 9))
def test_shards_of_a_table_in_memory(n: int, rows: int, piece: int) -> None:
    pieces = [ROWS.slice(i, min(piece, n - i)) for i in range(0, n, piece)]
    whole = pa.concat_tables(pieces) if pieces else ROWS.slice(0, 0)
    table = CrystalTable(whole.schema, table=whole)
    read = list(read_shards(table, COLUMNS, table_shards(table, rows)))
    names = [name for _, batch in read for name in batch["material_id"].to_pylist()]
    assert names == [f"c{i}" for i in range(n)]


def test_row_groups_of_skipped_shards_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = write(tmp_path, [40], 10)
    asked: list[int] = []
    real = pq.ParquetFile.iter_batches

    def spy(self: pq.ParquetFile, *, row_groups: list[int], **options: object) -> object:
        asked.extend(row_groups)
        return real(self, row_groups=row_groups, **options)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", spy)
    list(read_shards(table, COLUMNS, table_shards(table, 10), {0, 2}))
    assert asked == [1, 3]


@pytest.mark.parametrize("left", [0, 3, 12])
def test_a_file_that_lost_rows_is_named_and_no_other_rows_are_taken_for_them(
    tmp_path: Path, left: int
) -> None:
    table = write(tmp_path, [20, 20], 5)
    shards = table_shards(table, 5)
    pq.write_table(ROWS.slice(0, left), tmp_path / "00.parquet")
    read = []
    with pytest.raises(InputError, match=r"00\.parquet: ends before row"):
        read.extend(batch for _, batch in read_shards(table, COLUMNS, shards))
    second = [b for _, b in read_shards(table, COLUMNS, shards, {0, 1, 2, 3})]
    names = [name for batch in second for name in batch["material_id"].to_pylist()]
    assert names == [f"c{i}" for i in range(20, 40)]


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    table = write(tmp_path, [20], 5)
    shards = table_shards(table, 5)
    path = tmp_path / "00.parquet"
    content = bytearray(path.read_bytes())
    content[4:200] = bytes(196)
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"00\.parquet is damaged"):
        list(read_shards(table, COLUMNS, shards))
    path.unlink()
    with pytest.raises(InputError, match=r"00\.parquet is damaged"):
        list(read_shards(table, COLUMNS, shards))
