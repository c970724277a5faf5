from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from matplotlib.image import imread
from typer.testing import CliRunner, Result

from campaigns.cli.app import app
from campaigns.cli.show import ExitCode
from materials.sustainability.assessment import assess
from materials.sustainability.columns import AXES, COLUMNS
from tests.campaigns.crystal_files import rocksalts, write_mixture


def galena(*arguments: object, width: int = 160) -> Result:
    return CliRunner().invoke(
        app, [str(a) for a in arguments], env={"COLUMNS": str(width), "NO_COLOR": "1"}
    )


def test_one_material_has_every_column_its_words_and_its_sources() -> None:
    done = galena("sustainability", "GaN")
    assert done.exit_code == ExitCode.OK
    for column in COLUMNS:
        assert column.title in done.stdout
    carbon = next(x for x in done.stdout.splitlines() if x.startswith("embodied green"))
    assert carbon.split() == ["embodied", "greenhouse", "gas", "205", "kg", "CO2e/kg", "83",
                              "%", "Ga", "205", "N"]  # fmt: skip
    assert "Gallium is strategic in the EU" in done.stdout
    assert "Nuss P., Eckelman M.J." in done.stdout
    assert "WMD (2024)" in done.stdout


def test_what_has_no_data_is_unknown_not_good() -> None:
    done = galena("sustainability", "RaPo")
    assert done.exit_code == ExitCode.OK
    assert "burden unknown of 1, between 0.00 and 1.00, 0 % known" in done.stdout
    assert "No data for radium and polonium (100 % of the mass)" in done.stdout


def test_several_come_best_first_with_gaps_marked() -> None:
    done = galena("sustainability", "GaAs", "Si", "RaPo", "GaN", "--top-k", 1)
    assert done.exit_code == ExitCode.OK
    rows = [line.split() for line in done.stdout.splitlines()]
    names = [row[0] for row in rows if row[0] in ("GaAs", "Si", "RaPo", "GaN")]
    assert names == ["Si", "GaN", "GaAs", "RaPo"]
    cells = {row[0]: row for row in rows}
    assert cells["RaPo"][1:] == ["–"] * 14
    assert cells["GaN"][5] == "205*"  # nitrogen is unknown
    assert cells["Si"][6] == "–"
    assert cells["Si"][1:3] == ["100", "%"]


def test_a_narrow_screen_loses_no_column() -> None:
    wide, narrow = (
        galena("sustainability", "GaAs", "Si", "--top-k", 1, width=width)
        for width in (160, 80)
    )
    assert all(len(line) <= 80 for line in narrow.stdout.splitlines())

    def cells(text: str) -> list[str]:
        rows = [line.split() for line in text.splitlines() if line.startswith("GaAs")]
        return [cell for row in rows for cell in row[1:]]

    assert cells(narrow.stdout) == cells(wide.stdout)


def test_csv_has_a_row_for_each_in_the_order_that_was_asked() -> None:
    done = galena("sustainability", "GaAs", "Cu2ZnSnS4", "RaPo", "--csv", "--top-k", 1)
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [row["formula"] for row in rows] == ["GaAs", "Cu2ZnSnS4", "RaPo"]
    found = assess("Cu2ZnSnS4")
    assert float(rows[1]["carbon"]) == pytest.approx(found.columns["carbon"].value)
    assert float(rows[1]["carbon_coverage"]) == pytest.approx(
        found.columns["carbon"].coverage
    )
    assert float(rows[1]["burden"]) == pytest.approx(found.index.central)
    assert float(rows[1]["top_1"]) > 0.99
    assert rows[2]["carbon"] == rows[2]["burden"] == rows[2]["top_1"] == ""


