from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from campaigns.cli.app import app
from campaigns.cli.show import ExitCode
from campaigns.screening.files import predict_files
from models.inference import Predictor
from tests.campaigns.crystal_files import rocksalts, write_mixture
from tests.campaigns.small_model import save_small_model

TARGETS = ("band_gap", "formation_energy_per_atom", "energy_above_hull")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_small_model(tmp_path_factory.mktemp("model"))


def galena(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments], env={"COLUMNS": "120"})


def test_two_hundred_files_sixty_of_them_broken(tmp_path: Path, model: Path) -> None:
    write_mixture(tmp_path / "crystals", good=140, bad=60)
    command = [sys.executable, "-m", "campaigns.cli", "predict", str(tmp_path / "crystals")]
    done = subprocess.run(
        [*command, "--json", "--model", str(model)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == ExitCode.PARTIAL, done.stderr
    found = json.loads(done.stdout)
    names = [Path(row["name"]).name for row in found["predictions"]]
    assert len(names) == 140
    assert all(name.startswith("good-") for name in names)
    failures = {Path(row["name"]).name: row["error"] for row in found["failures"]}
    assert len(failures) == 60
    assert all(name.startswith("bad-") for name in failures)
    assert all(reason.strip() and "\n" not in reason for reason in failures.values())
    for row in found["predictions"]:
        for target in TARGETS:
            assert isinstance(row[target], float)
            assert row[f"{target}_std"] > 0


def test_all_good_is_exit_0_and_a_table(tmp_path: Path, model: Path) -> None:
    write_mixture(tmp_path / "c", good=4, bad=0)
    done = galena("predict", tmp_path / "c", "--model", model)
    assert done.exit_code == ExitCode.OK
    for crystal in rocksalts(4):
        assert crystal.composition.reduced_formula in done.stdout
    assert done.stdout.count("±") == 4 * 4  # masses and is_metal have no room
    assert "log10_hole_mass" in done.stderr
    assert "eV/atom" in done.stdout


def test_names_are_shown_as_they_are(tmp_path: Path, model: Path) -> None:
    crystal = tmp_path / "[red]:x:.vasp"
    rocksalts(1)[0].to(filename=str(crystal), fmt="poscar")
    done = galena("predict", crystal, "--model", model)
    assert "[red]:x:.vasp" in "".join(done.stdout.split())


def test_failures_are_named_beside_the_table(tmp_path: Path, model: Path) -> None:
    write_mixture(tmp_path / "c", good=2, bad=1)
    done = galena("predict", tmp_path / "c", "--model", model)
    assert done.exit_code == ExitCode.PARTIAL
    assert "bad-000.cif" in done.stderr
    assert "bad-000.cif" not in done.stdout
    assert "2 predicted, 1 failed" in done.stderr


def test_every_number_stands_beside_its_own_crystal(tmp_path: Path, model: Path) -> None:
    write_mixture(tmp_path, good=5, bad=3)
    (tmp_path / "good-002-broken.cif").write_bytes(b"")  # an error between good ones
    predictor = Predictor.load(model, device="cpu")
    frame = predict_files([tmp_path], predictor, size=4)
    good = frame[frame["error"].isna()]
    expected = predictor.predict(rocksalts(5))
    assert good["formula"].tolist() == [c.reduced_formula for c in rocksalts(5)]
    for target in TARGETS:
        mean, std = expected.column(target)
        np.testing.assert_allclose(good[target], mean, atol=1e-4)
        np.testing.assert_allclose(good[f"{target}_std"], std, atol=1e-4)


@pytest.mark.parametrize("content", [None, b"", b"\x00\x01"])
def test_nothing_predicted_is_exit_1(
    tmp_path: Path, model: Path, content: bytes | None
) -> None:
    path = tmp_path / "lost.cif"
    if content is not None:
        path.write_bytes(content)
    done = galena("predict", path, "--model", model)
    assert done.exit_code == ExitCode.ERROR
    assert "lost.cif" in done.stderr


def test_an_element_never_seen_costs_its_own_row(tmp_path: Path, model: Path) -> None:
    write_mixture(tmp_path / "c", good=1, bad=0)
    crystal = rocksalts(1)[0].copy()
    crystal.replace_species({"O": "He"})
    crystal.to(filename=str(tmp_path / "c" / "helium.cif"))
    done = galena("predict", tmp_path / "c", "--json", "--model", model)
    assert done.exit_code == ExitCode.PARTIAL
    (failure,) = json.loads(done.stdout)["failures"]
    assert "He" in failure["error"]


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".json"])
def test_output_files_hold_every_row(tmp_path: Path, model: Path, suffix: str) -> None:
    write_mixture(tmp_path / "c", good=3, bad=2)
    out = tmp_path / f"out{suffix}"
    assert galena("predict", tmp_path / "c", "-o", out, "--model", model).exit_code == 3
    if suffix == ".json":
        found = json.loads(out.read_text())
        assert [len(found["predictions"]), len(found["failures"])] == [3, 2]
        return
    frame = pd.read_csv(out) if suffix == ".csv" else pd.read_parquet(out)
    assert frame["error"].isna().sum() == 3
    assert frame.loc[frame["error"].isna(), "band_gap_std"].gt(0).all()
    assert frame.loc[frame["error"].notna(), "band_gap"].isna().all()


def test_existing_output_is_kept_unless_forced(tmp_path: Path, model: Path) -> None:
    write_mixture(tmp_path / "c", good=1, bad=0)
    out = tmp_path / "out.csv"
    out.write_text("precious")
    refused = galena("predict", tmp_path / "c", "-o", out, "--model", model)
    assert refused.exit_code == ExitCode.ERROR
    assert "--force" in refused.stderr
    assert out.read_text() == "precious"
    forced = galena("predict", tmp_path / "c", "-o", out, "--force", "--model", model)
    assert forced.exit_code == ExitCode.OK
    assert "band_gap" in out.read_text()


@pytest.mark.parametrize(
    ("out", "told"), [("out.xlsx", ".parquet"), ("nowhere/out.csv", "nowhere")]
)
def test_impossible_output_is_told_at_once(tmp_path: Path, out: str, told: str) -> None:
    done = galena("predict", tmp_path / "c", "-o", tmp_path / out, "--model", tmp_path)
    assert done.exit_code == ExitCode.ERROR
    assert told in done.stderr


def test_a_missing_model_is_one_line(tmp_path: Path) -> None:
    done = galena("predict", tmp_path, "--model", tmp_path / "no-model")
    assert done.exit_code == ExitCode.ERROR
    assert done.stderr.startswith("Error: ")
    assert "no-model" in done.stderr
    assert "Traceback" not in done.stderr


def test_crystals_unlike_training_are_named(tmp_path: Path, model: Path) -> None:
    write_mixture(tmp_path / "c", good=3, bad=0)
    done = galena("predict", tmp_path / "c", "--model", model, "--json")
    told = [row["in_domain"] for row in json.loads(done.stdout)["predictions"]]
    shown = galena("predict", tmp_path / "c", "--model", model)
    assert ("not in domain" in shown.stderr) == (not all(told))
    assert len(told) == 3


def test_what_is_read_is_not_written_over(tmp_path: Path, model: Path) -> None:
    write_mixture(tmp_path, good=1, bad=0)
    path = tmp_path / "own.json"
    next(tmp_path.iterdir()).rename(path)
    before = path.read_bytes()
    result = galena("predict", path, "--model", model, "-o", path, "--force")
    assert result.exit_code == 1
    assert "is read by this command" in result.stderr
    assert path.read_bytes() == before
