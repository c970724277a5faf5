"""A row of a screening tells what it passed; what has no row is counted and said so."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from campaigns.cli.app import app
from campaigns.screening.explain import explain_rows, is_screening
from campaigns.steps import Outcome
from materials.errors import InputError
from tests.campaigns.screening.guesses import rocksalt_table, screen

SPEC = {
    "filters": {
        "max_sites": 8,
        "better_than": {"incumbent": "CdTe", "on": ["companion"], "unknown": "keep"},
    },
    "constraints": ["band_gap >= 0.5"],
}


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("table") / "given.parquet"
    rocksalt_table(path, 60, broken=[4])
    return path


@pytest.mark.parametrize("name", ["folder", "file.parquet"])
@pytest.mark.parametrize("best", [None, 5])
def test_every_row_tells_its_values_and_what_was_wanted(
    table: Path, tmp_path: Path, name: str, best: int | None
) -> None:
    out = tmp_path / name
    screen(table, out, best=best, by="band_gap", **SPEC)
    assert is_screening(out)
    rows = pd.read_parquet(out)
    assert len(rows) > 2
    for row in rows.to_dict("records"):
        (trace,) = explain_rows(out, row["material_id"])
        steps = {step.stage: step for step in trace.steps}
        assert (
            all(step.outcome is not Outcome.FAILED for step in trace.steps) or row["error"]
        )
        if row["error"]:
            assert row["error"] in trace.fate
            continue
        assert "companion" in steps["better_than"].value
        wanted = [s for s in trace.steps if s.threshold == "band_gap >= 0.5"]
        assert [s.value for s in wanted] == [f"{row['band_gap']:.4g}"]
        assert steps["energy_above_hull"].source == "guess-1"
        assert ("best" in steps) is (best is not None)
    formula = rows["formula"].iloc[0]
    assert len(explain_rows(out, formula)) == (rows["formula"] == formula).sum()


def test_what_has_no_row_is_told_with_the_counts(table: Path, tmp_path: Path) -> None:
    out = tmp_path / "folder"
    screen(table, out, **SPEC)
    rows = pd.read_parquet(out)
    lost = next(f"id-{i}" for i in range(60) if f"id-{i}" not in set(rows["material_id"]))
    with pytest.raises(InputError, match=r"no row of '.*band_gap >= 0\.5 \d"):
        explain_rows(out, lost)


def test_a_file_of_anybody_is_refused(table: Path) -> None:
    with pytest.raises(InputError, match="does not say how it was screened"):
        explain_rows(table, "id-1")


def test_the_command_tells_a_row(table: Path, tmp_path: Path) -> None:
    out = tmp_path / "file.parquet"
    screen(table, out, **SPEC)
    name = pd.read_parquet(out)["material_id"].iloc[-1]
    done = CliRunner().invoke(app, ["explain", name, "--folder", str(out)])
    assert done.exit_code == 0, done.output
    assert "band_gap >= 0.5" in done.stdout
    none = CliRunner().invoke(app, ["explain", "--folder", str(out)])
    assert none.exit_code == 1
    assert "name a row" in none.stderr
