from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from ase.build import bulk
from typer.testing import CliRunner, Result

from campaigns.cli import show
from campaigns.cli.app import app
from materials.table import CrystalTable
from models.measured.gap import MeasuredGap
from tests.campaigns.small_model import save_small_model

COLUMNS = [f"band_gap_measured{end}" for end in ("", "_std", "_lower", "_upper")]


@pytest.fixture(scope="module")
def crystals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("crystals")
    bulk("NaCl", "rocksalt", 5.64).write(folder / "salt.cif")
    bulk("Cu").write(folder / "copper.cif")
    (folder / "lost.cif").write_text("nothing")
    return folder


def galena(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments], env={"COLUMNS": "80"})


def test_predict_says_what_would_be_measured(crystals: Path) -> None:
    done = galena("predict", crystals, "--json")
    found = json.loads(done.stdout)
    assert MeasuredGap.load().manifest.network == found["model"]
    copper, salt = found["predictions"]
    assert copper["formula"] == "Cu"
    assert copper["band_gap_measured"] == 0.0
    low, high = salt["band_gap_measured_lower"], salt["band_gap_measured_upper"]
    assert low < 8.5 < high  # eV; Poole et al., Phys. Rev. B 11, 5179 (1975)
    assert salt["band_gap_measured"] > salt["band_gap"] + 1.0  # PBE says about 5
    assert salt["band_gap_measured_std"] > 0
    assert found["units"]["band_gap_measured"] == "eV"


def test_a_narrow_screen_shows_it_whole(crystals: Path) -> None:
    done = galena("predict", crystals)
    assert "measured" in done.stdout
    assert done.stdout.count("±") == 2 * 4
    assert "band_gap_hse" in done.stderr


def test_screen_writes_the_same(crystals: Path, tmp_path: Path) -> None:
    table = tmp_path / "in.parquet"
    CrystalTable.from_structures([bulk("NaCl", "rocksalt", 5.64)], ids=["salt"]).write(
        table
    )
    assert galena("screen", table, "-o", tmp_path / "out.parquet").exit_code == 0
    (screened,) = pd.read_parquet(tmp_path / "out.parquet")[COLUMNS].to_dict("records")
    predictions = json.loads(galena("predict", crystals, "--json").stdout)["predictions"]
    for name in COLUMNS:
        assert screened[name] == pytest.approx(predictions[1][name], abs=2e-3)


def test_another_network_has_no_such_column(crystals: Path, tmp_path: Path) -> None:
    model = save_small_model(tmp_path / "model")
    done = galena("predict", crystals, "--json", "--model", model)
    assert "band_gap_measured" not in done.stdout


def test_hse_keeps_its_room_where_nothing_stands_in() -> None:
    assert show.on_screen(["band_gap", "band_gap_hse"]) == ["band_gap", "band_gap_hse"]
    assert show.left_aside(["band_gap", "band_gap_hse"]) == ""
