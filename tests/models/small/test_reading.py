from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from materials.errors import InputError
from materials.table import CrystalTable
from models.small.reading import Compositions, Crystals, composition_counts, read_table
from tests.campaigns.crystal_files import rocksalts
from tests.models.small.tables import HARDNESS, crystal_table

CRYSTALS = rocksalts(4)
LABELS = [1.5, 2.5, None, 4.5]


def cif_table(folder: Path) -> Path:
    frame = pd.DataFrame({"structure": [c.to(fmt="cif") for c in CRYSTALS], "y": LABELS})
    frame.to_csv(folder / "t.csv", index=False)
    return folder / "t.csv"


def json_table(folder: Path) -> Path:
    rows = [
        {"structure": c.as_dict(), "y": y} for c, y in zip(CRYSTALS, LABELS, strict=True)
    ]
    (folder / "t.json").write_text(json.dumps(rows), encoding="utf-8")
    return folder / "t.json"


def json_text_table(folder: Path) -> Path:
    frame = pd.DataFrame({"structure": [c.to(fmt="json") for c in CRYSTALS], "y": LABELS})
    frame.to_parquet(folder / "t.parquet")
    return folder / "t.parquet"


def path_table(folder: Path) -> Path:
    for number, crystal in enumerate(CRYSTALS):
        crystal.to(filename=str(folder / f"{number}.cif"))
    frame = pd.DataFrame({"file": [f"{i}.cif" for i in range(4)], "y": LABELS})
    frame.to_csv(folder / "t.csv", index=False)
    return folder / "t.csv"


@pytest.mark.parametrize("write", [cif_table, json_table, json_text_table, path_table])
def test_every_form_gives_the_same_crystals_and_labels(write, tmp_path):
    found = read_table(write(tmp_path), ["y"], tmp_path / "run")
    assert isinstance(found, Crystals)
    table = CrystalTable.open(found.path)
    assert [c.composition for c in table.structures()] == [c.composition for c in CRYSTALS]
    np.testing.assert_equal(
        table.to_pandas(["y"])["y"].to_numpy(dtype=float), np.array(LABELS, dtype=float)
    )


@pytest.mark.parametrize(
    ("cell", "reason"),
    [("", "an empty text"), ("  ", "an empty text"), (".", "is a folder")],
)
def test_a_blank_or_a_folder_is_no_crystal(cell, reason, tmp_path):
    CRYSTALS[0].to(filename=str(tmp_path / "only.cif"))
    frame = pd.DataFrame({"structure": [cell, "only.cif"], "y": [1.0, 2.0]})
    frame.to_parquet(tmp_path / "t.parquet")
    found = read_table(tmp_path / "t.parquet", ["y"], tmp_path / "run")
    assert isinstance(found, Crystals)
    assert [row.name for row in found.skipped] == ["row-1"]
    assert reason in found.skipped[0].reason


def test_a_crystal_table_is_taken_as_it_is(tmp_path):
    path = crystal_table(tmp_path / "t.parquet")
    found = read_table(path, [HARDNESS], tmp_path / "run")
    assert isinstance(found, Crystals)
    assert found.path == path
    assert not (tmp_path / "run").exists()


def test_formulas_alone_are_compositions(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("composition,y\nGaAs,1.4\nAg0.5Ge1Pb1.75S4,1.8\nnonsense!,2\n")
    found = read_table(path, ["y"], tmp_path)
    assert isinstance(found, Compositions)
    assert found.counts[0, 31] == found.counts[0, 33] == 1
    assert found.counts[1, [47, 32, 82, 16]].tolist() == [2, 4, 7, 16]
    assert [row.name for row in found.skipped] == ["row-3"]
    np.testing.assert_allclose(found.columns["y"], [1.4, 1.8])


def test_a_broken_crystal_costs_its_own_row_alone(tmp_path):
    path = cif_table(tmp_path)
    frame = pd.read_csv(path)
    frame.loc[1, "structure"] = "data_nothing\n"
    frame.to_csv(path, index=False)
    found = read_table(path, ["y"], tmp_path / "run")
    assert [row.name for row in found.skipped] == ["row-2"]
    left = CrystalTable.open(found.path).to_pandas(["y"])["y"].to_numpy(dtype=float)
    np.testing.assert_equal(left, np.array([1.5, np.nan, 4.5]))


@pytest.mark.parametrize("write", [cif_table, crystal_table])
def test_a_misspelt_column_is_refused_with_the_nearest(write, tmp_path):
    path = write(tmp_path / "t.parquet") if write is crystal_table else write(tmp_path)
    right = HARDNESS if write is crystal_table else "y"
    with pytest.raises(InputError, match=f"Did you mean '{right}'"):
        read_table(path, [f"{right}s"], tmp_path)


def test_text_among_numbers_is_named_with_its_row(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("formula,y\nGaAs,1.4\nSi,high\n")
    with pytest.raises(InputError, match=r"'high' in row 2"):
        read_table(path, ["y"], tmp_path)


def test_a_text_column_of_a_crystal_table_is_refused(tmp_path):
    path = crystal_table(tmp_path / "t.parquet")
    with pytest.raises(InputError, match=r"'formula' holds string: expected numbers"):
        read_table(path, ["formula"], tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("t.csv", "a,y\n1,2\n", "no crystals"),
        ("t.csv", "formula,y\n", "no rows"),
        ("t.json", "{", "cannot be read as a table"),
        ("t.docx", "x", "expected a table|not a Parquet|cannot"),
    ],
)
def test_what_is_no_table_is_refused(name, content, reason, tmp_path):
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=reason):
        read_table(tmp_path / name, ["y"], tmp_path)


