"""``galena hull``: formulas, tables and crystals against references of one origin."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from ase.build import bulk
from ase.io import write
from typer.testing import CliRunner, Result

from campaigns.cli.app import app
from campaigns.cli.show import ExitCode
from campaigns.oracles.shipped import Coverage, shipped_records
from models.potentials import load_potential
from tests.materials.hull.mp_server import KEY, serving

REFERENCES = """formula,energy_per_atom,energy_per_atom_std,name
Zn,-1.0,0.0,hcp
S,-2.0,0.0,
ZnS,-2.5,0.03,zincblende
O,-4.0,,
"""


def galena(*arguments: object, columns: int = 200) -> Result:
    env = {"COLUMNS": str(columns)}
    return CliRunner().invoke(app, ["hull", *map(str, arguments)], env=env)


def document(*arguments: object) -> dict:
    done = galena(*arguments, "--json")
    return json.loads(done.stdout)


@pytest.fixture
def references(tmp_path: Path) -> Path:
    path = tmp_path / "references.csv"
    path.write_text(REFERENCES)
    return path


def test_a_table_is_judged_against_ones_own_references(references: Path, tmp_path: Path):
    mine = tmp_path / "mine.csv"
    mine.write_text(
        "formula,energy_per_atom,origin,energy_per_atom_std\n"
        "ZnS2,-2.2,x,0.04\nZnS,-2.5,y,\nZnTe,-1.0,x,\nZn(,-1.0,x,\nS,-1.95,x,\n"
    )
    found = document(mine, "-r", references, "--origin", "x")
    first, sulfur = found["phases"]
    assert found["origin"] == "x"
    assert first["energy_above_hull"] == pytest.approx(-2.2 + 7.0 / 3)
    assert first["energy_above_hull_std"] == pytest.approx((0.04**2 + 0.02**2) ** 0.5)
    assert first["decomposition"] == pytest.approx({"zincblende": 2 / 3, "S": 1 / 3})
    assert first["probability_within_margin"] == pytest.approx(0.0312, abs=1e-3)
    assert sulfur["energy_above_hull"] == pytest.approx(0.05)
    assert sulfur["probability_within_margin"] is None
    reasons = [failure["error"] for failure in found["failures"]]
    assert len(reasons) == 3
    assert any("no elemental phase of Te" in reason for reason in reasons)
    assert any("ZnS is from y, the competing" in reason for reason in reasons)
    assert any("'Zn(' is not a formula" in reason for reason in reasons)


def test_a_deviation_for_all_and_a_margin(references: Path):
    arguments = ("ZnS", "--energy", -2.4, "--origin", "x", "-r", references, "--std", 0.04)
    (row,) = document(*arguments)["phases"]
    assert row["energy_above_hull_std"] == pytest.approx(0.05)
    assert row["probability_within_margin"] == pytest.approx(0.1587, abs=1e-3)
    (row,) = document(*arguments, "--margin", 0.1)["phases"]
    assert row["probability_within_margin"] == pytest.approx(0.5)
    shown = galena(*arguments).stdout
    assert "0.100 ± 0.050" in shown
    assert "within" in shown
    assert "1.00 zincblende" in shown


def test_a_formula_alone_is_told_what_competes(references: Path):
    done = galena("ZnS3", "Zn(S", "-r", references, "--origin", "x")
    assert done.exit_code == ExitCode.PARTIAL
    assert "0.50 S + 0.50 zincblende" in done.stdout
    assert "within" not in done.stdout
    assert "'Zn(S' is not a formula" in done.stderr
    assert "1 judged, 1 failed" in done.stderr


def test_a_formula_without_energy_has_no_distance(references: Path):
    (row,) = document("ZnS3", "-r", references, "--origin", "x", "--std", 0.1)["phases"]
    assert row["hull_formation_energy_per_atom"] == pytest.approx(-0.5)
    absent = ("energy_per_atom", "energy_above_hull", "probability_within_margin")
    assert [row[name] for name in absent] == [None, None, None]


def test_references_of_several_origins_are_refused(tmp_path: Path):
    table = tmp_path / "two.csv"
    table.write_text("formula,energy_per_atom,origin\nZn,-1.0,x\nS,-2.0,y\n")
    done = galena("ZnS", "-r", table)
    assert done.exit_code == ExitCode.ERROR
    assert "energies of 2 origins in one hull" in done.stderr


def test_an_energy_of_another_origin_is_refused(tmp_path: Path):
    table = tmp_path / "own.csv"
    table.write_text("formula,energy_per_atom,origin\nZn,-1.0,x\nS,-2.0,x\n")
    done = galena("ZnS", "--energy", -2.0, "--origin", "y", "-r", table)
    assert done.exit_code == ExitCode.ERROR
    assert "ZnS is from y, the competing phases are from x" in done.stderr


def test_three_metals_are_nothing_to_search():
    systems = {("Cu",), ("Sn",), ("Zn",), ("S",), ("Cu", "Sn"), ("Cu", "S", "Zn")}
    covered = Coverage("x", frozenset(systems), 0)
    assert covered.count(1) == (4, 4)
    assert covered.count(2) == (1, 6)
    assert covered.count(3) == (1, 3)
    assert covered.missing(["Zn", "Cu", "Sn"]) == [("Cu", "Zn"), ("Sn", "Zn")]
    assert covered.missing(["S", "O"]) == [("O",), ("O", "S")]


def test_crystals_are_relaxed_by_what_made_the_references(tmp_path: Path):
    table = tmp_path / "emt.csv"
    origin = load_potential("emt").origin
    table.write_text(f"formula,energy_per_atom,origin\nCu,-0.01,{origin}\n")
    write(tmp_path / "cu.cif", bulk("Cu", "fcc", a=3.7))
    (tmp_path / "broken.cif").write_text("no")
    crystals = (tmp_path / "cu.cif", tmp_path / "broken.cif")
    done = galena(*crystals, "-r", table, "--potential", "emt", "--json")
    found = json.loads(done.stdout)
    assert done.exit_code == ExitCode.PARTIAL
    assert found["phases"][0]["energy_above_hull"] == pytest.approx(0.01 - 0.007, abs=2e-3)
    assert len(found["failures"]) == 1
    refused = galena(crystals[0], "-r", table, "--potential", "lj")
    assert refused.exit_code == ExitCode.ERROR
    assert "would be relaxed with Lennard-Jones" in refused.stderr


@pytest.mark.parametrize("suffix", [".csv", ".json", ".parquet"])
def test_what_is_written_can_be_read(suffix: str, references: Path, tmp_path: Path):
    output = tmp_path / f"out{suffix}"
    arguments = ("ZnS3", "-r", references, "--origin", "x", "-o", output)
    assert galena(*arguments).exit_code == ExitCode.OK
    if suffix == ".json":
        mixture = json.loads(output.read_text())["phases"][0]["decomposition"]
    else:
        read = pd.read_csv if suffix == ".csv" else pd.read_parquet
        mixture = json.loads(read(output)["decomposition"][0])
    assert mixture == pytest.approx({"S": 0.5, "zincblende": 0.5})
    again = galena(*arguments)
    assert again.exit_code == ExitCode.ERROR
    assert "--force" in again.stderr
    assert galena(*arguments, "--force").exit_code == ExitCode.OK


def test_energies_of_the_materials_project(monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("mp_api", reason="mp-api is not installed")
    with serving() as server:
        monkeypatch.setenv("MP_API_ENDPOINT", server.address)
        monkeypatch.setenv("MP_API_KEY", KEY)
        origin = "Materials Project GGA_GGA+U 2025.09.25"
        done = galena("GaN", "--energy", -6.05, "--origin", origin, "-r", "mp", "--json")
    found = json.loads(done.stdout)
    assert found["phases"][0]["energy_above_hull"] == pytest.approx(0.1)
    assert found["phases"][0]["decomposition"] == {"GaN (mp-804)": 1.0}
    assert "mp-2: not used as a reference" in done.stderr


def test_the_shipped_references_say_what_they_cover():
    found = document("--coverage")
    covered = Coverage.of(shipped_records())
    assert found["origin"] == covered.origin
    assert found["elements"] == list(covered.elements)
    assert {"Cu", "Zn", "Sn", "S", "Se", "P", "Na"} <= set(found["elements"])
    pairs = found["systems"]["pairs"]
    lacking = sum(len(others) for others in found["pairs_not_searched"].values())
    assert pairs["possible"] - pairs["searched"] == lacking / 2
    shown = galena("--coverage").stdout
    assert covered.origin in shown
    assert "searched with" in shown


def test_what_the_references_do_not_cover_is_said(monkeypatch: pytest.MonkeyPatch):
    records = [r for r in shipped_records() if r.system not in ("S-Zn", "S-Sn-Zn")]
    monkeypatch.setattr("campaigns.oracles.shipped.shipped_records", lambda: records)
    done = galena("ZnSnS3", "Na2S")
    assert done.exit_code == ExitCode.OK
    assert "ZnSnS3: the references do not cover S-Zn, S-Sn-Zn" in done.stderr
    assert "Na2S:" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "name a formula"),
        (("ZnS", "--energy", -1), "--energy needs --origin"),
        (("ZnS", "S", "--energy", -1, "--origin", "x"), "one formula and nothing else"),
        (("none.csv",), "cannot read none.csv"),
        (("--coverage", "-r", "mp"), "come with Galena"),
        (("ZnS", "-r", "none.csv"), "cannot read none.csv"),
    ],
)
def test_what_cannot_be_asked_is_told_in_one_line(arguments: tuple, message: str):
    done = galena(*arguments)
    assert done.exit_code == ExitCode.ERROR
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_shipped_energies_are_of_one_origin_and_sane():
    records = shipped_records()
    covered = Coverage.of(records)
    assert not covered.missing(["Cu", "Zn", "S"])
    assert ("Cu", "Sn", "Zn") not in covered.missing(["Cu", "Zn", "Sn"])
    for record in records:
        for phase in record.phases:
            assert -15.0 < phase.energy_per_atom < 0.0, (record.system, phase)
