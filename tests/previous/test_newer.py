"""What a newer Galena wrote is refused before any of it is read, and left as it is."""

from __future__ import annotations

import json
import sqlite3
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import save_file

from campaigns.backtests.records import Records
from campaigns.backtests.verdict import warning
from campaigns.ledger import Ledger
from campaigns.oracles.records import read_records
from campaigns.relaxing.journal import Journal
from campaigns.repairing import repair
from campaigns.screening.run import _as_today
from campaigns.screening.store import ShardStore
from materials.candidates.types_file import read_types
from materials.errors import GalenaError
from materials.novelty.files import load_index
from materials.sources.store import PULL, PullStore
from materials.table import CrystalTable
from models.loading import load_predictor
from models.measured.gap import SHIPPED, read_manifest
from models.training.checkpoint import BEFORE, newest_checkpoint, read_checkpoint
from models.training.record import keep_record

NEWER, WRITER = 99, "9.8.7"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    archives = sorted(Path(__file__).parent.glob("*/files.zip"))
    folder = tmp_path_factory.mktemp("newer")
    with zipfile.ZipFile(archives[-1]) as archive:
        archive.extractall(folder)
    return folder


def refused(read: Callable[[], object], *paths: Path) -> None:
    before = [path.read_bytes() for path in paths]
    with pytest.raises(GalenaError) as error:
        read()
    told = str(error.value)
    for part in (WRITER, f"format {NEWER}", "pip install --upgrade galena-materials"):
        assert part in told
    assert [path.read_bytes() for path in paths] == before


def marked(path: Path, *inner: str) -> Path:
    """Say in a JSON file, at a key or at the top, that it is newer."""
    content = json.loads(path.read_text(encoding="utf-8"))
    content.pop("crc32", None)  # a newer Galena's own would be right
    here: dict[str, Any] = content
    for key in inner:
        here = here[key]
    here |= {"format": NEWER, "galena": WRITER}
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def lines(path: Path, key: str | None) -> Path:
    """The first of JSON lines says it is newer."""
    stamp = {"format": NEWER, "galena": WRITER}
    path.write_text(json.dumps(stamp if key is None else {key: stamp}) + "\n")
    return path


def stamped(path: Path, key: str) -> Path:
    """A Parquet file that says it is newer."""
    table = pq.read_table(path)
    about = {key: json.dumps({"format": NEWER, "galena": WRITER})}
    pq.write_table(table.replace_schema_metadata(about), path)
    return path


def test_a_ledger(written: Path) -> None:
    path = written / "campaign" / "ledger.sqlite"
    with sqlite3.connect(path) as ledger:
        put = "INSERT OR REPLACE INTO meta VALUES (?, ?)"
        ledger.execute(put, ("schema_version", str(NEWER)))
        ledger.execute(put, ("written_by", json.dumps(WRITER)))
    refused(lambda: Ledger(path), path)
    assert not list(path.parent.glob("*.format-*"))
    copy = path.with_name("ledger.copy.sqlite")
    Ledger(written / "pool" / "ledger.sqlite").close()
    copy.write_bytes((written / "pool" / "ledger.sqlite").read_bytes())
    refused(lambda: repair(path.parent), path, copy)


def test_a_screening(written: Path) -> None:
    path = marked(written / "screening" / "_manifest.json", "screening")
    refused(lambda: ShardStore(path.parent, _as_today).begin({}), path)


def test_a_pull(written: Path) -> None:
    folder = written / "pulling.parquet.pull"
    path = marked(folder / "header.json")

    def open_it() -> None:
        with PullStore(folder).opened(PULL.stamp(), fresh=False):
            pass

    refused(open_it, path, folder / "shard-00000.parquet")


def test_a_checkpoint(written: Path) -> None:
    path = written / "training" / "last.pt"
    before = path.read_bytes()
    content = torch.load(path, weights_only=True)
    torch.save({**content, "format": NEWER, "galena": WRITER}, path)
    refused(lambda: read_checkpoint(path), path)
    (path.parent / BEFORE).write_bytes(before)
    refused(lambda: newest_checkpoint(path.parent), path)


def test_the_records_of_a_training(written: Path) -> None:
    path = marked(written / "training" / "train_config.json")
    refused(lambda: keep_record(path, {}), path)
    path = lines(written / "training.json", None)
    refused(lambda: keep_record(path, {}), path)


@pytest.mark.parametrize("name", ["model", "own/model"])
def test_a_model(written: Path, name: str) -> None:
    path = marked(written / name / "config.json")
    refused(lambda: load_predictor(path.parent), path)


def test_a_model_of_measured_gaps(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_bytes((SHIPPED / "config.json").read_bytes())
    refused(lambda: read_manifest(tmp_path), marked(path))


def test_an_index_is_not_replaced_by_an_older_one(written: Path) -> None:
    path = written / "known.safetensors"
    with safe_open(path, framework="numpy") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    about = {"format": f"galena-novelty-{NEWER}", "made_from": "x", "galena": WRITER}
    save_file(arrays, path, about)
    refused(lambda: load_index(path, made_from="x"), path)


def test_a_crystal_table(written: Path) -> None:
    path = stamped(written / "crystals.parquet", "galena_table")
    refused(lambda: CrystalTable.open(path), path)


def test_a_file_of_structure_types(written: Path) -> None:
    path = written / "labelled.parquet"
    table = pq.read_table(path)
    for name in ("structure_type", "species", "symmetry"):
        table = table.append_column(name, table["material_id"])
    pq.write_table(table, path)
    refused(lambda: read_types(path), stamped(path, "galena_types"))


def test_relaxations(written: Path) -> None:
    path = lines(written / "journal.jsonl", "relaxing")
    refused(lambda: Journal(path, {}).__enter__(), path)


def test_a_back_test(written: Path) -> None:
    path = lines(written / "replays.jsonl", "backtest")
    refused(lambda: Records(path, {}), path)
    content = {"name": "x", "facts": {"model": "y"}, "strategies": []}
    result = written / "backtest.json"
    result.write_text(json.dumps({**content, "format": NEWER, "galena": WRITER}))
    refused(lambda: warning(result), result)


def test_competing_phases(written: Path) -> None:
    path = lines(written / "phases.jsonl", None)
    with path.open("a", encoding="utf-8") as file:
        file.write("{}\n")
    refused(lambda: list(read_records(path)), path)
