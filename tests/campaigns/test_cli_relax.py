"""``galena relax``: files and tables in, a table out, killed at any moment or not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ase.calculators.emt import EMT
from pymatgen.core import Lattice, Structure
from typer.testing import CliRunner

from campaigns.cli.app import app
from campaigns.relaxing.journal import Journal
from materials.relaxation import RelaxationSettings, relax
from materials.table import CrystalTable
from models.potentials import load_potential

HERE = Path(__file__).parent
METALS = ("Al", "Ni", "Cu", "Pd", "Ag", "Pt", "Au")


def fcc(element: str, length: float = 4.0) -> Structure:
    structure = Structure.from_spacegroup(
        "Fm-3m", Lattice.cubic(length), [element], [[0, 0, 0]]
    )
    return structure.get_primitive_structure()


def run(*arguments: object):
    return CliRunner().invoke(app, ["relax", *map(str, arguments)])


@pytest.fixture
def folder(tmp_path):
    """Three metals, one element that EMT does not know, one file that is no crystal."""
    inputs = tmp_path / "in"
    inputs.mkdir()
    for element in ("Cu", "Al", "Au", "Fe"):
        fcc(element).to(filename=str(inputs / f"{element}.cif"))
    (inputs / "broken.cif").write_text("nothing")
    return tmp_path


def test_every_crystal_has_a_row_and_failures_are_named(folder):
    output = folder / "out.parquet"
    result = run(folder / "in", "-o", output, "--potential", "emt")
    assert result.exit_code == 3, result.output
    assert "5 crystals: 3 relaxed, 0 stopped" in result.stdout
    assert "Fe.cif: NotImplementedError" in result.stderr
    assert "broken.cif: " in result.stderr
    frame = pd.read_parquet(output).set_index("material_id")
    assert len(frame) == 5
    table = CrystalTable.open(output)
    rows = {row.material_id: row for row in table.rows()}
    limits = RelaxationSettings(max_steps=200)
    for element in ("Cu", "Al", "Au"):
        name = str(folder / "in" / f"{element}.cif")
        expected = relax(fcc(element), EMT(), limits, name="EMT")
        row = frame.loc[name]
        assert row.energy_per_atom == pytest.approx(expected.energy_per_atom, abs=1e-6)
        assert row.volume_change == pytest.approx(
            expected.structure.volume / fcc(element).volume - 1, abs=1e-4
        )
        assert row.converged
        assert row.error is None
        assert row.method.startswith("EMT ase-")
        assert row.method.endswith(" relaxation")
        assert row.source == f"{element}.cif"
        relaxed = rows[name].structure()
        assert relaxed.volume == pytest.approx(expected.structure.volume, rel=1e-5)
    iron = str(folder / "in" / "Fe.cif")
    assert rows[iron].structure().volume == pytest.approx(fcc("Fe").volume, rel=1e-5)
    assert np.isnan(frame.loc[iron].energy_per_atom)
    assert frame.loc[iron].converged is None
    broken = str(folder / "in" / "broken.cif")
    assert rows[broken].error is not None
    assert frame.loc[broken].formula is None
    assert sorted(p.name for p in folder.iterdir()) == ["in", "out.parquet"]


def test_tables_go_in_as_they_come_out_and_json_says_it(folder):
    first, second = folder / "first.parquet", folder / "second.parquet"
    CrystalTable.from_structures([fcc("Cu"), fcc("Ag")], ids=["a", "b"]).write(first)
    assert run(first, "-o", second, "-p", "emt", "--max-steps", 0).exit_code == 0
    result = run(second, "-o", folder / "third.parquet", "-p", "emt", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {
        "output": str(folder / "third.parquet"),
        "potential": load_potential("emt").origin,
        "crystals": 2,
        "converged": 2,
        "unconverged": 0,
        "failures": [],
    }
    frame = pd.read_parquet(second)
    assert list(frame.material_id) == ["a", "b"]
    assert list(frame.n_steps) == [0, 0]
    assert not frame.converged.any()
    assert list(frame.source_id) == ["a", "b"]


def test_equal_crystals_are_relaxed_once_and_both_have_a_row(folder, monkeypatch):
    from models.relaxing import many

    taken = []
    member = many._Crew._member
    monkeypatch.setattr(
        many._Crew, "_member", lambda *given: taken.append(1) or member(*given)
    )
    table = folder / "in.parquet"
    CrystalTable.from_structures([fcc("Cu"), fcc("Cu")], ids=["a", "b"]).write(table)
    assert run(table, "-o", folder / "out.parquet", "-p", "emt").exit_code == 0
    frame = pd.read_parquet(folder / "out.parquet")
    assert len(taken) == 1
    assert frame.energy_per_atom[0] == frame.energy_per_atom[1]


def test_checks_fill_columns_of_crystals_that_converged(folder):
    pytest.importorskip("phonopy")
    output = folder / "out.parquet"
    cubic = Structure(Lattice.cubic(2.4), ["Cu"], [[0, 0, 0]])
    far = fcc("Cu", 4.4)
    table = folder / "in.parquet"
    CrystalTable.from_structures(
        [fcc("Al"), cubic, far, fcc("Fe")], ids=["fcc", "sc", "far", "Fe"]
    ).write(table)
    limits = ("--max-steps", 3, "--max-force", 0.02)
    result = run(table, "-o", output, "-p", "emt", "--checks", "phonons, elastic", *limits)
    assert result.exit_code == 3
    frame = pd.read_parquet(output).set_index("material_id")
    assert list(frame.elastically_stable) == [True, False, None, None]
    assert list(frame.dynamically_stable) == [True, False, None, None]
    assert frame.bulk_modulus["fcc"] == pytest.approx(39.5, abs=3)
    assert frame.phonon_supercell["fcc"] == "3x3x3"
    assert frame.elastic_error["far"] == "not checked: the relaxation has not converged"
    assert frame.elastic_error["Fe"] is None
    assert frame.phonons_error["fcc"] is None


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["half:2", "after:3", "table"])
def test_killed_the_same_command_goes_on_and_nothing_is_done_twice(folder, moment):
    table, output = folder / "in.parquet", folder / "out.parquet"
    CrystalTable.from_structures([fcc(m) for m in METALS[:2]]).write(table)
    command = ["relax", str(table), "-o", str(output), "-p", "emt", "--checks", "elastic"]
    script = [sys.executable, str(HERE / "relaxing" / "killed_relax.py"), moment]
    here = {**os.environ, "PYTHONPATH": str(HERE.parents[1])}
    killed = subprocess.run([*script, *command], capture_output=True, check=False, env=here)
    assert killed.returncode == -signal.SIGKILL
    assert not output.exists()
    journal = folder / ".out.parquet.relaxing" / "journal.jsonl"
    before = [line for line in journal.read_bytes().splitlines(True) if b"\n" in line]
    added = []
    append = Journal._append
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            Journal,
            "_append",
            lambda j, content: added.append(content) or append(j, content),
        )
        result = run(*command[1:])
    assert result.exit_code == 0, result.output
    whole = [key for key in (json.loads(line).get("key") for line in before) if key]
    new = [content["key"] for content in added]
    assert len(whole) + len(new) == 4  # two relaxations and two checks
    assert not set(whole) & set(new)
    assert f"went on after {len(whole)} results" in result.stdout
    unbroken = folder / "unbroken.parquet"
    assert run(table, "-o", unbroken, "-p", "emt", "--checks", "elastic").exit_code == 0
    left, right = (pd.read_parquet(p).drop(columns="seconds") for p in (output, unbroken))
    pd.testing.assert_frame_equal(left, right)


def test_what_was_begun_otherwise_is_refused_until_forced(folder):
    table, output = folder / "in.parquet", folder / "out.parquet"
    CrystalTable.from_structures([fcc("Cu")]).write(table)
    work = folder / ".out.parquet.relaxing"
    work.mkdir()
    (work / "journal.jsonl").write_text('{"relaxing": {"potential": "other"}}\n')
    result = run(table, "-o", output, "-p", "emt")
    assert result.exit_code == 1
    assert "potential: begun with 'other', now 'EMT" in result.stderr
    assert not output.exists()
    assert run(table, "-o", output, "-p", "emt", "--force").exit_code == 0
    again = run(table, "-o", output, "-p", "emt")
    assert again.exit_code == 1
    assert "exists; choose another name, or --force" in again.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-p", "emd"], "no potential is called 'emd'"),
        (["-p", "emt", "--checks", "elastik"], "no check is called 'elastik'"),
        (["-p", "mace:none.model"], "none.model: no such file"),
    ],
)
def test_senseless_commands_are_told_in_one_line(folder, options, message):
    result = run(folder / "in", "-o", folder / "out.parquet", *options)
    assert result.exit_code == 1
    assert message in result.stderr
    assert sorted(p.name for p in folder.iterdir()) == ["in"]


def test_none_relaxed_is_an_error(folder):
    result = run(folder / "in" / "Fe.cif", "-o", folder / "out.parquet", "-p", "emt")
    assert result.exit_code == 1
    assert "1 crystals: 0 relaxed" in result.stdout


def test_a_fixed_cell_stays(folder):
    output = folder / "out.parquet"
    assert (
        run(folder / "in" / "Cu.cif", "-o", output, "-p", "emt", "--fixed-cell").exit_code
        == 0
    )
    assert pd.read_parquet(output).volume_change[0] == pytest.approx(0.0, abs=1e-6)
