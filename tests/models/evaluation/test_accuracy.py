from __future__ import annotations

import json

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from materials.table import CrystalTable
from models.evaluation import accuracy
from tests.models.samples import SMALL, random_arrays, random_bundle


def write(path, n: int, seed: int) -> None:
    arrays = random_arrays(n, seed)
    crystals = [Structure(Lattice(cell), z, frac) for z, frac, cell in arrays]
    mean_z = np.array([float(np.mean(z)) for z, _, _ in arrays])
    labels = {
        "band_gap": np.maximum(mean_z - 20, 0) / 10,
        "formation_energy_per_atom": -mean_z,
    }
    CrystalTable.from_structures(crystals, properties=labels).write(path)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("accuracy")
    write(folder / "train.parquet", 60, seed=1)
    write(folder / "val.parquet", 30, seed=2)
    random_bundle(folder / "model", net=SMALL)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(accuracy, "_TREES", 10)
        patch.setattr(accuracy, "_ROUNDS", 20)
        return accuracy.run(
            folder / "train.parquet",
            folder / "val.parquet",
            model=folder / "model",
            limit=50,
            jobs=1,
        )


def test_every_method_is_measured_on_every_target(report):
    measured = {(score.method, score.target) for score in report.scores}
    methods = ("network", "random forest", "boosting")
    assert measured == {(m, t) for m in methods for t in accuracy.TARGETS}
    assert (report.train_rows, report.validation_rows) == (50, 30)
    assert set(report.sha256) == {"train.parquet", "val.parquet"}
    assert all(0 <= score.mae <= score.rmse for score in report.scores)


def test_composition_learns_what_composition_decides(report):
    best = report.best_baseline("formation_energy_per_atom")
    assert best.method != "network"
    assert best.mae < 1.5
    assert best.mae == min(
        report.score(m, best.target).mae for m in ("random forest", "boosting")
    )


def test_the_report_is_written_and_shown(report, tmp_path):
    accuracy.write_json(report, tmp_path / "results" / "accuracy.json")
    plain = json.loads((tmp_path / "results" / "accuracy.json").read_text())
    assert len(plain["scores"]) == 6
    assert accuracy.as_table(report).row_count == 6


def test_what_was_not_measured_is_not_found(report):
    with pytest.raises(KeyError):
        report.score("network", "hardness")
