"""Datasets of matminer and JARVIS, in files written as they write them."""

from __future__ import annotations

import gzip
import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from matminer.datasets import utils
from matminer.utils.io import load_dataframe_from_json, store_dataframe_as_json

from materials.errors import InputError, MissingExtraError, SourceError
from materials.sources import datasets, jarvis, matminer
from materials.sources.jarvis import Jarvis
from materials.sources.json_files import framed, listed
from materials.sources.matminer import Matminer
from materials.sources.protocol import Column
from materials.sources.pull import pull
from tests.materials.sources.fakes import PAIRS, zincblende
from tests.materials.sources.loopback import Answer, in_turn, quick, serving
from tests.materials.sources.test_structures import jarvis as jarvis_atoms
from tests.materials.sources.test_structures import same

GAP = "matbench_mp_gap"
CRYSTALS = [zincblende(*pair, a=5 + n / 10) for n, pair in enumerate(PAIRS)]
BINARY = "application/octet-stream"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("GALENA_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("MATMINER_DATA", raising=False)
    monkeypatch.setattr(datasets, "PAGE", 5)
    return tmp_path / "cache" / "datasets"


def frame(tmp_path: Path, **columns: Any) -> Path:
    """A data frame as matminer publishes them."""
    path = tmp_path / "published.json.gz"
    table = pd.DataFrame({"structure": CRYSTALS, **columns})
    store_dataframe_as_json(table, str(path), compression="gz")
    return path


def publish(monkeypatch, path: Path, **about: Any) -> bytes:
    """Have matminer say that ``matbench_mp_gap`` is this file."""
    content = path.read_bytes()
    every = utils._load_dataset_dict()
    every[GAP] |= {
        "hash": hashlib.sha256(content).hexdigest(),
        "num_entries": len(CRYSTALS),
        **about,
    }
    monkeypatch.setattr(utils, "_load_dataset_dict", lambda: every)
    return content


def test_matminers_rows_are_those_that_it_loads_itself(tmp_path, monkeypatch, cache):
    path = frame(tmp_path, **{"gap pbe": [n / 4 for n in range(len(CRYSTALS))]})
    content = publish(monkeypatch, path)
    out = tmp_path / "out.parquet"
    with serving(in_turn([Answer(content, kind=BINARY)])) as server:
        source = Matminer(dataset=GAP, url=server.url, session=quick())
        result = pull([source], out, duplicates="ignore")
        pull([source], out, duplicates="ignore", fresh=True)
        assert len(server.asked) == 1  # the file is kept
    theirs = load_dataframe_from_json(str(cache / "matminer" / f"{GAP}.json.gz"))
    ours = [record for page in source.pages(None) for record in page.records]
    for record, crystal in zip(ours, theirs["structure"], strict=True):
        same(record.structure, crystal)
    assert [r.values["band_gap"] for r in ours] == theirs["gap pbe"].tolist()
    assert [r.id for r in ours] == [f"{GAP}-{n}" for n in range(len(CRYSTALS))]
    assert result.table.functionals == {"PBE or PBE+U": len(CRYSTALS)}
    assert result.table.licences == {"CC-BY-4.0": len(CRYSTALS)}
    assert result.sources[0].missing == 0
    version = f"sha256:{hashlib.sha256(content).hexdigest()[:12]}"
    assert set(pq.read_table(out)["source_version"].to_pylist()) == {version}


def test_a_dataset_goes_on_at_any_row(tmp_path, monkeypatch):
    path = frame(tmp_path, mpid=[f"mp-{n}" for n in range(len(CRYSTALS))])
    content = publish(monkeypatch, path)
    with serving(in_turn([Answer(content, kind=BINARY)])) as server:
        source = Matminer(dataset=GAP, url=server.url, session=quick())
        first = list(source.pages(None))
        assert [page.cursor for page in first] == ["5", "10", None]
        for place, page in enumerate(first[:-1], start=1):
            rest = list(source.pages(page.cursor))
            assert [p.cursor for p in rest] == [p.cursor for p in first[place:]]
            ids = [[r.id for r in p.records] for p in rest]
            assert ids == [[r.id for r in p.records] for p in first[place:]]
    assert first[0].records[3].id == "mp-3"


def test_rows_without_a_name_keep_their_number(tmp_path, monkeypatch):
    content = publish(monkeypatch, frame(tmp_path))
    with serving(in_turn([Answer(content, kind=BINARY)])) as server:
        source = Matminer(dataset=GAP, url=server.url, session=quick())
        rest = next(iter(source.pages("5")))
    assert [record.id for record in rest.records][:2] == [f"{GAP}-5", f"{GAP}-6"]


def test_another_file_than_was_published_is_refused(tmp_path, monkeypatch):
    publish(monkeypatch, frame(tmp_path))
    with serving(in_turn([Answer(b"something else", kind=BINARY)])) as server:
        source = Matminer(dataset=GAP, url=server.url, session=quick())
        with pytest.raises(SourceError, match="SHA-256 differs"):
            source.identity()


def test_a_broken_row_stops_no_other(tmp_path, monkeypatch):
    path = tmp_path / "published.json.gz"
    rows = [[c.as_dict(), 1.0] for c in CRYSTALS[:3]]
    rows[1][0]["lattice"]["matrix"] = "?"
    plain = {"index": [0, 1, 2], "columns": ["structure", "gap pbe"], "data": rows}
    path.write_bytes(gzip.compress(json.dumps(plain).encode()))
    content = publish(monkeypatch, path)
    with serving(in_turn([Answer(content, kind=BINARY)])) as server:
        source = Matminer(dataset=GAP, url=server.url, session=quick())
        result = pull([source], tmp_path / "out.parquet", duplicates="ignore")
    assert result.table.rows == 2
    (rejected,) = result.rejected
    assert rejected.source_id == f"{GAP}-1"


def test_a_dataset_without_the_column_says_so(tmp_path, monkeypatch):
    path = tmp_path / "published.json.gz"
    plain = {"index": [0], "columns": ["crystal"], "data": [[CRYSTALS[0].as_dict()]]}
    path.write_bytes(gzip.compress(json.dumps(plain).encode()))
    content = publish(monkeypatch, path)
    with serving(in_turn([Answer(content, kind=BINARY)])) as server:
        source = Matminer(dataset=GAP, url=server.url, session=quick())
        result = pull([source], tmp_path / "out.parquet", duplicates="ignore")
    assert "no 'structure'" in result.rejected[0].reason


def test_matminers_own_folder_is_used(tmp_path, monkeypatch):
    path = frame(tmp_path)
    publish(monkeypatch, path)
    own = tmp_path / "own"
    own.mkdir()
    monkeypatch.setenv("MATMINER_DATA", str(own))
    (own / f"{GAP}.json.gz").write_bytes(path.read_bytes())
    with serving(in_turn([Answer(b"", 404)])) as server:
        source = Matminer(dataset=GAP, url=server.url, session=quick())
        assert sum(len(page.records) for page in source.pages(None)) == len(CRYSTALS)
        assert server.asked == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("matbench_mp_gapp", "Did you mean 'matbench_mp_gap'"),
        ("expt_gap", "has no crystals"),
    ],
)
def test_matminer_knows_its_datasets(name, reason):
    with pytest.raises(InputError, match=reason):
        matminer.dataset_about(name)


