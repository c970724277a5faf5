"""``galena novelty`` from the command line."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from campaigns.cli.app import app
from materials.table import CrystalTable
from tests.materials.novelty.crystals import FLUORITE, HALITE, WURTZITE
from tests.tables import chain, columns_of, stored

BIGGER = WURTZITE.make_supercell([2, 1, 1], in_place=False)


def galena(*words):
    return CliRunner().invoke(app, ["novelty", *map(str, words)])


@pytest.fixture
def known(tmp_path):
    path = tmp_path / "known.parquet"
    CrystalTable.from_structures([HALITE, FLUORITE], ids=["salt", "fluorite"]).write(path)
    return path


@pytest.fixture
def candidates(tmp_path):
    path = tmp_path / "candidates.parquet"
    some = [HALITE, WURTZITE, BIGGER]
    CrystalTable.from_structures(some, ids=["a", "b", "c"]).write(path)
    return path


def test_few_candidates_are_printed_with_reasons(candidates, known):
    result = galena(candidates, "--known", known)
    assert result.exit_code == 0, result.output
    assert "salt" in result.stdout
    assert "same structure" in " ".join(result.stdout.split())
    last = result.stdout.splitlines()[-1]
    assert last == "3 candidates against 2 known crystals: 1 new, 1 known, 1 duplicate"


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_rows_are_written(candidates, known, tmp_path, suffix):
    output = tmp_path / f"out{suffix}"
    assert galena(candidates, "-k", known, "-o", output).exit_code == 0
    read = pd.read_parquet if suffix == ".parquet" else pd.read_csv
    frame = read(output)
    assert frame["status"].tolist() == ["known", "new", "duplicate"]
    assert frame["equals"].tolist()[::2] == ["salt", "b"]
    again = galena(candidates, "-k", known, "-o", output)
    assert again.exit_code == 1
    assert "--force" in again.stderr
    assert galena(candidates, "-k", known, "-o", output, "--force").exit_code == 0


def test_rows_that_cannot_be_used_make_code_3(candidates, tmp_path):
    table = columns_of(CrystalTable.open(candidates))
    n_sites = table.column("n_sites").to_pylist()
    broken = columns_of(CrystalTable.open(candidates), n_sites=None).append_column(
        "n_sites", [[n_sites[0], 99, n_sites[2]]]
    )
    path = stored(tmp_path / "broken.parquet", broken)
    result = galena(path, "-o", tmp_path / "out.parquet")
    assert result.exit_code == 3
    rows = pq.read_table(tmp_path / "out.parquet").to_pylist()
    (bad,) = [row for row in rows if row["status"] == "failed"]
    assert bad["reason"] == "row 1 (b): n_sites is 99, but atomic_numbers has 4"


def test_many_candidates_are_counted_not_listed(tmp_path):
    path = tmp_path / "many.parquet"
    CrystalTable.from_structures(chain(30)).write(path)
    result = galena(path)
    assert result.exit_code == 0
    (line,) = result.stdout.splitlines()
    assert line.startswith("30 candidates: ")


def test_json_and_the_modes(candidates, known, tmp_path):
    result = galena(candidates, "-k", known, "--by", "formula", "--json")
    counts = json.loads(result.stdout)
    assert counts == {
        "known_crystals": 2,
        "candidates": 3,
        "new": 0,
        "known": 3,
        "duplicate": 0,
        "failed": 0,
        "output": None,
    }
    for mode in ("structure", "pymatgen", "fingerprint"):
        counts = json.loads(galena(candidates, "-k", known, "--by", mode, "--json").stdout)
        assert (counts["known"], counts["new"], counts["duplicate"]) == (1, 1, 1)


def test_an_index_file_is_made_and_checked(candidates, known, tmp_path):
    index = tmp_path / "known.safetensors"
    first = galena(candidates, "-k", known, "--index", index, "--json")
    assert index.exists()
    assert (
        galena(candidates, "-k", known, "--index", index, "--json").stdout == first.stdout
    )
    result = galena(candidates, "-k", known, "--index", tmp_path / "known.npz")
    assert result.exit_code == 1
    assert ".safetensors" in result.stderr


def test_tolerances_reach_the_search(known, tmp_path):
    stretched = HALITE.copy()
    stretched.lattice = HALITE.lattice.matrix @ np.diag([1.1, 1.0, 1.0])
    path = tmp_path / "stretched.parquet"
    CrystalTable.from_structures([stretched]).write(path)
    for options, n in (((), 1), (("--length", 0.01), 0), (("--angle", 0.5), 0)):
        assert (
            json.loads(galena(path, "-k", known, "--json", *options).stdout)["known"] == n
        )
    options = ("--json", "--by", "fingerprint", "--near")
    for near, n in ((0.5, 1), (0.001, 0)):
        assert json.loads(galena(path, "-k", known, *options, near).stdout)["known"] == n
    assert "tolerance site is 0" in galena(path, "--site", "0").stderr


def test_it_is_said_where_nothing_is_known_after_all(candidates, known, tmp_path):
    nothing = tmp_path / "nothing.parquet"
    pq.write_table(pq.read_table(known).slice(0, 0), nothing)
    result = galena(candidates, "-k", nothing)
    assert result.exit_code == 0, result.output
    assert "no crystal to compare with" in result.stderr
    assert "no crystal to compare with" not in galena(candidates).stderr
