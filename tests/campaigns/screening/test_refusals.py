"""What would lose rows, labels or the input is refused, or kept under another name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pymatgen.core import Lattice, Structure
from typer.testing import CliRunner

from campaigns.cli.app import app
from materials.shards import read_shards, table_shards
from materials.table import CrystalTable
from tests.campaigns.crystal_files import rocksalts
from tests.campaigns.small_model import save_small_model


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return save_small_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def table(tmp_path) -> Path:
    CrystalTable.from_structures(rocksalts(9)).write(tmp_path / "t.parquet")
    return tmp_path / "t.parquet"


def screen(*arguments: object):
    return CliRunner().invoke(app, ["screen", *map(str, arguments)], env={"COLUMNS": "200"})


def overlapping() -> list[Structure]:
    """Sound; two atoms nearly on one site; on one site; on one through the cell's border."""
    cell = Lattice.cubic(4.0)
    places = [[0.5, 0.5, 0.5], [0.001, 0, 0], [0, 0, 0], [1.0, 0, 0]]
    return [Structure(cell, ["Na", "Cl"], [[0, 0, 0], place]) for place in places]


@pytest.mark.parametrize("many", [False, True])
def test_overlapping_atoms_are_errors_however_they_are_searched(model, many):
    from materials.flat import FlatCrystals
    from models.inference import Predictor

    crystals = [
        (np.array(s.atomic_numbers), s.frac_coords, s.lattice.matrix) for s in overlapping()
    ]
    found = Predictor.load(model, device="cpu").predict_flat(
        FlatCrystals.from_arrays(crystals, {}), compiled=many
    )
    assert found.errors[0] is None
    assert all("Å apart" in str(error) for error in found.errors[1:])
    assert np.isnan(found.mean[1:]).all()
    assert not found.in_domain[1:].any()


def test_the_input_is_never_written_to(table, model):
    for output in (table, table.parent):
        done = screen(table, "-o", output, "--force", "--model", model)
        assert done.exit_code == 1
        assert "choose another place" in done.stderr
    done = screen(table.parent, "-o", table.parent / "out", "--model", model)
    assert done.exit_code == 1
    assert "choose a place outside" in done.stderr
    assert len(CrystalTable.open(table)) == 9


def test_a_file_that_appears_meanwhile_is_left_alone(table, model, tmp_path, monkeypatch):
    from campaigns.screening.recipe import Recipe

    out = tmp_path / "out.parquet"
    load = Recipe.screener

    def planted(recipe: Recipe):
        out.write_bytes(b"somebody's")
        return load(recipe)

    from campaigns.screening import run

    begun = run.ShardStore.begin

    def late(store, header, *, replaces, fresh):
        begun(store, header, replaces=False, fresh=fresh)

    monkeypatch.setattr(Recipe, "screener", planted)
    monkeypatch.setattr(run.ShardStore, "begin", late)
    done = screen(table, "-o", out, "--model", model)
    assert done.exit_code == 1
    assert "appeared while this was screened" in done.stderr
    assert out.read_bytes() == b"somebody's"


def test_a_screening_killed_before_it_cleared_up_ends_the_next_time(
    table, model, tmp_path, monkeypatch
):
    """Its file is there, and so are its shards: nobody else's file appeared."""
    from campaigns.screening import run

    out = tmp_path / "out.parquet"
    with monkeypatch.context() as dying:
        dying.setattr(
            run.ShardStore, "clear", lambda _: (_ for _ in ()).throw(OSError("x"))
        )
        assert screen(table, "-o", out, "--model", model).exit_code != 0
    found = out.read_bytes()
    done = screen(table, "-o", out, "--model", model)
    assert done.exit_code == 0, done.stderr
    assert out.read_bytes() == found
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.parquet", "t.parquet"]


def test_blank_lattices_can_be_kept(table, model, tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = pq.read_table(table)
    lattices = rows["lattice"].to_pylist()
    lattices[2] = None
    place = rows.schema.get_field_index("lattice")
    column = pa.array(lattices, pa.list_(pa.float32(), 9))
    blank = tmp_path / "blank.parquet"
    pq.write_table(rows.set_column(place, "lattice", column), blank)
    for output in (tmp_path / "o", tmp_path / "o.parquet"):
        assert screen(blank, "-o", output, "-c", "lattice", "--model", model).exit_code == 3
        assert pd.read_parquet(output)["lattice"].isna().sum() == 1


def test_precisions_do_not_mix(table, model, tmp_path):
    out = tmp_path / "o"
    assert screen(table, "-o", out, "--model", model).exit_code == 0
    done = screen(table, "-o", out, "--model", model, "--precision", "bfloat16")
    assert done.exit_code == 1
    assert "precision" in done.stderr


@pytest.mark.parametrize("option", ["--allow", "--forbid"])
def test_an_empty_list_of_elements_is_a_mistake(table, model, tmp_path, option):
    done = screen(table, "-o", tmp_path / "o", option, " , ", "--model", model)
    assert done.exit_code == 1
    assert "names no element" in done.stderr


def test_known_formulas_are_told_however_they_are_spelled(table, model, tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = pq.read_table(table)
    place = rows.schema.get_field_index("formula")
    spelled = pa.array([f"{'ClNa' if i else ''}" for i in range(9)])
    other = tmp_path / "spelled.parquet"
    pq.write_table(rows.set_column(place, "formula", spelled), other)
    counts = []
    for source in (table, other):
        out = tmp_path / f"{source.stem}-new"
        assert screen(source, "-o", out, "--new", "--model", model).exit_code == 0
        counts.append(sum(len(pd.read_parquet(p)) for p in out.glob("part-*")))
    assert counts[0] == counts[1] < 9


def test_many_small_row_groups_are_read_in_one_go(table, tmp_path):
    import pyarrow.parquet as pq

    small = tmp_path / "small.parquet"
    pq.write_table(pq.read_table(table), small, row_group_size=1)
    whole = CrystalTable.open(small)
    shards = table_shards(whole, 2)
    got = list(read_shards(whole, ["material_id"], shards, skip={1}))
    assert [shard.number for shard, _ in got] == [0, 2, 3, 4]
    names = [name for _, rows in got for name in rows["material_id"].to_pylist()]
    assert names == [f"crystal-{i}" for i in (0, 1, 4, 5, 6, 7, 8)]