def test_columns_without_names_go_by_their_numbers(tmp_path):
    (tmp_path / "t.json").write_text("[[1, 2], [3, 4]]")
    with pytest.raises(InputError, match=r"no crystals.*it has 0, 1"):
        read_table(tmp_path / "t.json", ["0"], tmp_path)


def test_a_folder_is_no_table(tmp_path):
    (tmp_path / "t.csv").mkdir()
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        read_table(tmp_path / "t.csv", ["y"], tmp_path)


def test_a_missing_file_is_told_with_the_nearest_name(tmp_path):
    (tmp_path / "mine.csv").write_text("formula,y\nSi,1\n")
    with pytest.raises(InputError, match=r"does not exist. Did you mean 'mine.csv'"):
        read_table(tmp_path / "mime.csv", ["y"], tmp_path)


@pytest.mark.parametrize("formula", ["", "   ", None, 3.0, "Xx2O3", "((("])
def test_what_is_no_formula_is_refused(formula):
    with pytest.raises(InputError, match="no chemical formula"):
        composition_counts(formula)


def test_multiples_of_a_formula_are_one_composition():
    np.testing.assert_array_equal(composition_counts("Ga2As2"), composition_counts("GaAs"))


@pytest.mark.parametrize("write", [json_text_table, cif_table])
def test_the_training_folder_may_be_the_one_that_holds_the_table(write, tmp_path):
    path = write(tmp_path)
    for own in (path, path.with_suffix(".parquet")):  # as much the user's, if unrelated
        own.touch()
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}
    read_table(path, ["y"], tmp_path)
    assert {file: file.read_bytes() for file in before} == before


def test_a_foreign_file_is_not_replaced_by_the_table_as_read(tmp_path):
    path = cif_table(tmp_path)
    made = read_table(path, ["y"], tmp_path / "run")
    assert isinstance(made, Crystals)
    made.path.write_text("something else")
    with pytest.raises(InputError, match="in the way"):
        read_table(path, ["y"], tmp_path / "run")
    assert made.path.read_text() == "something else"


def test_formulas_and_ids_that_look_like_numbers_stay_as_they_are(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("id, formula, y\n007,NaN,1.5\n1e3,GaAs,True\nNA,Si,n/a\n")
    found = read_table(path, ["y"], tmp_path)
    assert isinstance(found, Compositions)
    assert found.names == ("007", "1e3", "NA")
    assert found.counts[0, 7] == found.counts[0, 11] == 1
    np.testing.assert_equal(found.columns["y"], [1.5, 1.0, np.nan])


@pytest.mark.parametrize(
    "text",
    [
        "formula,y\nGaAs,1.4,,\nSi,1.125,,\n",
        "formula;y;\nGaAs;1,4;\nSi;1,125;\n",
        "sep=\t\nformula\ty\nGaAs\t1.4\nSi\t1.125\n",
    ],
)
def test_a_table_as_a_spreadsheet_writes_it(text, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(text)
    found = read_table(path, ["y"], tmp_path)
    assert found.names == ("row-1", "row-2")
    np.testing.assert_equal(found.columns["y"], [1.4, 1.125])


def test_a_column_given_twice_is_refused(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("formula,y,y\nGaAs,1.4,1.5\n")
    with pytest.raises(InputError, match="'y' is given 2 times"):
        read_table(path, ["y"], tmp_path)
