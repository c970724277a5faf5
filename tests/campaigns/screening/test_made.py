from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from campaigns.cli.app import app
from campaigns.cli.show import ExitCode
from campaigns.screening import run
from campaigns.screening.sources import open_source
from campaigns.screening.spec import ScreenSpec
from materials.errors import InputError
from materials.table import CrystalTable
from models.inference import Predictor
from tests.campaigns.small_model import save_small_model

SPEC = """
candidates:
  elements: {{allowed: [Ga, As, Zn, S, Cu], forbidden: [Pb]}}
  n_species: [2]
  max_sites: 4
  limit: {limit}
  seed: {seed}
rows_per_shard: 16
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_small_model(tmp_path_factory.mktemp("model"))


def galena(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["screen", *map(str, arguments)], env={"COLUMNS": "120"})


def spec_file(folder: Path, *, limit: object = 40, seed: int = 0) -> Path:
    path = folder / f"made-{limit}-{seed}.yaml"
    path.write_text(SPEC.format(limit=limit, seed=seed), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, model: Path) -> Path:
    root = tmp_path_factory.mktemp("made")
    done = galena(spec_file(root), "-o", root / "out", "--model", model)
    assert done.exit_code == ExitCode.OK, done.stderr
    return root / "out"


def test_made_candidates_are_a_crystal_table_with_the_same_predictions(
    tmp_path: Path, folder: Path, model: Path
) -> None:
    table = CrystalTable.open(folder)
    frame = pd.read_parquet(folder)
    assert len(table) == len(frame) == 40
    assert frame["material_id"].is_unique
    crystals = list(table.structures())
    formulas = [crystal.composition.reduced_formula for crystal in crystals]
    assert len(formulas) == 40
    found = Predictor.load(model, device="cpu").predict(crystals)
    for target in found.targets:
        mean, std = found.column(target)
        np.testing.assert_allclose(frame[target], mean, atol=2e-4)
        np.testing.assert_allclose(frame[f"{target}_std"], std, atol=2e-4)
    again = galena(folder, "-o", tmp_path / "again.parquet", "--model", model)
    assert again.exit_code == ExitCode.OK, again.stderr
    second = pd.read_parquet(tmp_path / "again.parquet")
    assert list(second["material_id"]) == list(frame["material_id"])
    np.testing.assert_allclose(second["band_gap"], frame["band_gap"], atol=2e-4)


def test_limit_and_seed_say_which(tmp_path: Path, folder: Path, model: Path) -> None:
    names = list(pd.read_parquet(folder)["material_id"])
    for limit, seed in ((20, 0), (40, 1)):
        path = spec_file(tmp_path, limit=limit, seed=seed)
        out = tmp_path / path.stem
        assert galena(path, "-o", out, "--model", model).exit_code == ExitCode.OK
        found = list(pd.read_parquet(out)["material_id"])
        assert len(found) == limit
        assert (found == names[:limit]) == (seed == 0)
    every = open_source(ScreenSpec.load(spec_file(tmp_path, limit="null")))
    assert sum(map(len, every.shards)) > 40


def test_another_seed_in_the_folder_is_refused(
    tmp_path: Path, folder: Path, model: Path
) -> None:
    done = galena(spec_file(tmp_path, seed=3), "-o", folder, "--model", model)
    assert done.exit_code == ExitCode.ERROR
    assert "seed: begun with 0, now 3" in done.stderr


def test_the_best_are_told_as_written(tmp_path: Path, model: Path) -> None:
    out = tmp_path / "best"
    options = ["--best", 3, "--by", "band_gap", "--order", "highest", "--top", 3, "--json"]
    done = galena(spec_file(tmp_path), "-o", out, "--model", model, *options)
    assert done.exit_code == ExitCode.OK, done.stderr
    told = json.loads(done.stdout)
    frame = pd.read_parquet(out)
    assert told["written"] == len(frame) == 3
    assert [row["material_id"] for row in told["top"]] == list(frame["material_id"])
    assert frame["band_gap"].is_monotonic_decreasing


def test_what_is_best_is_checked_before_the_work(tmp_path: Path, model: Path) -> None:
    out = tmp_path / "out"
    options = ["--top", 3, "--by", "formula"]
    done = galena(spec_file(tmp_path), "-o", out, "--model", model, *options)
    assert done.exit_code == ExitCode.ERROR
    assert "no predicted column 'formula'" in done.stderr
    assert not out.exists()


def test_a_file_that_is_there_is_kept_unless_a_screening_into_it_was_begun(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.parquet"
    out.write_bytes(b"mine")
    arguments = [spec_file(tmp_path), "-o", out, "--model", model]
    done = galena(*arguments)
    assert done.exit_code == ExitCode.ERROR
    assert "--force" in done.stderr
    assert out.read_bytes() == b"mine"

    def stop(*_: object) -> None:
        raise InputError("stopped before the end")

    with monkeypatch.context() as patch:
        patch.setattr(run, "_write", stop)
        assert galena(*arguments, "--force").exit_code == ExitCode.ERROR
    assert out.read_bytes() == b"mine"
    done = galena(*arguments)
    assert done.exit_code == ExitCode.OK, done.stderr
    assert "went on after" in done.stdout
    assert len(pd.read_parquet(out)) == 40
