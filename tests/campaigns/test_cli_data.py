"""``galena data`` as a person runs it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from campaigns.cli.app import app
from campaigns.cli.show import ExitCode
from materials.table import CrystalTable
from tests.materials.sources.fakes import zincblende
from tests.materials.sources.loopback import Answer, Asked, serving
from tests.materials.sources.test_optimade import Database, entry, page


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)


def galena(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["data", *arguments], env={"COLUMNS": "120"})


def pull(database: Any, *arguments: str) -> Result:
    with serving(database) as server:
        source = f"optimade:{server.url}"
        return galena("pull", source, "-o", "out.parquet", "--rate", "1000", *arguments)


TWO = Database(page([entry(0), entry(1)], data_returned=2))


def test_a_pull_says_what_it_brought():
    done = pull(TWO, "--functional", "PBE", "--licence", "CC0-1.0")
    assert done.exit_code == ExitCode.OK, done.output
    lines = done.stdout.splitlines()
    assert lines[0].endswith(": 2 rows, of 2 announced")
    assert lines[1:] == ["functional: PBE 2", "licence: CC0-1.0 2", "2 rows: out.parquet"]
    assert len(CrystalTable.open(Path("out.parquet"))) == 2


def test_what_is_not_known_is_said():
    done = pull(TWO)
    assert done.exit_code == ExitCode.OK
    assert "functional: unknown 2" in done.stdout
    assert "licence: not said 2" in done.stdout
    assert "do not say their functional" in done.stderr
    assert "no licence" in done.stderr


def test_functionals_are_not_mixed_in_silence():
    assert pull(TWO, "--functional", "PBE").exit_code == ExitCode.OK
    Path("out.parquet").rename("pbe.parquet")
    with serving(TWO) as server:
        sources = ["pbe.parquet", f"optimade:{server.url}"]
        done = galena("pull", *sources, "--functional", "r2SCAN", "-o", "out.parquet")
    assert done.exit_code == ExitCode.OK
    assert "functional: PBE 2, r2SCAN 2" in done.stdout
    assert "different functionals are not comparable" in done.stderr
    assert "2 equal to an earlier or a known crystal, named in duplicate_of" in done.stdout


def test_bad_records_are_named_and_counted():
    database = Database(page([entry(0), *[{"id": f"bad{n}"} for n in range(7)]]))
    done = pull(database)
    assert done.exit_code == ExitCode.PARTIAL
    assert "1 rows, 7 without a crystal" in done.stdout
    assert "bad0: 'lattice_vectors' is missing" in done.stderr
    assert "… and 2 more: out.parquet.rejected.jsonl" in done.stderr
    assert len(Path("out.parquet.rejected.jsonl").read_text().splitlines()) == 7


def test_what_was_announced_and_did_not_come_is_said():
    done = pull(Database(page([entry(0)], data_returned=3)))
    assert done.exit_code == ExitCode.PARTIAL
    assert "2 that were announced did not come" in done.stderr


def test_an_error_is_one_line_and_the_same_command_goes_on(monkeypatch):
    pages = [page([entry(0)], "/v1/structures?page=1"), page([entry(1)])]
    failing = {"is": True}

    def script(request: Asked) -> Answer:
        if request.params.get("page") == "1" and failing["is"]:
            return Answer({}, 404)
        return Database(*pages)(request)

    with serving(script) as server:
        command = ["pull", f"optimade:{server.url}", "-o", "out.parquet", "--rate", "1000"]
        first = galena(*command)
        assert first.exit_code == ExitCode.ERROR
        assert len(first.stderr.splitlines()) == 1
        assert "answered 404" in first.stderr
        other = galena(*command, "--limit", "5")
        assert "limit: it was null, now 5" in other.stderr
        failing["is"] = False
        done = galena(*command)
    assert done.exit_code == ExitCode.OK
    assert "went on after 1 rows that were there" in done.stdout


def test_a_table_that_is_there_is_not_replaced_unasked():
    assert pull(TWO).exit_code == ExitCode.OK
    before = Path("out.parquet").read_bytes()
    done = pull(TWO)
    assert done.exit_code == ExitCode.ERROR
    assert "--force" in done.stderr
    assert Path("out.parquet").read_bytes() == before
    assert pull(TWO, "--limit", "1", "--force").exit_code == ExitCode.OK
    assert len(CrystalTable.open(Path("out.parquet"))) == 1


def test_for_machines():
    done = pull(TWO, "--json", "--duplicates", "ignore")
    report = json.loads(done.stdout)
    assert report["rows"] == 2
    assert report["functionals"] == {"unknown": 2}
    assert report["sources"][0]["announced"] == 2
    assert report["sources"][0]["missing"] == 0
    assert report["rejected"] is None


def test_the_options_reach_the_server():
    with serving(TWO) as server:
        done = galena(
            *("pull", f"optimade:{server.url}", "-o", "out.parquet", "--rate", "1000"),
            *("--elements", "Ga", "--exclude", "Pb,Cd", "--max-sites", "9"),
            *("--filter", "nelements=2", "--page-size", "7", "-p", "gap=_x_gap"),
        )
        asked = server.asked[-1].params
    assert done.exit_code == ExitCode.OK, done.output
    assert asked["filter"] == (
        'elements HAS ALL "Ga" AND NOT (elements HAS ANY "Cd","Pb") AND nsites<=9 '
        "AND (nelements=2)"
    )
    assert asked["page_limit"] == "7"
    assert "_x_gap" in asked["response_fields"]
    assert "not asked for" in done.stdout  # the server did not listen
    assert set(pq.read_table("out.parquet")["formula"].to_pylist()) == {"GaAs"}


def test_known_crystals_may_be_dropped():
    CrystalTable.from_structures([zincblende("Ga", "As")], ids=["k"]).write(
        Path("k.parquet")
    )
    done = pull(TWO, "--against", "k.parquet", "--duplicates", "drop")
    assert done.exit_code == ExitCode.OK, done.output
    assert "1 equal to an earlier or a known crystal, left out" in done.stdout
    assert pq.read_table("out.parquet")["formula"].to_pylist() == ["ZnS"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("pull", "optimad:cod", "-o", "x.parquet"), "Did you mean 'optimade'"),
        (("pull", "nowhere.cif", "-o", "x.parquet"), "no such file"),
        (("pull", "mp", "-o", "x.csv"), "ending in .parquet"),
        (("pull", "mp", "-o", "none/x.parquet"), "does not exist"),
        (("pull", "mp", "-o", "x.parquet", "--elements", "Xx"), "'Xx' is not an element"),
        (("pull", "mp", "-o", "x.parquet", "--elements", " "), "names no element"),
        (("pull", "mp", "-o", "x.parquet", "-p", "lattice"), "cannot be the name"),
        (("pull", "mp", "-o", "x.parquet"), "MP_API_KEY is not set"),
        (("show", "nowhere.parquet"), "does not exist"),
    ],
)
def test_mistakes_are_named_in_one_line(arguments, reason, monkeypatch):
    monkeypatch.delenv("MP_API_KEY", raising=False)
    done = galena(*arguments)
    assert done.exit_code == ExitCode.ERROR
    assert reason in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_the_sources_are_listed():
    done = galena("list")
    assert done.exit_code == ExitCode.OK
    for name in (
        "mp:GGA_GGA+U",
        "jarvis:dft_3d",
        "matminer:",
        "optimade:cod",
        "MP_API_KEY",
    ):
        assert name in done.stdout
    assert len(json.loads(galena("list", "--json").stdout)["sources"]) == 5


def test_a_table_is_shown():
    one = entry(0)
    one["attributes"]["_x_gap"] = 1.5
    database = Database(page([one, entry(1), entry(12)]))
    assert (
        pull(database, "--functional", "PBE", "-p", "gap=_x_gap").exit_code == ExitCode.OK
    )
    done = galena("show", "out.parquet")
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[0] == ["3", "rows:", "out.parquet"]
    assert ["3", "functional", "PBE"] in lines
    assert ["3", "licence", "not", "said"] in lines
    assert ["1", "equal", "to", "an", "earlier", "or", "a", "known", "crystal"] in lines
    assert ["1", "with", "gap"] in lines
    report = json.loads(galena("show", "out.parquet", "--json").stdout)
    assert report["properties"] == {"gap": {"rows": 1, "unit": ""}}


def test_any_crystal_table_is_shown():
    CrystalTable.from_structures([zincblende("Ga", "As")]).write(Path("k.parquet"))
    report = json.loads(galena("show", "k.parquet", "--json").stdout)
    assert report["duplicates"] is None
    assert report["functional"] == {}
    assert report["source"] == {"memory": 1}
