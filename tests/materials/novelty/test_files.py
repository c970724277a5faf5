"""Indexes on disk: the same again, and made anew for other tables."""

from __future__ import annotations

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure
from safetensors.numpy import save_file

from materials.errors import InputError
from materials.novelty.files import load_index, open_index, save_index, tables_hash
from materials.novelty.index import NoveltyIndex
from materials.table import CrystalTable
from tests.materials.novelty.crystals import (
    BINARY,
    FLUORITE,
    HALITE,
    decorated,
    flat,
    noisy,
)


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "known.parquet"
    some = [HALITE, noisy(HALITE), FLUORITE]
    CrystalTable.from_structures(some, ids=["halite", "noisé", "fluorite"]).write(path)
    return CrystalTable.open(path)


def test_an_index_comes_back_as_it_was(tmp_path):
    everything = decorated(BINARY)
    index = NoveltyIndex.from_flat(
        everything, [f"k{row}" for row in range(len(everything))]
    )
    index.faults.append("row 9: broken")
    save_index(index, tmp_path / "i.safetensors", made_from="x")
    again = load_index(tmp_path / "i.safetensors", made_from="x")
    assert again is not None
    assert (again.faults, len(again)) == (["row 9: broken"], len(index))
    assert again.store.ids == index.store.ids
    assert again.find_flat(everything) == index.find_flat(everything)
    for ours, theirs in zip(again.store.arrays(), index.store.arrays(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
        assert ours.dtype == theirs.dtype


def test_an_index_is_made_once_and_anew_when_its_tables_change(table, tmp_path):
    path = tmp_path / "known.safetensors"
    told: list[int] = []
    first = open_index([table], path, tell=told.append)
    written = path.stat().st_mtime_ns
    again = open_index([table], path, tell=told.append)
    assert path.stat().st_mtime_ns == written
    assert len(first) == len(again) == 3
    assert sum(told) == 6
    assert again.find([noisy(HALITE)])[0].equals in ("noisé", "halite")
    CrystalTable.from_structures([FLUORITE], ids=["other"]).write(table.files[0])
    changed = open_index([CrystalTable.open(table.files[0])], path)
    assert changed.store.ids == ["other"]
    assert path.stat().st_mtime_ns != written


def test_tables_are_known_by_content_and_order(table, tmp_path):
    other = tmp_path / "b.parquet"
    CrystalTable.from_structures([FLUORITE], ids=["f"]).write(other)
    two = CrystalTable.open(other)
    hashes = {tables_hash(t) for t in ([table], [two], [table, two], [two, table])}
    assert len(hashes) == 4


def test_other_files_are_refused_or_passed_over(tmp_path):
    path = tmp_path / "x.safetensors"
    assert load_index(path, made_from="x") is None
    path.write_bytes(b"nonsense")
    with pytest.raises(InputError, match="cannot be read"):
        load_index(path, made_from="x")
    save_file({"weights": np.zeros(3)}, path)
    with pytest.raises(InputError, match="no index of known crystals"):
        load_index(path, made_from="x")


def test_a_place_that_cannot_be_written_says_so(tmp_path):
    index = NoveltyIndex.from_flat(flat(HALITE), ["a"])
    with pytest.raises(InputError, match="cannot write"):
        save_index(index, tmp_path / "missing" / "i.safetensors", made_from="x")
    assert not list(tmp_path.iterdir())


def test_an_index_without_crystals_is_kept_too(tmp_path):
    broken = Structure(Lattice.cubic(3), [{"Zn": 0.5}], [[0, 0, 0]])
    index = NoveltyIndex.from_flat(flat(broken), ["a"])
    save_index(index, tmp_path / "i.safetensors", made_from="x")
    again = load_index(tmp_path / "i.safetensors", made_from="x")
    assert again is not None
    assert (len(again), again.faults) == (0, index.faults)
    assert again.find([HALITE])[0].equals is None
