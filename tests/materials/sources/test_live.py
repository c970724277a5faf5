"""A thousand crystals from a real OPTIMADE server, over a line that breaks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import numpy as np
import pyarrow.parquet as pq
import pytest

from materials.errors import SourceError
from materials.sources.http import Pace
from materials.sources.optimade import Optimade
from materials.sources.protocol import Column
from materials.sources.pull import pull
from materials.sources.query import Query
from materials.table import CrystalTable
from tests.materials.sources.live import ROOT, LiveServer, live_server
from tests.materials.sources.loopback import quick
from tests.materials.sources.optimade_server import crystals

pytest.importorskip("optimade.server", reason="pip install 'optimade[server]' to try it")
pytest.importorskip("mongomock", reason="pip install 'optimade[server]' to try it")

N = 1000
GAP = Column(name="gap", field="_galena_gap", unit="eV")


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[LiveServer]:
    with live_server(N, tmp_path_factory.mktemp("optimade")) as running:
        yield running


@pytest.fixture(autouse=True)
def mended(server: LiveServer) -> None:
    server.line.whole()


def source(server: LiveServer, **fields) -> Optimade:
    address = server.source.partition(":")[2]
    pace = Pace(per_second=1000, attempts=4, first_wait=0.001)
    return Optimade(address=address, session=quick(pace=pace), **fields)


def check_whole(path) -> None:
    """Every crystal once, as it was sent, with its provenance."""
    expected = crystals(N)
    table = CrystalTable.open(path)
    rows = list(table.rows())
    assert sorted(row.material_id for row in rows) == sorted(name for name, _ in expected)
    by_name = {row.material_id: row for row in rows}
    for name, crystal in expected:
        row = by_name[name]
        assert row.error is None
        assert row.atomic_numbers.tolist() == list(crystal.atomic_numbers)
        np.testing.assert_allclose(row.lattice, crystal.lattice.matrix, atol=1e-5)
        apart = row.frac_coords - crystal.frac_coords
        np.testing.assert_allclose(apart - np.rint(apart), 0, atol=1e-5)
        assert row.provenance.source == "Galena's tests (OPTIMADE)"
        assert row.provenance.source_id == name
        assert row.provenance.version == "OPTIMADE 1.2.0, changed 2026-01-02T03:04:05"
        assert row.provenance.licence == "CC-BY-4.0"


def test_cut_twice_the_table_is_whole(server, tmp_path):
    server.line.break_at([0, 1], after=200_000)
    out = tmp_path / "out.parquet"
    result = pull([source(server, columns=(GAP,))], out, duplicates="ignore")
    assert server.line.n_cut == 2
    assert server.line.n_connections == 3
    check_whole(out)
    assert result.sources[0].total == N
    assert (result.sources[0].missing, result.sources[0].repeated) == (0, 0)
    gaps = pq.read_table(out, columns=["gap"])["gap"].to_pylist()
    assert min(gaps) > 0


def test_a_line_that_stays_cut_loses_nothing(server, tmp_path):
    out = tmp_path / "out.parquet"
    server.line.break_at(range(100), after=200_000)
    for _ in range(30):
        try:
            impatient = Optimade(
                address=server.source.partition(":")[2],
                session=quick(pace=Pace(per_second=1000, attempts=1)),
            )
            result = pull([impatient], out, duplicates="ignore")
            break
        except SourceError as error:
            assert "broke off the connection" in str(error)  # noqa: PT017 - many times
    assert server.line.n_cut > 3
    assert result.resumed > 0
    check_whole(out)


def test_the_server_understands_the_query(server, tmp_path):
    out = tmp_path / "out.parquet"
    query = Query(elements=("O",), exclude=("Li", "Ca"), max_sites=6)
    asking = source(server, query=query, filter="nelements=2 OR nelements=3", page_size=7)
    result = pull([asking], out, query=query, duplicates="ignore")
    expected = [
        name
        for name, crystal in crystals(N)
        if "O" in crystal.symbol_set
        and not {"Li", "Ca"} & set(crystal.symbol_set)
        and len(crystal) <= 6
        and len(crystal.symbol_set) in (2, 3)
    ]
    found = pq.read_table(out, columns=["material_id"])["material_id"].to_pylist()
    assert len(expected) > 20
    assert sorted(found) == sorted(expected)
    assert result.sources[0].filtered == 0  # the server turned them down itself


def test_a_filter_that_the_server_does_not_understand(server, tmp_path):
    with pytest.raises(SourceError, match=r"answered 400"):
        pull([source(server, filter="nelements==2")], tmp_path / "out.parquet")


def test_killed_in_the_middle_it_goes_on(server, tmp_path):
    out = tmp_path / "out.parquet"
    folder = tmp_path / "out.parquet.pull"
    command = [
        *(sys.executable, "-m", "tests.materials.sources.pulling", "data", "pull"),
        *(server.source, "-o", str(out), "--rate", "8", "--json"),
        *("--duplicates", "ignore"),  # which takes longer than all the rest
    ]
    kills = 0
    for n_shards in (2, 5):
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        began = time.monotonic()
        while (
            len(list(folder.glob("shard-*"))) < n_shards and time.monotonic() - began < 60
        ):
            time.sleep(0.01)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            kills += 1
        process.wait()
        assert not out.exists()
    assert kills == 2
    command[command.index("8")] = "1000"
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    report = json.loads(done.stdout)
    assert 500 <= report["resumed_rows"] < N
    assert report["sources"][0]["repeated"] == 0
    check_whole(out)
    assert not folder.exists()
