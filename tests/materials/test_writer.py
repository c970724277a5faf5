"""A table is written whole or not at all, and never held in memory."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from materials.errors import InputError
from materials.table import CrystalTable, CrystalTableWriter
from tests.tables import numbered


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def write_all(path: Path, *batches: pa.RecordBatch, **options) -> None:
    with CrystalTableWriter(path, **options) as writer:
        for batch in batches:
            writer.write(batch)


def interrupted(path: Path) -> None:
    with CrystalTableWriter(path) as writer:
        writer.write(next(numbered(5).batches()))
        assert len(left_in(path.parent)) == 2
        raise RuntimeError("stop")


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "t.parquet"
    numbered(1).write(path)
    before = path.read_bytes()
    with pytest.raises(RuntimeError, match="stop"):
        interrupted(path)
    assert path.read_bytes() == before
    assert left_in(tmp_path) == ["t.parquet"]


def test_the_file_appears_only_at_the_end(tmp_path):
    path = tmp_path / "t.parquet"
    with CrystalTableWriter(path, rows_per_group=2) as writer:
        for batch in numbered(9).batches(size=1):
            writer.write(batch)
            assert not path.exists()
            with pytest.raises(InputError, match="without"):
                CrystalTable.open(
                    tmp_path
                )  # the half-written file is not taken for a table
    assert writer.n_rows == len(CrystalTable.open(path)) == 9
    assert left_in(tmp_path) == ["t.parquet"]
    assert pq.read_metadata(path).num_row_groups == 5


def test_a_table_may_replace_its_own_file(tmp_path):
    path = tmp_path / "t.parquet"
    numbered(9).write(path)
    CrystalTable.open(path).write(path)
    assert len(CrystalTable.open(path)) == 9


def test_batches_that_do_not_fit_the_first_are_named(tmp_path):
    path = tmp_path / "t.parquet"
    first = next(numbered(1, properties={"gap": [1.0]}).batches())
    text = next(numbered(1, properties={"gap": ["wide"]}).batches())
    with pytest.raises(InputError, match="a batch lacks column 'gap'"):
        write_all(path, first, next(numbered(1).batches()))
    with pytest.raises(InputError, match="'gap' is string and cannot be stored as float"):
        write_all(path, first, text)
    assert left_in(tmp_path) == []


def test_writing_nothing_is_an_error_unless_the_columns_are_known(tmp_path):
    with pytest.raises(InputError, match="nothing was written"):
        write_all(tmp_path / "t.parquet")
    assert left_in(tmp_path) == []
    write_all(tmp_path / "t.parquet", schema=numbered(1).schema)
    assert len(CrystalTable.open(tmp_path / "t.parquet")) == 0


def test_places_that_cannot_hold_a_file_are_named(tmp_path):
    with pytest.raises(InputError, match="does not exist; create it"):
        numbered(1).write(tmp_path / "gone" / "t.parquet")
    with pytest.raises(InputError, match="is a folder; name a file"):
        numbered(1).write(tmp_path)


def test_a_full_disk_is_named_and_leaves_nothing(tmp_path):
    """A limit on the size of files stands in for the disk: the system refuses for real."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    table = numbered(500)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, old[1]))
    try:
        with pytest.raises(
            InputError, match=r"cannot write .*t\.parquet: .*free some space"
        ):
            table.write(tmp_path / "t.parquet")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
    assert left_in(tmp_path) == []


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES])
@pytest.mark.parametrize("moment", ["write_table", "close"])
def test_a_disk_that_refuses_is_named(tmp_path, monkeypatch, code, moment):
    real, calls = getattr(pq.ParquetWriter, moment), []

    def refuse_once(*arguments, **options):
        calls.append(moment)
        if len(calls) == 1:
            raise OSError(code, os.strerror(code))
        return real(*arguments, **options)

    monkeypatch.setattr(pq.ParquetWriter, moment, refuse_once)
    with pytest.raises(InputError, match=os.strerror(code)):
        numbered(3).write(tmp_path / "t.parquet")
    assert left_in(tmp_path) == []


def test_a_table_is_copied_without_being_held(tmp_path):
    """Writing 120,000 rows in batches takes less memory than the rows themselves."""
    script = """
import sys
from pathlib import Path
import pyarrow as pa
from pymatgen.core import Lattice, Structure
from materials.table import CrystalTable, CrystalTableWriter
many = [Structure(Lattice.cubic(9), ["Si"] * 64, [[i / 64, 0, 0] for i in range(64)])] * 8
batch = next(CrystalTable.from_structures(many).batches())
big = pa.Table.from_batches([batch] * 256).combine_chunks().to_batches()[0]
folder = Path(sys.argv[1])
with CrystalTableWriter(folder / "a.parquet", rows_per_group=2048) as writer:
    for _ in range(60):
        writer.write(big)
size = 60 * big.nbytes
del big
before = pa.total_allocated_bytes()
most = 0
table = CrystalTable.open(folder / "a.parquet")
with CrystalTableWriter(folder / "b.parquet", rows_per_group=2048) as writer:
    for batch in table.batches(size=2048):
        writer.write(batch)
        most = max(most, pa.total_allocated_bytes() - before)
assert len(CrystalTable.open(folder / "b.parquet")) == len(table) == 122_880
print(size, most)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    size, most = map(int, done.stdout.split())
    assert most < size / 8
