"""Tables keep crystals, read in pieces what they hold in whole, and name what is broken."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

import materials
from materials.errors import InputError
from materials.provenance import Provenance, file_sha256
from materials.schema import CRYSTAL_COLUMNS, FIXED_FIELDS, PROVENANCE_COLUMNS
from materials.table import CrystalTable
from tests.broken_files import CIF, POSCAR, XYZ
from tests.strategies import atoms, structures
from tests.tables import SILICON, chain, columns_of, numbered, stored

SHARED = Path(__file__).parents[3] / "shared" / "data"
SLOW_FOLDER = settings(
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


# Round trips


@SLOW_FOLDER
@given(crystals=st.lists(structures(), min_size=1, max_size=4))
def test_structures_come_back(tmp_path, crystals):
    CrystalTable.from_structures(crystals).write(tmp_path / "t.parquet")
    back = list(CrystalTable.open(tmp_path / "t.parquet").structures())
    assert len(back) == len(crystals)
    for was, now in zip(crystals, back, strict=True):
        assert now.species == was.species
        np.testing.assert_allclose(now.lattice.matrix, was.lattice.matrix, atol=2e-6)
        difference = now.frac_coords - was.frac_coords
        np.testing.assert_allclose(difference - np.round(difference), 0, atol=2e-7)


@SLOW_FOLDER
@given(crystals=st.lists(atoms(), min_size=1, max_size=4), shift=st.integers(-2, 2))
def test_atoms_come_back_wrapped(tmp_path, crystals, shift):
    moved = [crystal.copy() for crystal in crystals]
    for crystal in moved:
        crystal.positions += shift * crystal.cell[0]
    CrystalTable.from_structures(moved).write(tmp_path / "t.parquet")
    for was, row in zip(
        crystals, CrystalTable.open(tmp_path / "t.parquet").rows(), strict=True
    ):
        now = row.atoms()
        assert now.pbc.all()
        assert (now.numbers == was.numbers).all()
        assert ((row.frac_coords >= 0) & (row.frac_coords < 1)).all()
        np.testing.assert_allclose(now.cell, was.cell, atol=2e-6)
        gap = row.frac_coords - was.get_scaled_positions()
        np.testing.assert_allclose(gap - np.round(gap), 0, atol=1e-6)


@SLOW_FOLDER
@given(
    name=st.text(min_size=1, max_size=20),
    value=st.floats(width=32, allow_nan=False),
    text=st.text(max_size=10) | st.none(),
    method=st.text(max_size=10),
)
def test_names_properties_and_provenance_come_back(tmp_path, name, value, text, method):
    origin = Provenance(
        source="a paper",
        source_id="S1",
        version="2",
        method=method,
        licence="CC-BY-4.0",
        retrieved="2025-03-01",
    )
    made = CrystalTable.from_structures(
        [SILICON],
        ids=[name],
        properties={"gap": [value], "note": [text]},
        provenance=origin,
    )
    made.write(tmp_path / "t.parquet")
    table = CrystalTable.open(tmp_path / "t.parquet")
    (row,) = table.rows()
    assert row.material_id == name
    assert row.provenance == origin
    frame = table.to_pandas(["gap", "note", "formula"])
    assert frame["gap"][0] == np.float32(value)
    assert frame["note"].astype(object).where(frame["note"].notna(), None)[0] == text
    assert frame["formula"][0] == "Si"
    assert table.properties == ("gap", "note")


def test_coordinates_stay_below_one_in_single_precision():
    edge = Structure(Lattice.cubic(4), ["Si"], [[1 - 1e-12, -1e-20, 0.5]])
    (row,) = CrystalTable.from_structures([edge]).rows()
    assert (row.frac_coords < 1).all()


def test_what_is_written_has_exactly_the_schema(tmp_path):
    numbered(3, properties={"gap": [1.0, None, 2.0]}).write(tmp_path / "t.parquet")
    schema = pq.read_schema(tmp_path / "t.parquet")
    assert schema == pa.schema([*FIXED_FIELDS.values(), pa.field("gap", pa.float32())])
    assert [str(schema.field(name).type) for name in CRYSTAL_COLUMNS[2:]] == [
        "int16",
        "fixed_size_list<element: float>[9]",
        "list<element: uint8>",
        "list<element: float>",
    ]


# Batches


@pytest.fixture(scope="module")
def in_memory() -> CrystalTable:
    return numbered(100, properties={"gap": [i / 7 for i in range(100)]})


@pytest.fixture(scope="module")
def grouped(tmp_path_factory, in_memory) -> Path:
    """The same 100 crystals in row groups of 30."""
    path = tmp_path_factory.mktemp("grouped") / "t.parquet"
    return stored(path, columns_of(in_memory), row_group_size=30)


@settings(deadline=None, max_examples=30)
@given(
    size=st.integers(1, 120),
    columns=st.lists(
        st.sampled_from([*CRYSTAL_COLUMNS, *PROVENANCE_COLUMNS, "gap"]),
        min_size=1,
        unique=True,
    ),
)
def test_batches_together_are_the_whole(grouped, in_memory, size, columns):
    whole = columns_of(in_memory).select(columns)
    for table in (CrystalTable.open(grouped), in_memory):
        batches = list(table.batches(columns, size=size))
        assert all(0 < batch.num_rows <= size for batch in batches)
        assert pa.Table.from_batches(batches).equals(whole)
        assert batches[0].schema.names == columns


@settings(deadline=None, max_examples=15)
@given(size=st.integers(1, 120))
def test_rows_do_not_depend_on_the_batch(grouped, size):
    rows = list(CrystalTable.open(grouped).rows(size=size))
    assert [row.material_id for row in rows] == [f"c{i}" for i in range(100)]
    for row, crystal in zip(rows, chain(100), strict=True):
        assert len(row.atomic_numbers) == len(crystal)
        np.testing.assert_allclose(row.lattice, crystal.lattice.matrix, atol=1e-6)


@given(size=st.integers(1, 30), data=st.data())
def test_some_rows_are_those_of_all(grouped, size, data):
    table = CrystalTable.open(grouped)
    rows = list(table.rows())
    wanted = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=5))
    found = table.take(wanted, size=size)
    assert set(found) == set(wanted)
    for number, row in found.items():
        assert row.material_id == rows[number].material_id
        np.testing.assert_array_equal(row.frac_coords, rows[number].frac_coords)


@pytest.mark.parametrize("number", [-1, 10_000])
def test_a_row_that_is_not_there_is_an_error(grouped, number):
    with pytest.raises(InputError, match=f"no row {number}"):
        CrystalTable.open(grouped).take([0, number])


def test_only_the_row_groups_that_are_needed_are_read(tmp_path, grouped):
    """Damage in the third row group shows only when reading gets there."""
    place = pq.read_metadata(grouped).row_group(2).column(5).data_page_offset
    data = bytearray(grouped.read_bytes())
    data[place : place + 40] = b"\xff" * 40
    (tmp_path / "t.parquet").write_bytes(data)
    rows = CrystalTable.open(tmp_path / "t.parquet").rows(size=30)
    names = [next(rows).material_id for _ in range(30)]
    assert names[-1] == "c29"
    with pytest.raises(InputError, match=r"t\.parquet is damaged"):
        list(rows)


def test_columns_that_are_not_there_are_named(grouped):
    table = CrystalTable.open(grouped)
    with pytest.raises(InputError, match=r"no column 'gpa'.*Did you mean 'gap'"):
        list(table.batches(["gpa"]))
    with pytest.raises(InputError, match="size is 0"):
        list(table.batches(size=0))


# Many files


def test_a_folder_and_a_glob_are_one_table(tmp_path):
    for name in ("b", "a"):
        numbered(2, provenance=Provenance(source=name)).write(tmp_path / f"{name}.parquet")
    (tmp_path / ".c.parquet").write_bytes(b"hidden")
    (tmp_path / "notes.txt").write_text("not a table")
    for path in (tmp_path, tmp_path / "*.parquet"):
        table = CrystalTable.open(path)
        sources = [row.provenance.source for row in table.rows()]
        assert sources == ["a", "a", "b", "b"]
        assert len(table) == 4


def test_a_glob_may_lie_below_a_hidden_folder(tmp_path):
    (tmp_path / ".cache" / "a").mkdir(parents=True)
    numbered(2).write(tmp_path / ".cache" / "a" / "t.parquet")
    assert len(CrystalTable.open(tmp_path / ".cache" / "*" / "*.parquet")) == 2


def test_a_property_that_one_file_lacks_is_null_there(tmp_path):
    numbered(2).write(tmp_path / "a.parquet")
    numbered(2, properties={"gap": [1.0, 2.0]}).write(tmp_path / "b.parquet")
    frame = CrystalTable.open(tmp_path).to_pandas(["material_id", "gap"])
    assert frame["gap"].isna().tolist() == [True, True, False, False]


def test_files_that_disagree_about_a_property_are_named(tmp_path):
    numbered(1, properties={"gap": [1.0]}).write(tmp_path / "a.parquet")
    numbered(1, properties={"gap": ["wide"]}).write(tmp_path / "b.parquet")
    with pytest.raises(InputError, match=r"b\.parquet: column 'gap' is string, but float"):
        CrystalTable.open(tmp_path)


def test_files_of_different_widths_are_one_table(tmp_path):
    wide = columns_of(
        numbered(1),
        lattice=pa.array([[4.0, 0, 0, 0, 4, 0, 0, 0, 4]], pa.list_(pa.float64())),
        atomic_numbers=pa.array([[300]], pa.list_(pa.int64())),
    )
    numbered(1).write(tmp_path / "a.parquet")
    stored(tmp_path / "b.parquet", wide)
    good, bad = CrystalTable.open(tmp_path).rows()
    assert good.error is None
    assert bad.error == "row 1 (c0): atomic_numbers has 300 at site 0, expected 1 to 118"


def test_the_hash_is_that_of_the_files(tmp_path):
    numbered(1).write(tmp_path / "a.parquet")
    alone = CrystalTable.open(tmp_path / "a.parquet").sha256
    assert alone == file_sha256(tmp_path / "a.parquet")
    numbered(2).write(tmp_path / "b.parquet")
    both = CrystalTable.open(tmp_path).sha256
    assert both != alone
    (tmp_path / "b.parquet").rename(tmp_path / "c.parquet")
    assert CrystalTable.open(tmp_path).sha256 == both
    assert numbered(1).sha256 == ""


# Tables of others


def test_missing_provenance_names_the_file(tmp_path):
    bare = columns_of(numbered(2), **dict.fromkeys(PROVENANCE_COLUMNS))
    table = CrystalTable.open(stored(tmp_path / "theirs.parquet", bare))
    assert [row.provenance for row in table.rows()] == [
        Provenance(source="theirs.parquet", source_id=f"c{index}") for index in range(2)
    ]
    table.write(tmp_path / "mine.parquet")
    (first, _) = CrystalTable.open(tmp_path / "mine.parquet").rows()
    assert first.provenance.source == "theirs.parquet"


def test_blank_provenance_counts_as_missing(tmp_path):
    blank = columns_of(
        numbered(2), source=pa.array(["", None]), licence=pa.array([None, "MIT"])
    )
    first, second = CrystalTable.open(stored(tmp_path / "t.parquet", blank)).rows()
    assert first.provenance.source == second.provenance.source == "t.parquet"
    assert (first.provenance.licence, second.provenance.licence) == ("", "MIT")


def test_other_spellings_of_the_types_are_read(tmp_path):
    table = numbered(3)
    arrow = columns_of(table)
    lists = pa.list_(pa.float64())
    wide = columns_of(
        table,
        material_id=arrow["material_id"].combine_chunks().dictionary_encode(),
        formula=arrow["formula"].cast(pa.large_string()),
        n_sites=arrow["n_sites"].cast(pa.int64()),
        lattice=arrow["lattice"].cast(lists),
        atomic_numbers=arrow["atomic_numbers"].cast(pa.large_list(pa.int32())),
        frac_coords=arrow["frac_coords"].cast(lists),
    )
    read = CrystalTable.open(stored(tmp_path / "t.parquet", wide))
    assert all(row.error is None for row in read.rows())
    read.write(tmp_path / "canonical.parquet")
    assert columns_of(CrystalTable.open(tmp_path / "canonical.parquet")).equals(arrow)


@pytest.mark.parametrize("column", CRYSTAL_COLUMNS)
def test_a_missing_column_is_named(tmp_path, column):
    misspelt = {column: None, f"{column}_": pa.array(["x"])}
    path = stored(tmp_path / "t.parquet", columns_of(numbered(1), **misspelt))
    with pytest.raises(InputError, match=f"column '{column}' is missing") as caught:
        CrystalTable.open(path)
    assert "t.parquet" in str(caught.value)
    assert f"Is it '{column}_'?" in str(caught.value)


@pytest.mark.parametrize(
    ("column", "wrong", "expected"),
    [
        ("material_id", pa.array([1]), "text"),
        ("n_sites", pa.array([1.0]), "a whole number"),
        ("lattice", pa.array([[1.0] * 6], pa.list_(pa.float32(), 6)), "nine floats"),
        ("lattice", pa.array(["cubic"]), "nine floats"),
        ("atomic_numbers", pa.array([["Si"]]), "whole numbers"),
        ("frac_coords", pa.array([[[0.0] * 3]]), "a list of floats"),
        ("licence", pa.array([4]), "text"),
    ],
)
def test_a_column_of_the_wrong_type_is_named(tmp_path, column, wrong, expected):
    path = stored(tmp_path / "t.parquet", columns_of(numbered(1), **{column: wrong}))
    with pytest.raises(InputError, match=rf"t\.parquet: column '{column}' is .*{expected}"):
        CrystalTable.open(path)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"a,b\n1,2\n" * 9, b"\0" * 99])
def test_a_file_that_is_no_parquet_is_named(tmp_path, content):
    (tmp_path / "t.parquet").write_bytes(content)
    with pytest.raises(InputError, match=r"t\.parquet is not a Parquet file, or cut short"):
        CrystalTable.open(tmp_path / "t.parquet")


def test_paths_without_tables_are_named(tmp_path):
    with pytest.raises(InputError, match=r"is a folder without \.parquet files"):
        CrystalTable.open(tmp_path)
    with pytest.raises(InputError, match="no file matches"):
        CrystalTable.open(tmp_path / "*.parquet")
    numbered(1).write(tmp_path / "train.parquet")
    with pytest.raises(InputError, match=r"Did you mean 'train\.parquet'"):
        CrystalTable.open(tmp_path / "trian.parquet")


# From files


def test_files_become_a_table_and_a_list_of_errors(tmp_path):
    (tmp_path / "a.cif").write_text(CIF)
    (tmp_path / "b.cif").write_text(CIF[:100])
    (tmp_path / "c.vasp").write_text(POSCAR)
    (tmp_path / "d.xyz").write_text(f"1\n{XYZ}\nSi 0 0 0\n1\n{XYZ}\nGe 0 0 0\n")
    table, errors = CrystalTable.from_files([tmp_path])
    assert [Path(error.name).name for error in errors] == ["b.cif"]
    rows = list(table.rows())
    assert [Path(r.material_id).name for r in rows] == [
        "a.cif",
        "c.vasp",
        "d.xyz#0",
        "d.xyz#1",
    ]
    assert table.to_pandas(["formula"])["formula"].tolist() == ["GaAs", "GaAs", "Si", "Ge"]
    assert rows[0].provenance.source == "a.cif"
    assert rows[0].provenance.version == f"sha256:{file_sha256(tmp_path / 'a.cif')}"


# The package


def test_importing_materials_is_light_and_every_name_is_there():
    code = (
        "import sys, materials\n"
        "heavy = {'torch', 'pymatgen', 'ase', 'pyarrow', 'pandas'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "for name in materials.__all__: getattr(materials, name)\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    with pytest.raises(AttributeError, match="Did you mean 'CrystalTable'"):
        _ = materials.CrystalTabel


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared tables are not here")
@pytest.mark.parametrize("name", ["mp_val", "nomad2018"])
def test_real_tables_are_read_without_an_error(name):
    table = CrystalTable.open(SHARED / f"{name}.parquet")
    rows = list(table.rows())
    assert len(rows) == len(table) > 2000
    assert [row.error for row in rows if row.error] == []
