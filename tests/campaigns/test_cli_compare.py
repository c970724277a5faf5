from __future__ import annotations

import json
from pathlib import Path

import pytest
from ase.io import write
from typer.testing import CliRunner, Result

from campaigns.cli.app import app
from campaigns.cli.show import ExitCode
from campaigns.evidence import of_formula
from models.measured.gap import MeasuredGap
from tests.campaigns.crystal_files import rocksalts
from tests.campaigns.small_model import save_small_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_small_model(tmp_path_factory.mktemp("model"))


def galena(*arguments: object) -> Result:
    return CliRunner().invoke(
        app, [str(a) for a in arguments], env={"COLUMNS": "160", "NO_COLOR": "1"}
    )


def test_kesterite_beside_cadmium_telluride() -> None:
    done = galena("compare", "Cu2ZnSnS4", "--to", "CdTe", "--on", "toxicity,supply_risk")
    assert done.exit_code == ExitCode.OK
    rows = {line[:30].strip(): line.split() for line in done.stdout.splitlines()}
    assert rows["conflict minerals"][-1] == "no"
    assert rows["listed hazards"][-1] == "yes"
    assert "Cu2ZnSnS4 is better than CdTe on all of: toxicity, supply risk." in done.stdout
    assert "CdTe contains cadmium (47 % of its mass), restricted under RoHS" in done.stdout
    assert "Tin is a conflict mineral" in done.stdout
    assert "CdTe, gap: measured: Kosyachenko 2011" in done.stdout


def test_by_name_or_by_formula_is_the_same() -> None:
    one, other = (
        json.loads(galena("compare", name, "--to", to, "--json").stdout)
        for name, to in (("CZTS", "CIGS"), ("Cu2ZnSnS4", "CuIn0.7Ga0.3Se2"))
    )
    assert one["comparison"]["axes"] == other["comparison"]["axes"]
    assert one["incumbent"]["gap"] == other["incumbent"]["gap"]


def test_a_formula_alone_has_a_predicted_gap_and_no_stability() -> None:
    done = galena("compare", "ZnSnN2", "--to", "InP", "--json")
    material = json.loads(done.stdout)["material"]
    mean, deviation = MeasuredGap.load().predict_compositions(["ZnSnN2"])
    assert material["gap"]["value"] == pytest.approx(mean[0])
    assert material["gap"]["deviation"] == pytest.approx(deviation[0])
    assert "from the formula alone" in material["gap"]["origin"]
    assert material["stability"]["value"] is None
    assert "unknown without a structure" in material["stability"]["origin"]


def test_of_a_crystal_gap_and_stability_are_predicted(tmp_path: Path, model: Path) -> None:
    rocksalts(1)[0].to(filename=str(tmp_path / "mine.cif"))
    done = galena(
        *("compare", tmp_path / "mine.cif", "--to", "GaAs", "--model", model, "--json"),
    )
    assert done.exit_code == ExitCode.OK, done.stderr
    found = json.loads(done.stdout)
    material = found["material"]
    for what in ("gap", "stability"):
        assert isinstance(material[what]["value"], float)
        assert material[what]["deviation"] > 0
        assert material[what]["origin"].startswith("predicted by small")
    assert "PBE" in material["gap"]["origin"] or "HSE06" in material["gap"]["origin"]
    assert found["incumbent"]["gap"]["value"] == 1.42
    printed = galena("compare", tmp_path / "mine.cif", "--to", "GaAs", "--model", model)
    assert "±" in printed.stdout


def test_what_has_no_data_is_not_better() -> None:
    done = galena("compare", "RaPo", "--to", "CdTe", "--on", "overall,toxicity")
    assert done.exit_code == ExitCode.OK
    assert (
        "Whether RaPo is better than CdTe on all of overall, toxicity cannot be told."
        in (" ".join(done.stdout.split()))
    )
    assert "Overall: unknown; data for 0 % of the mass of RaPo" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["GaAs", "--to", "CdTeq"], "Did you mean 'CdTe'"),
        (["GaAs", "--to", "CdTe", "--on", "toxcity"], "Did you mean 'toxicity'"),
        (["Qq", "--to", "CdTe"], "'Qq' is not a chemical formula"),
        (["none.cif", "--to", "CdTe"], "none.cif: no such file"),
        (["GaAs", "--to", "CdTe", "--weights", "cost"], "write it like toxicity=2"),
    ],
)
def test_what_cannot_be_compared_is_told(arguments: list[str], told: str) -> None:
    done = galena("compare", *arguments)
    assert done.exit_code == ExitCode.ERROR
    assert told in done.stderr


def test_a_broken_crystal_and_a_file_of_several_are_told(tmp_path: Path) -> None:
    (tmp_path / "broken.cif").write_text("nothing")
    write(tmp_path / "two.extxyz", [crystal.to_ase_atoms() for crystal in rocksalts(2)])
    broken = galena("compare", tmp_path / "broken.cif", "--to", "GaAs")
    several = galena("compare", tmp_path / "two.extxyz", "--to", "GaAs")
    assert broken.exit_code == several.exit_code == ExitCode.ERROR
    assert "broken.cif" in broken.stderr
    assert "holds several crystals" in several.stderr
    assert "is a folder" in galena("compare", tmp_path, "--to", "GaAs").stderr


def test_without_a_model_of_measured_gaps_the_gap_is_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.measured.gap.SHIPPED", tmp_path)
    gap = of_formula("ZnSnN2").gap
    assert gap.value is None
    assert "no model of measured gaps" in gap.origin
