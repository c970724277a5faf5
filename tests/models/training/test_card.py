from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from pymatgen.core import Lattice, Structure

from materials.errors import InputError
from materials.provenance import file_sha256
from materials.table import CrystalTable
from models.evaluation.study import reliability, study
from models.pretrained import SAME_DATA, load_bundle
from models.training.card import CALIBRATION_PLOT, CARD, model_card, write_card
from models.training.footprint import Effort
from models.uncertainty.halves import calibrating
from tests.models.samples import SMALL, random_arrays, random_bundle
from tests.tables import columns_of, stored

EFFORT = Effort("cpu-core", n_devices=2, memory=8.0, hours=1.5)


def table(path, n: int = 120, **labels):
    arrays = random_arrays(n, seed=3)
    crystals = [Structure(Lattice(cell), z, frac) for z, frac, cell in arrays]
    gap = np.where(np.arange(n) % 3, np.arange(n) / 40, 0.0)
    labels = labels or {"band_gap": gap, "formation_energy_per_atom": -gap}
    made = CrystalTable.from_structures(crystals, properties=labels)
    return stored(path, columns_of(made, release=pa.array(["2018"] * n)))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("card")
    random_bundle(folder / "model", net=SMALL)
    rows = table(folder / "val.parquet")
    calibrated_on(folder / "model", rows, 120)
    return folder / "model", write_card(folder / "model", rows, EFFORT)


def calibrated_on(model, rows, n: int) -> None:
    config = json.loads((model / "config.json").read_text())
    config["validation"] |= {"sha256": file_sha256(rows), "rows": n}
    (model / "config.json").write_text(json.dumps(config))


def test_the_card_says_what_a_card_must(written):
    folder, found = written
    card = (folder / CARD).read_text(encoding="utf-8")
    for heading in (
        *("Intended use", "Data", "Accuracy", "Calibration", "Where it fails", "Cost"),
        *("Carbon dioxide of training", "Out of domain", "Limits"),
    ):
        assert f"\n## {heading}\n" in card
    for text in (
        "CC BY 4.0",
        "10.1063/1.4812323",
        found.sha256,
        "95 % intervals",
        "all data",
    ):
        assert text in card
    assert max(len(line) for line in card.splitlines() if not line.startswith("|")) <= 92
    assert "NaN" not in card
    assert "nan" not in card.split()


def test_figures_in_the_card_are_those_measured(written):
    folder, found = written
    card = (folder / CARD).read_text(encoding="utf-8")
    for figures in found.scores.values():
        mae = figures.mae
        assert f"{mae.value:.4f} ({mae.low:.4f} – {mae.high:.4f})" in card
    assert f"{found.metal.value:.4f}" in card
    assert f"{EFFORT.kilowatt_hours:.2g} kWh" in card
    for kind in ("chemistry", "gap", "atoms", "element"):
        group = next(g for g in found.groups if g.kind == kind)
        assert f"| {group.name} | {group.rows} |" in card


def test_the_plot_lies_beside_the_card(written):
    folder, found = written
    assert f"]({CALIBRATION_PLOT})" in (folder / CARD).read_text(encoding="utf-8")
    assert (folder / CALIBRATION_PLOT).read_bytes().startswith(b"\x89PNG")
    assert found.reliability["band_gap"].rows <= 60


def test_only_rows_that_did_not_calibrate_are_compared_with_deviations(tmp_path):
    random_bundle(tmp_path, net=SMALL)
    rows = table(tmp_path / "other.parquet")
    assert study(tmp_path, rows).reliability["band_gap"].rows > 60  # all of a fresh table
    calibrated_on(tmp_path, rows, 119)
    with pytest.raises(InputError, match="120 usable rows, 119 when"):
        study(tmp_path, rows)


def test_the_manifest_alone_makes_a_card_too(written):
    manifest = load_bundle(written[0]).manifest
    card = model_card(manifest)
    assert "## Accuracy" not in card
    assert f"{manifest.metrics['band_gap'].mae:.4f}" in card
    shared = replace(manifest, training=replace(manifest.training, where=SAME_DATA))
    assert "Track: same data" in model_card(shared)


def test_a_table_without_the_targets_is_refused(written, tmp_path):
    with pytest.raises(InputError, match="no column labels band_gap"):
        write_card(written[0], table(tmp_path / "t.parquet", hardness=np.ones(120)), EFFORT)


def test_deviations_that_tell_the_truth_are_seen_to():
    rng = np.random.default_rng(0)
    std = rng.uniform(0.1, 2.0, 20_000)
    error = np.abs(rng.normal(scale=std))
    honest = reliability(error, std)
    assert honest.error == pytest.approx(honest.std, rel=0.1)
    assert honest.within == pytest.approx((0.383, 0.683, 0.866, 0.954, 0.997), abs=0.01)
    boastful = reliability(error, std / 2)
    assert np.all(np.array(boastful.error) > 1.7 * np.array(boastful.std))


def test_half_of_the_rows_calibrate():
    half = calibrating(101)
    assert half.sum() == 51
    assert (half == calibrating(101)).all()
    assert half[:50].any()
    assert half[50:].any()
