"""What previous versions wrote is opened, shows what it showed, and is gone on with."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from campaigns.results import open_view
from materials.novelty.files import load_index, tables_hash
from materials.table import CrystalTable
from tools.previous import steps

HERE = Path(__file__).parent
VERSIONS = sorted(path.parent.name for path in HERE.glob("*/files.zip"))
CLOSE = 1e-4
"""As golden numbers: what rounding may change."""


@pytest.fixture(scope="module", params=VERSIONS)
def previous(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """A folder as that version left it, which is the working folder too."""
    folder = tmp_path_factory.mktemp("previous")
    with zipfile.ZipFile(HERE / request.param / "files.zip") as archive:
        archive.extractall(folder)
    shutil.copy(HERE / request.param / "expected.json", folder)
    before = Path.cwd()
    os.chdir(folder)
    yield Path()
    os.chdir(before)


@pytest.fixture
def expected(previous: Path) -> dict:
    return json.loads((previous / "expected.json").read_text(encoding="utf-8"))


def there(folder: Path, name: str) -> Path:
    if not (folder / name).exists():
        pytest.skip(f"that version wrote no {name}")
    return folder / name


def assert_alike(old: pd.DataFrame, new: pd.DataFrame) -> None:
    assert list(old.columns) == list(new.columns)
    for column in old.columns:
        if pd.api.types.is_float_dtype(old[column]) and column != "seconds":
            np.testing.assert_allclose(
                new[column], old[column], rtol=CLOSE, atol=CLOSE, err_msg=column
            )
        elif old[column].dtype != object or isinstance(old[column].iloc[0], str):
            assert list(new[column]) == list(old[column]), column


def test_there_is_something_to_test() -> None:
    assert len(VERSIONS) >= 2


def test_tables_are_what_they_were(previous: Path) -> None:
    table = CrystalTable.open(previous / "crystals.parquet")
    pulled = CrystalTable.open(previous / "pulled.parquet")
    assert len(table) == len(pulled) == len(steps.CRYSTALS)
    for row, other in zip(table.rows(), steps.structures(), strict=True):
        assert row.error is None
        assert row.structure().matches(other)


def test_a_pull_is_gone_on_with(previous: Path) -> None:
    assert (previous / "pulling.parquet.pull").exists()
    sources = [str(previous / "files" / part) for part in ("one", "two")]
    steps.cli("data", "pull", *sources, "-o", str(previous / "pulling.parquet"))
    dated = ["retrieved"]
    old, new = (
        CrystalTable.open(previous / name).to_pandas().drop(columns=dated)
        for name in ("pulled.parquet", "pulling.parquet")
    )
    assert_alike(old, new)
    assert not (previous / "pulling.parquet.pull").exists()


def test_a_screening_is_read_and_gone_on_with(previous: Path, expected: dict) -> None:
    begun = len(list((previous / "screening").glob("part-*.parquet")))
    assert begun == 2
    old = pd.DataFrame(expected["screened"])
    assert_alike(old, pd.read_parquet(previous / "screened")[list(old.columns)])
    steps.screen(previous, "screening")
    manifest = json.loads((previous / "screening" / "_manifest.json").read_text())
    assert manifest["complete"]
    assert_alike(old, pd.read_parquet(previous / "screening")[list(old.columns)])
    kept = (previous / "screened" / "part-00001.parquet").read_bytes()
    assert (previous / "screening" / "part-00001.parquet").read_bytes() == kept


def test_an_index_serves_and_says_the_same(previous: Path) -> None:
    old = pd.read_csv(previous / "novelty.csv")
    table = CrystalTable.open(previous / "crystals.parquet")
    index = load_index(previous / "known.safetensors", made_from=tables_hash([table]))
    assert index is not None
    assert len(index.store) == len(steps.CRYSTALS)
    (previous / "novelty.csv").unlink()
    steps.novelty(previous)
    assert_alike(old, pd.read_csv(previous / "novelty.csv"))


@pytest.mark.parametrize("model", ["model", "own/model"])
def test_a_model_says_what_it_said(previous: Path, model: str) -> None:
    folder = there(previous, model)
    path = previous / f"predicted_{model.partition('/')[0]}.json"
    old = json.loads(path.read_text(encoding="utf-8"))
    path.rename(previous / "before.json")
    steps.cli(
        *("predict", str(previous / "files"), "--model", str(folder)),
        *("-o", str(path), "--device", "cpu"),
    )
    new = json.loads(path.read_text(encoding="utf-8"))
    assert_json_alike(old, new)


def assert_json_alike(old: object, new: object, where: str = "") -> None:
    """Numbers are close, all else is the same; keys may have been added."""
    if isinstance(old, dict):
        for key, value in old.items():
            assert_json_alike(value, new[key], f"{where}.{key}")
    elif isinstance(old, list):
        assert len(old) == len(new), where
        for place, pair in enumerate(zip(old, new, strict=True)):
            assert_json_alike(*pair, f"{where}.{place}")
    elif isinstance(old, float):
        assert new == pytest.approx(old, rel=CLOSE, abs=CLOSE), where
    else:
        assert old == new, where


def test_a_training_is_gone_on_with(previous: Path, expected: dict) -> None:
    history = previous / "training" / "history.json"
    assert len(json.loads(history.read_text())) < len(expected["trained"])
    steps.train(previous, "training")
    assert_json_alike(expected["trained"], json.loads(history.read_text()))


def test_relaxations_are_gone_on_with(previous: Path) -> None:
    journal = previous / ".relaxing.parquet.relaxing" / "journal.jsonl"
    assert len(journal.read_text().splitlines()) == 2
    steps.relax(previous, "relaxing.parquet")
    names = ["material_id", "energy_per_atom", "n_steps", "converged"]
    old, new = (
        CrystalTable.open(previous / f"{name}.parquet").to_pandas()[names]
        for name in ("relaxed", "relaxing")
    )
    assert_alike(old, new)


def shown(folder: Path) -> dict:
    view = open_view(folder)
    verdicts = view.verdicts[list(steps._SHOWN)].to_json(orient="records")
    return {
        "status": view.status,
        "shortlist": view.shortlist["candidate_id"].tolist(),
        "verdicts": json.loads(verdicts),
    }


@pytest.mark.parametrize("name", ["campaign", "pool"])
def test_a_campaign_shows_what_it_showed(previous: Path, expected: dict, name: str) -> None:
    folder = there(previous, name)
    version = schema(folder)
    assert_json_alike(expected["campaigns"][name], shown(folder))
    if version < schema(folder):  # brought up to date; the old one is kept
        kept = folder / f"ledger.format-{version}.sqlite"
        with sqlite3.connect(kept) as ledger:
            assert ledger.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert ledger.execute("SELECT count(*) FROM verdicts").fetchone()[0] > 0
    getattr(steps, name)(previous)  # nothing is left to do
    assert_json_alike(expected["campaigns"][name], shown(folder))


def schema(folder: Path) -> int:
    with sqlite3.connect(folder / "ledger.sqlite") as ledger:
        rows = dict(ledger.execute("SELECT key, value FROM meta"))
    return int(rows["schema_version"])


@pytest.mark.parametrize(
    ("name", "whole"), [("campaigning", "campaign"), ("pooling", "pool")]
)
def test_a_campaign_is_gone_on_with(
    previous: Path, expected: dict, name: str, whole: str
) -> None:
    folder = there(previous, name)
    begun = expected["campaigns"][name]["verdicts"]
    assert len(begun) == 4
    getattr(steps, name.replace("ing", "") if name == "pooling" else "campaign")(
        previous, name
    )
    now = shown(folder)
    assert_json_alike(begun, now["verdicts"][:4])
    assert_json_alike(expected["campaigns"][whole], now)


def test_answers_come_back_to_an_older_campaign(previous: Path) -> None:
    sheets = sorted(there(previous, "pool").glob("inbox/*/round-*/worksheet.csv"))
    text = sheets[0].read_text(encoding="utf-8-sig").splitlines()
    header, row = text[0].split(","), text[1].split(",")
    row[header.index("band_gap [eV]")] = "1.23"
    filled = previous / "filled.csv"
    filled.write_text(f"{text[0]}\n{','.join(row)}\n", encoding="utf-8")
    steps.cli("campaign", "answers", str(previous / "pool"), str(filled))
    found = open_view(previous / "pool").confirmations
    assert found[found["candidate_id"] == row[0]]["band_gap"].tolist() == [1.23]