def test_what_is_known_of_matminers_datasets_is_true():
    every = utils._load_dataset_dict()
    for name, known in matminer.DATASETS.items():
        assert {column.field for column in known.columns} <= set(every[name]["columns"])
        assert "structure" in every[name]["columns"]


JARVIS_ENTRY = {
    "jid": "JVASP-1",
    "optb88vdw_bandgap": 1.5,
    "mbj_bandgap": "na",
    "formation_energy_peratom": -0.25,
    "ehull": 0.0,
    "bulk_modulus_kv": 75.0,
    "shear_modulus_gv": "na",
    "atoms": jarvis_atoms(CRYSTALS[0], cartesian=False),
}


def packed(tmp_path: Path, entries: list[Any]) -> bytes:
    """A zip of one JSON file, as figshare serves them."""
    path = tmp_path / "published.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("published.json", json.dumps(entries))
    return path.read_bytes()


def jarvis_pages(content: bytes, **fields: Any) -> list[Any]:
    pytest.importorskip("jarvis.db.figshare", reason="jarvis-tools is not installed")
    with serving(in_turn([Answer(content, kind=BINARY)])) as server:
        source = Jarvis(url=server.url, session=quick(), **fields)
        return list(source.pages(None))


def test_jarvis_entries_become_rows(tmp_path):
    others = [
        {**JARVIS_ENTRY, "jid": f"JVASP-{n}", "atoms": jarvis_atoms(c, cartesian=True)}
        for n, c in enumerate(CRYSTALS[1:], start=2)
    ]
    content = packed(tmp_path, [JARVIS_ENTRY, *others])
    pages = jarvis_pages(content, dataset="dft_3d")
    records = [record for page in pages for record in page.records]
    assert [len(page.records) for page in pages] == [5, 5, 2]
    for record, crystal in zip(records, CRYSTALS, strict=True):
        same(record.structure, crystal)
    assert records[0].values == {
        "band_gap": 1.5,
        "band_gap_mbj": None,
        "formation_energy_per_atom": -0.25,
        "energy_above_hull": 0.0,
        "bulk_modulus": 75.0,
        "shear_modulus": None,
    }
    assert records[0].functional == "OptB88vdW"
    assert records[0].provenance.source == "JARVIS"
    assert records[0].provenance.source_id == "JVASP-1"
    assert records[0].provenance.version.startswith("dft_3d, jdft_3d-")