def test_json_names_the_source_of_every_value() -> None:
    done = galena("sustainability", "CdTe", "RaPo", "--json", "--weights", "toxicity=5")
    found = json.loads(done.stdout)
    assert found["weights"]["toxicity"] == 5.0
    cdte, unknown = found["materials"]
    assert list(cdte["columns"]) == [column.key for column in COLUMNS]
    for column in cdte["columns"].values():
        for fact in column["facts"]:
            assert found["sources"][fact["source"]]["citation"]
    assert {hazard["list"] for hazard in cdte["hazards"]} >= {"rohs", "iarc", "svhc"}
    assert unknown["index"]["central"] is None
    assert unknown["columns"]["carbon"]["value"] is None
    index = assess("CdTe").index
    assert index.central is not None
    assert cdte["index"]["central"] > index.central  # cadmium counts for more


def test_files_of_every_kind_and_names_of_what_is_in_use(tmp_path: Path) -> None:
    (tmp_path / "cells.csv").write_text("id,Formula\n1,CdTe\n2,Zz\n3,CIGS\n")
    (tmp_path / "list.txt").write_text("GaAs\n\nSi\n")
    write_mixture(tmp_path / "crystals", good=2, bad=1)
    done = galena(
        *("sustainability", "PZT", tmp_path / "cells.csv", tmp_path / "list.txt"),
        *(tmp_path / "crystals", tmp_path / "none.csv", "--csv"),
    )
    assert done.exit_code == ExitCode.PARTIAL
    formulas = [row["formula"] for row in csv.DictReader(io.StringIO(done.stdout))]
    assert formulas[:5] == [
        *("PbZr0.52Ti0.48O3", "CdTe", "CuIn0.7Ga0.3Se2", "GaAs", "Si"),
    ]
    expected = sorted(crystal.composition.reduced_formula for crystal in rocksalts(2))
    assert sorted(formulas[5:]) == expected
    assert "cells.csv, row 1: 'Zz' is not a chemical formula" in done.stderr
    assert "bad-" in done.stderr
    assert "none.csv: no such file or folder" in done.stderr


def test_a_table_without_formulas_does_not_stop_the_others(tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("name,gap\na,1\n")
    (tmp_path / "bytes.txt").write_bytes(b"\xff\xfe\x00GaAs")
    done = galena("sustainability", tmp_path / "other.csv", tmp_path / "bytes.txt", "GaAs")
    assert done.exit_code == ExitCode.PARTIAL
    assert "no column 'formula'" in done.stderr
    assert "cannot be read as text" in done.stderr
    assert "Arsenic is listed" in done.stdout


def test_nothing_that_can_be_read_is_an_error() -> None:
    done = galena("sustainability", "Xx", "gaas2")
    assert done.exit_code == ExitCode.ERROR
    assert done.stdout.strip() == ""
    assert "'Xx' is not a chemical formula" in done.stderr


def test_a_picture_of_the_sensitivity(tmp_path: Path) -> None:
    picture = tmp_path / "top.png"
    done = galena("sustainability", "GaAs", "Si", "ZnO", "--top-k", 2, "--plot", picture)
    assert done.exit_code == ExitCode.OK
    assert imread(picture).std() > 0.01


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--weights", "toxcity=1"], "Did you mean 'toxicity'"),
        (["--json", "--csv"], "exclude each other"),
        (["--plot", "x.png"], "add --top-k"),
        (["--top-k", "5"], "ask for 1 to 1"),
        (["--top-k", "1", "--plot", "x.gif"], "expected a name ending in .png"),
    ],
)
def test_options_that_cannot_be_are_told(options: list[str], told: str) -> None:
    done = galena("sustainability", "GaAs", *options)
    assert done.exit_code == ExitCode.ERROR
    assert told in done.stderr


def test_a_missing_table_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "materials.sustainability.facts.absence", lambda _: ["prices are not installed"]
    )
    assert "prices are not installed" in galena("sustainability", "GaAs").stderr


def test_help_teaches() -> None:
    done = galena("sustainability", "--help")
    assert "unknown, never zero" in " ".join(done.stdout.split())
    for axis in AXES:
        assert axis in done.stdout
