"""``galena generate``: a table that screening takes, or one line that says why not."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from campaigns.cli.app import app
from materials.table import CrystalTable
from tests.few_crystals import known


def galena(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "known.parquet"
    CrystalTable.from_structures(known().values(), ids=list(known())).write(path)
    return path


def test_options_make_a_table_of_candidates(table, tmp_path):
    out = tmp_path / "new.parquet"
    result = galena(
        *("generate", "-k", "swaps", "-k", "prototypes", "--table", table),
        *("-e", "Zn,Sn,P", "-n", 7, "--out", out),
    )
    assert result.exit_code == 0, result.output
    assert "7 candidates" in result.output
    found = CrystalTable.open(out).to_pandas()
    assert len(found) == 7
    assert set(found.generator) == {"swaps", "prototypes"}
    assert found.material_id.is_unique
    assert (found.source == "galena").all()
    assert [row.error for row in CrystalTable.open(out).rows()] == [None] * 7
    assert not list(tmp_path.glob(".*partial"))


def test_a_specification_says_the_same(table, tmp_path):
    plan = tmp_path / "plan.yaml"
    plan.write_text(
        "elements: {allowed: [Zn, Sn, P]}\nlimit: 5\n"
        "generators: [{kind: substitution, table: known.parquet}]\n"
    )
    out = tmp_path / "new.parquet"
    result = galena("generate", plan, "-o", out, "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert (
        told["candidates"]
        == told["by_generator"]["substitution"]
        == len(CrystalTable.open(out))
    )
    again = galena("generate", plan, "-o", tmp_path / "two.parquet", "-n", 1)
    assert again.exit_code == 0, again.output
    assert len(CrystalTable.open(tmp_path / "two.parquet")) == 1


def test_fewer_than_asked_for_is_said(table, tmp_path):
    result = galena(
        *("generate", "-k", "swaps", "--table", table, "-e", "In,As", "--n-species", 2),
        *("-n", 50, "-o", tmp_path / "new.parquet"),
    )
    assert result.exit_code == 0, result.output
    assert "there are no more" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give a specification, or --kind and --elements"),
        (("-k", "swaps"), "give a specification"),
        (("-k", "swap", "-e", "Zn,S"), "no kind 'swap'"),
        (("-k", "swap", "-e", "Zn,S"), "Did you mean 'swaps'"),
        (("-k", "swaps", "-e", "Zn,S"), "known crystals are needed"),
        (("-k", "prototypes", "-e", "Zn,Sx"), "'Sx' is not an element"),
        (("-k", "prototypes", "-e", "Zn,S", "--source", "icsd"), "source"),
        (("none.yaml",), "none.yaml: cannot be read"),
        (("none.yaml", "-k", "swaps"), "--kind: none.yaml says that already"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(arguments, message, tmp_path):
    result = galena("generate", *arguments, "-o", tmp_path / "new.parquet")
    assert result.exit_code == 1
    assert message in " ".join(result.output.split())
    assert not (tmp_path / "new.parquet").exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [("new.csv", "ending in .parquet"), ("none/new.parquet", "does not exist")],
)
def test_outputs_are_looked_at_first(name, message, tmp_path):
    result = galena(
        *("generate", "-k", "prototypes", "--source", "aflow", "-e", "Zn,S"),
        *("-o", tmp_path / name),
    )
    assert result.exit_code == 1
    assert message in " ".join(result.output.split())


def test_what_is_there_is_kept_unless_forced(tmp_path):
    out = tmp_path / "new.parquet"
    out.write_text("mine")
    command = (
        *("generate", "-k", "prototypes", "--source", "aflow", "-e", "Zn,S"),
        *("--n-species", 2, "-n", 3, "--max-sites", 4, "-o", out),
    )
    assert galena(*command).exit_code == 1
    assert out.read_text() == "mine"
    assert galena(*command, "--force").exit_code == 0
    assert len(CrystalTable.open(out)) == 3


def test_help_teaches():
    text = galena("generate", "--help").output
    for word in ("Examples", "substitution", "--elements", "crystals"):
        assert word in text
