from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from campaigns.cli.app import app
from campaigns.cli.show import ExitCode
from materials.table import CrystalTable
from tests.campaigns.crystal_files import rocksalts

N = 60
TARGETS = ("band_gap", "formation_energy_per_atom", "energy_above_hull")


def galena(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments], env={"COLUMNS": "140"})


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tables") / "labelled.parquet"
    values = np.random.default_rng(0).uniform(0.1, 2.0, size=(len(TARGETS), N))
    labels = {name: row.tolist() for name, row in zip(TARGETS, values, strict=True)}
    CrystalTable.from_structures(rocksalts(N), properties=labels).write(path)
    return path


@pytest.fixture(scope="module")
def trained(table: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    folder = tmp_path_factory.mktemp("training")
    store = f"sqlite:///{folder / 'mlflow.db'}"
    command = ("train", table, "--validation", table, "--folder", folder, "--passes", 1)
    return folder, galena(*command, "--tracking-uri", store, "--json")


def test_the_trained_model_predicts(trained: tuple[Path, Result], tmp_path: Path) -> None:
    _, done = trained
    assert done.exit_code == ExitCode.OK, done.output
    facts = json.loads(done.stdout)
    assert set(facts["metrics"]) == set(TARGETS)
    crystal = tmp_path / "crystal.cif"
    rocksalts(1)[0].to(filename=str(crystal))
    predicted = galena("predict", crystal, "--json", "--model", facts["folder"])
    assert predicted.exit_code == ExitCode.OK, predicted.output
    assert json.loads(predicted.stdout)["model"] == facts["model"]


def test_curves_are_in_mlflow(trained: tuple[Path, Result]) -> None:
    import sqlite3
    from contextlib import closing

    folder, _ = trained
    with closing(sqlite3.connect(folder / "mlflow.db")) as database:
        keys = {row[0] for row in database.execute("SELECT DISTINCT key FROM metrics")}
    assert "val/band_gap_mae" in keys


def test_other_settings_in_the_same_folder_are_refused(
    trained: tuple[Path, Result], table: Path
) -> None:
    folder, _ = trained
    command = ("train", table, "--validation", table, "--folder", folder, "--passes", 2)
    done = galena(*command)
    assert done.exit_code == ExitCode.ERROR
    assert "other settings" in done.stderr
