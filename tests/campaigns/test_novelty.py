"""From tables and files to rows."""

from __future__ import annotations

import pyarrow as pa
import pytest

from campaigns.novelty import ROW, known_index, novelty, open_source
from materials.errors import InputError
from materials.novelty.comparison import Comparison
from materials.table import CrystalTable
from tests.materials.novelty.crystals import FLUORITE, HALITE, WURTZITE, ZINC_BLENDE
from tests.tables import columns_of, numbered, stored

BIGGER = WURTZITE.make_supercell([2, 1, 1], in_place=False)


@pytest.fixture
def known(tmp_path):
    path = tmp_path / "known.parquet"
    CrystalTable.from_structures([HALITE, FLUORITE], ids=["salt", "fluorite"]).write(path)
    return path


def rows(paths, known=(), **options):
    index = known_index([open_source(path) for path in known], Comparison(), **options)
    batches = list(novelty([open_source(path) for path in paths], index))
    assert all(batch.schema == ROW for batch in batches)
    return [row for batch in batches for row in batch.to_pylist()]


def test_tables_and_files_are_one_stream(tmp_path, known):
    table = tmp_path / "candidates.parquet"
    CrystalTable.from_structures([HALITE, WURTZITE], ids=["a", "b"]).write(table)
    folder = tmp_path / "files"
    folder.mkdir()
    BIGGER.to(str(folder / "bigger.cif"))
    (folder / "broken.cif").write_text("data_nothing")
    found = rows([table, folder], [known])
    assert [row["status"] for row in found] == ["known", "new", "duplicate", "failed"]
    assert [row["equals"] for row in found] == ["salt", None, "b", None]
    assert found[0]["formula"] == "ZnS"
    assert found[1]["nearest"] == "salt"
    assert found[1]["distance"] > 0.1
    assert found[3]["material_id"].endswith("broken.cif")
    assert found[3]["reason"]


def test_known_crystals_may_be_files_but_are_then_not_kept(tmp_path, known):
    HALITE.to(str(tmp_path / "POSCAR"), fmt="poscar")
    (row,) = rows([tmp_path / "POSCAR"], [tmp_path / "POSCAR", known])
    assert row["status"] == "known"
    with pytest.raises(InputError, match="only what is known from Parquet tables"):
        rows([known], [tmp_path / "POSCAR"], kept=tmp_path / "i.safetensors")


def test_an_index_is_kept_and_used_again(tmp_path, known):
    kept = tmp_path / "i.safetensors"
    first = rows([known], [known], kept=kept)
    before = kept.read_bytes()
    assert rows([known], [known], kept=kept) == first
    assert kept.read_bytes() == before
    assert [row["equals"] for row in first] == ["salt", "fluorite"]


def test_without_anything_known_repetitions_are_found(tmp_path):
    path = tmp_path / "c.parquet"
    some = [ZINC_BLENDE, WURTZITE, BIGGER, ZINC_BLENDE]
    CrystalTable.from_structures(some, ids=list("abcd")).write(path)
    assert [row["equals"] for row in rows([path])] == [None, None, "b", "a"]


def test_unreadable_known_files_are_named_in_the_index(tmp_path):
    (tmp_path / "broken.cif").write_text("data_nothing")
    index = known_index([open_source(tmp_path)], Comparison())
    assert "broken.cif: " in index.faults[0]


def test_a_missing_path_names_its_neighbour(tmp_path, known):
    with pytest.raises(InputError, match=r"Did you mean 'known\.parquet'"):
        open_source(tmp_path / "knwon.parquet")


def test_bad_rows_are_numbered_over_the_whole_table(tmp_path, monkeypatch):
    monkeypatch.setattr("campaigns.novelty._BATCH", 2)
    table = columns_of(numbered(5), n_sites=pa.array([1, 2, 3, 9, 2], pa.int16()))
    (bad,) = [
        row
        for row in rows([stored(tmp_path / "c.parquet", table)])
        if row["status"] == "failed"
    ]
    assert bad["reason"].startswith("row 3 (c3): n_sites is 9")
