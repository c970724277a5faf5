from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from campaigns.cli.app import app
from materials.table import CrystalTable
from tests.campaigns.small_model import save_small_model
from tests.tables import chain

RUN = CliRunner()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench")
    labels = {"band_gap": np.arange(40) % 2 * 1.5}
    CrystalTable.from_structures(chain(40), properties=labels).write(folder / "t.parquet")
    save_small_model(folder / "mine")
    return folder


def bench(folder, *options):
    table = str(folder / "t.parquet")
    return RUN.invoke(
        app, ["bench", "accuracy", table, table, "--skip-baselines", *options]
    )


def test_a_folder_is_measured_under_its_name(folder):
    result = bench(
        folder, "--model", str(folder / "mine"), "--json", "-o", f"{folder}/o.json"
    )
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert "mine" in {m["method"] for m in report["methods"]}
    figure = report["methods"][0]["scores"]["band_gap"]["mae"]
    assert figure["low"] <= figure["value"] <= figure["high"]
    assert report["methods"][0]["metal"] is not None
    assert json.loads((folder / "o.json").read_text()) == report


def test_tables_name_the_interval_and_what_was_left_out(folder):
    result = bench(folder, "--model", str(folder / "mine"))
    assert result.exit_code == 0, result.output
    for text in ("band gap, eV (40 crystals)", "ROC-AUC", "95 %", "left out as asked"):
        assert text in result.stdout


def test_every_shipped_model_is_measured_where_none_is_named(folder, monkeypatch):
    from models import pretrained

    for name in ("gated", "other"):
        save_small_model(folder / "weights" / name)
    monkeypatch.setattr(pretrained, "WEIGHTS", folder / "weights")
    result = bench(folder, "--json")
    methods = [m["method"] for m in json.loads(result.stdout)["methods"]]
    assert methods[:2] == ["gated", "other"]


def test_folders_of_one_name_are_told_apart(folder):
    twins = [str(folder / parent / "model") for parent in ("a", "b")]
    for twin in twins:
        save_small_model(Path(twin))
    result = bench(folder, "--json", "--model", twins[0], "--model", twins[1])
    methods = [m["method"] for m in json.loads(result.stdout)["methods"]]
    assert methods[:2] == twins


def test_a_place_that_cannot_be_written_is_said_before_the_work(folder, monkeypatch):
    monkeypatch.setattr("models.evaluation.accuracy.run", None)  # asking it would fail
    result = bench(folder, "-o", str(folder / "nowhere" / "o.json"))
    assert result.exit_code == 1
    assert "does not exist" in result.stderr


def test_a_model_that_is_not_there_is_said(folder):
    result = bench(folder, "--model", "nowhere")
    assert result.exit_code != 0


@pytest.mark.slow
def test_speed_is_measured_in_tables_a_file_and_a_picture(folder):
    from campaigns.speed.figure import draw
    from campaigns.speed.report import Wanted, run_speed, write_json
    from campaigns.speed.tables import as_tables, notes

    said: list[str] = []
    report = run_speed(
        folder / "t.parquet",
        {"mine": folder / "mine"},
        Wanted(peers=False, cluster=False, candidates=(60,)),
        tell=said.append,
    )
    assert {one.model for one in report.ours} == {"mine"}
    assert all(one.outcome.crystals == 40 for one in report.ours)
    assert report.growth[0].crystals == 60
    for found in (report.growth[0], report.fastest.outcome):
        assert found.peak_mib >= found.base_mib > 0
        assert 0.0 < found.outside_network < 1.0
    assert {one.way for one in report.deviations["cpu"]} >= {"float32, compiled"}
    assert all(one.in_deviations < 0.05 for one in report.deviations["cpu"][:2])
    assert report.roofs[0].share > 0.0
    write_json(report, folder / "speed.json")
    assert (
        json.loads((folder / "speed.json").read_text())["summary"]["fastest_peer"] is None
    )
    draw(report, folder / "speed.png")
    assert (folder / "speed.png").stat().st_size > 10_000
    assert all(table.row_count for table in as_tables(report))
    assert "crystals/s from Parquet to Parquet" in "\n".join(notes(report))
