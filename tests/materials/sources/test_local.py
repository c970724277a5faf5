"""Files of one's own keep what they say of themselves."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from materials.errors import InputError
from materials.provenance import Provenance, file_sha256
from materials.sources import datasets
from materials.sources.local import local
from materials.sources.protocol import Column
from materials.sources.pull import pull
from materials.sources.query import Query
from materials.table import CrystalTable
from tests.materials.sources.fakes import PAIRS, zincblende

CRYSTALS = [zincblende(*pair, a=5 + n / 10) for n, pair in enumerate(PAIRS)]


@pytest.fixture(autouse=True)
def small_pages(monkeypatch):
    monkeypatch.setattr(datasets, "PAGE", 5)


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "mine.parquet"
    CrystalTable.from_structures(
        CRYSTALS,
        ids=[f"m{n}" for n in range(len(CRYSTALS))],
        properties={"gap": [n / 2 for n in range(12)], "colour": ["red"] * 12},
        provenance=[
            Provenance(
                source="a paper",
                source_id="Table 1",  # all alike: rows are told apart by their names
                method="HSE06" if n else "",
                licence="CC0-1.0" if n else "",
                retrieved="2020-01-01",
            )
            for n in range(12)
        ],
    ).write(path)
    return path


def test_a_table_keeps_its_provenance(table, tmp_path):
    out = tmp_path / "out.parquet"
    source = local(table, functional="PBE", licence="CC-BY-4.0")
    result = pull([source], out, duplicates="ignore")
    found = pq.read_table(out).to_pydict()
    assert found["material_id"] == [f"m{n}" for n in range(12)]
    assert set(found["source"]) == {"a paper"}
    assert set(found["source_id"]) == {"Table 1"}
    assert set(found["retrieved"]) == {"2020-01-01"}
    assert found["functional"] == ["PBE"] + ["HSE06"] * 11
    assert found["licence"] == ["CC-BY-4.0"] + ["CC0-1.0"] * 11
    assert found["gap"] == [n / 2 for n in range(12)]
    assert set(found["colour"]) == {"red"}
    assert result.sources[0].total == 12


def test_what_was_pulled_may_be_pulled_again(table, tmp_path):
    once, twice = tmp_path / "once.parquet", tmp_path / "twice.parquet"
    pull([local(table)], once, query=Query(limit=7))
    pull([local(once)], twice)
    assert pq.read_table(twice).equals(pq.read_table(once))


def test_a_tables_functional_is_its_own_word(table, tmp_path):
    once, twice = tmp_path / "once.parquet", tmp_path / "twice.parquet"
    pull([local(table)], once)
    assert pq.read_table(once)["functional"].to_pylist()[:2] == ["unknown", "HSE06"]
    pull([local(once, functional="PBE")], twice)
    assert pq.read_table(twice)["functional"].to_pylist()[:2] == ["PBE", "HSE06"]


def test_properties_may_be_chosen_and_renamed(table, tmp_path):
    out = tmp_path / "out.parquet"
    column = Column(name="band_gap", field="gap", unit="eV")
    pull([local(table, columns=(column,))], out)
    assert "colour" not in pq.read_schema(out).names
    assert pq.read_table(out)["band_gap"].to_pylist()[2] == 1.0
    with pytest.raises(InputError, match=r"no property 'gapp'\. Did you mean 'gap'"):
        pull([local(table, columns=(Column(name="a", field="gapp"),))], out)


def test_pages_are_gone_on_with(table):
    source = local(table)
    pages = list(source.pages(None))
    assert [page.cursor for page in pages] == ["5", "10", None]
    rest = list(source.pages("5"))
    assert [one.id for one in rest[0].records] == [one.id for one in pages[1].records]
    assert [page.cursor for page in rest] == ["10", None]


def test_a_broken_row_stops_no_other(table, tmp_path):
    whole = pq.read_table(table)
    numbers = whole["atomic_numbers"].to_pylist()
    numbers[3] = [200, 8]
    coords = whole["frac_coords"].to_pylist()
    coords[4] = [0.0] * 6
    for name, values in (("atomic_numbers", numbers), ("frac_coords", coords)):
        place = whole.schema.get_field_index(name)
        whole = whole.set_column(
            place, name, pa.array(values, whole.schema.field(name).type)
        )
    pq.write_table(whole, table)
    result = pull([local(table)], tmp_path / "out.parquet")
    assert result.table.rows == 10
    assert "200 at site 0" in result.rejected[0].reason
    assert "0.00 Å apart" in result.rejected[1].reason
    assert [one.source_id for one in result.rejected] == ["m3", "m4"]


def test_another_file_is_another_identity(table):
    before = local(table).identity()
    whole = pq.read_table(table)
    pq.write_table(whole.slice(1), table)
    assert local(table).columns == local(table, functional="PBE").columns
    assert local(table).identity() != before


def test_crystal_files_are_read(tmp_path):
    folder, out = tmp_path / "cifs", tmp_path / "out.parquet"
    (folder / "deep").mkdir(parents=True)
    CRYSTALS[0].to(str(folder / "a.cif"))
    CRYSTALS[1].to(str(folder / "deep" / "POSCAR"), fmt="poscar")
    (folder / "broken.cif").write_text("data_nothing\n")
    (folder / ".hidden.cif").write_text("?")
    source = local(folder, functional="experiment", licence="CC0-1.0")
    result = pull([source], out)
    found = pq.read_table(out).to_pydict()
    assert found["formula"] == ["GaAs", "ZnS"]
    assert found["source"] == ["a.cif", "POSCAR"]
    assert found["source_version"][0] == f"sha256:{file_sha256(folder / 'a.cif')}"
    assert found["functional"] == ["experiment"] * 2
    assert found["licence"] == ["CC0-1.0"] * 2
    assert [one.source_id for one in result.rejected] == [str(folder / "broken.cif")]


def test_a_changed_file_is_another_identity(tmp_path):
    path = tmp_path / "a.cif"
    CRYSTALS[0].to(str(path))
    before = local(path).identity()
    CRYSTALS[1].to(str(path))
    assert local(path).identity() != before
    assert local(tmp_path).identity() != local(path).identity()


def test_files_without_properties_say_so(tmp_path):
    path = tmp_path / "a.cif"
    CRYSTALS[0].to(str(path))
    with pytest.raises(InputError, match="no properties"):
        local(path, columns=(Column(name="a", field="b"),))
    with pytest.raises(InputError, match=r"Did you mean 'a\.cif'"):
        local(tmp_path / "aa.cif")