def test_a_broken_jarvis_entry_stops_no_other(tmp_path):
    nameless = {key: value for key, value in JARVIS_ENTRY.items() if key != "jid"}
    renamed = {"jid": "JVASP-9", "crystal": JARVIS_ENTRY["atoms"]}
    (page,) = jarvis_pages(
        packed(tmp_path, [nameless, renamed, "?", JARVIS_ENTRY]), dataset="dft_3d"
    )
    assert [record.error and record.error[:26] for record in page.records] == [
        "the entry has no id: none ",
        "the entry has no 'atoms'",
        "the entry has no id: none ",
        None,
    ]


def test_other_jarvis_datasets_say_what_their_user_says(tmp_path):
    entry = {"id": "x", "e": "2", "atoms": JARVIS_ENTRY["atoms"]}
    column = (Column(name="energy", field="e"),)
    content = packed(tmp_path, [entry])
    known = {"functional": "HSE06", "licence": "CC0-1.0", "columns": column}
    (page,) = jarvis_pages(content, dataset="snumat", **known)
    (record,) = page.records
    assert (record.functional, record.provenance.licence) == ("HSE06", "CC0-1.0")
    assert record.values == {"energy": 2.0}
    (page,) = jarvis_pages(content, dataset="dft_2d", functional="HSE06")
    assert page.records[0].functional == "OptB88vdW"  # which is known


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"PK\x03\x04 not much of a zip", id="no zip"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_a_damaged_download_is_named(content):
    with pytest.raises(SourceError, match="is damaged or not what was expected"):
        jarvis_pages(content, dataset="dft_3d")


def test_a_zip_that_is_cut_is_named(tmp_path):
    content = packed(tmp_path, [JARVIS_ENTRY] * 9)
    with pytest.raises(SourceError, match="is damaged"):
        jarvis_pages(content[:-30], dataset="dft_3d")


def test_a_list_that_ends_early_is_named(tmp_path):
    path = tmp_path / "x.json"
    path.write_text('[{"jid": "a"}, {"jid": "b"')
    with pytest.raises(SourceError, match="is damaged"):
        list(listed(path))


@pytest.mark.parametrize(
    "text",
    [
        '{"index": [0], "columns": ["a", "b"], "data": [[1]]}',
        '{"index": [0], "data": [[1]]}',
        '{"columns": ["a"], "data": [[1], ',
        "<html>",
    ],
)
def test_a_frame_that_is_none_is_named(tmp_path, text):
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(SourceError, match=r"x\.json"):
        list(framed(path))


def test_jarvis_knows_its_datasets():
    pytest.importorskip("jarvis.db.figshare", reason="jarvis-tools is not installed")
    assert jarvis.dataset_file("megnet")[1] == "megnet.json"
    with pytest.raises(InputError, match="Did you mean 'dft_3d'"):
        jarvis.dataset_file("dft3d")
    for name in jarvis.DATASETS:
        jarvis.dataset_file(name)


def test_without_jarvis_tools_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "jarvis.db.figshare", None)
    with pytest.raises(MissingExtraError, match=r"galena-materials\[jarvis\]"):
        jarvis.dataset_file("dft_3d")
