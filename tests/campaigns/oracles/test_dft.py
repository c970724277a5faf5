"""Recipes in processes of their own: ASE's toy potential here, GPAW where it is installed."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from campaigns.oracles.dft.oracle import Dft, primitive_cell
from campaigns.oracles.guarded import guarded
from campaigns.oracles.specs import DftSpec
from campaigns.protocols import Verdict
from materials.errors import InputError, MissingExtraError
from tests.campaigns.oracles.contract import candidate, copper, silicon

EMT = {"recipe": "ase", "ase": {"calculator": "ase.calculators.emt.EMT"}, "retries": 0}
PYTHON = os.environ.get("GALENA_GPAW_PYTHON")
"""Another interpreter that has GPAW; by default the one that runs the tests."""


def spec(**changes: object) -> DftSpec:
    return DftSpec.model_validate({"kind": "dft", **changes})


def run(tmp_path: Path, asked=None, **changes: object) -> Verdict:
    return guarded(spec(**changes), tmp_path)(asked or copper())


def test_energy_of_the_primitive_cell_agrees_with_ase_itself(tmp_path: Path) -> None:
    from ase.build import bulk
    from ase.calculators.emt import EMT as Calculator

    atoms = bulk("Cu", "fcc", a=3.6)
    atoms.calc = Calculator()
    verdict = run(tmp_path, **EMT)
    assert verdict.energy_per_atom == pytest.approx(atoms.get_potential_energy(), abs=1e-9)
    assert verdict.energy_above_hull is None, "no competing phases of this origin"
    assert verdict.structure is not None
    assert len(verdict.structure) == 1
    assert verdict.origin.startswith("EMT (ASE ")


@pytest.mark.parametrize("start", [3.2, 3.55, 4.1])
def test_the_volume_is_found_from_far_and_near(start: float, tmp_path: Path) -> None:
    verdict = run(tmp_path, copper(start), geometry="volume", **EMT)
    assert verdict.error is None
    assert verdict.structure is not None
    a = (4.0 * verdict.structure.volume / len(verdict.structure)) ** (1 / 3)
    assert a == pytest.approx(3.589, abs=0.004)  # EMT's copper, by its own relaxation
    assert verdict.properties["bulk_modulus"] == pytest.approx(134.0, rel=0.05)


def test_a_relaxation_comes_to_the_same_place(tmp_path: Path) -> None:
    verdict = run(tmp_path, copper(3.8), geometry="relax", max_force=1e-3, **EMT)
    assert verdict.structure is not None
    assert verdict.converged
    assert verdict.n_steps > 0
    assert (4.0 * verdict.structure.volume) ** (1 / 3) == pytest.approx(3.589, abs=0.004)
    assert not run(tmp_path, copper(3.8), geometry="relax", max_steps=1, **EMT).converged


@settings(deadline=None, max_examples=10)
@given(n=st.integers(1, 2), m=st.integers(1, 2), shift=st.floats(0, 1))
def test_the_primitive_cell_does_not_depend_on_how_the_crystal_is_written(
    n: int, m: int, shift: float
) -> None:
    crystal = silicon().structure.copy()
    crystal.translate_sites(range(len(crystal)), [shift, 0.0, 0.0])
    crystal.make_supercell([n, 1, m])
    cell = primitive_cell(crystal)
    assert len(cell) == 2
    assert cell.volume == pytest.approx(5.43**3 / 4)


def test_too_large_a_cell_costs_nothing_but_a_message(tmp_path: Path) -> None:
    cell = Structure.from_spacegroup("P1", Lattice.cubic(9), ["Cu"], [[0, 0, 0]])
    for x in (0.31, 0.62):
        cell.append("Cu", [x, x * 0.7, 0.1])
    verdict = run(tmp_path, candidate(cell), max_sites=2, **EMT)
    assert "3 atoms in the primitive cell, at most 2" in str(verdict.error)


def test_what_the_calculator_cannot_do_is_said_once(tmp_path: Path) -> None:
    verdict = run(tmp_path, silicon(), **(EMT | {"retries": 3}))
    assert "Si" in str(verdict.error)
    assert verdict.attempts == 1


@pytest.mark.parametrize(
    ("calculator", "arguments", "message"),
    [
        ("ase.calculators.emt.EMTT", {}, "has no attribute 'EMTT'"),
        ("nosuch.module.EMT", {}, "No module named 'nosuch'"),
        ("json.dumps", {}, "missing a required argument: 'obj'"),
        ("ase.calculators.lj.__name__", {}, "is not a callable object"),
        ("fractions.Fraction", {"numerater": 1}, "unexpected keyword argument"),
    ],
)
def test_a_calculator_that_cannot_be_made_is_found_before_the_campaign(
    calculator: str, arguments: dict, message: str, tmp_path: Path
) -> None:
    wrong = {"calculator": calculator, "arguments": arguments}
    with pytest.raises(InputError, match="oracle 'dft'") as caught:
        guarded(spec(recipe="ase", ase=wrong), tmp_path)
    assert message in str(caught.value)


def test_what_the_machine_is_to_blame_for_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "starved.py").write_text(
        "from ase.calculators.emt import EMT\n"
        "class Starved(EMT):\n"
        "    def calculate(self, *a, **k): raise MemoryError('no room')\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    starved = {"recipe": "ase", "ase": {"calculator": "starved.Starved"}, "retries": 1}
    verdict = run(tmp_path, **starved)
    assert verdict.failures == ("MemoryError: no room",)
    assert verdict.error == "MemoryError: no room"


def test_a_script_of_ones_own_gets_the_job_and_its_settings(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "import json, sys\n"
        "job = json.load(open(sys.argv[1]))\n"
        "n = len(job['crystal']['numbers'])\n"
        "answer = {'band_gap': job['settings']['gap'], 'properties': {'n': n}}\n"
        "json.dump(answer, open(sys.argv[2], 'w'))\n"
    )
    mine = {"recipe": "script", "script": {"path": "mine.py", "settings": {"gap": 0.75}}}
    verdict = run(tmp_path, keep="kept", **mine)
    assert (verdict.band_gap, verdict.properties) == (0.75, {"n": 1.0})
    assert verdict.origin.startswith("mine.py sha256:")
    (kept,) = (tmp_path / "kept" / "Cu-1").iterdir()
    assert json.loads((kept / "job.json").read_text())["geometry"] == "as-given"
    (tmp_path / "mine.py").write_text("pass")
    assert "wrote no result" in str(run(tmp_path, **mine).error)
    (tmp_path / "mine.py").write_text("import os; os.abort()")
    killed = run(tmp_path, retries=1, **mine)
    assert (killed.attempts, len(killed.failures)) == (2, 1)
    assert "signal 6" in killed.failures[0]
    (tmp_path / "mine.py").write_text("import time; time.sleep(60)")
    assert "no end after 1 s" in str(run(tmp_path, retries=0, time_limit=1, **mine).error)


def test_a_missing_interpreter_script_or_code_is_found_before_the_campaign(
    tmp_path: Path,
) -> None:
    with pytest.raises(InputError, match="no such program"):
        Dft(spec(python="/no/such/python3"))
    with pytest.raises(InputError, match="no script at"):
        guarded(spec(recipe="script", script={"path": "no.py"}), tmp_path)
    hidden = tmp_path / "python"  # this interpreter without what is installed in it
    hidden.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "$@"\n')
    hidden.chmod(0o755)
    with pytest.raises(InputError, match="No module named"):
        Dft(spec(python=str(hidden)))


@pytest.mark.skipif(
    importlib.util.find_spec("gpaw") is not None, reason="GPAW is installed, so not missing"
)
def test_without_gpaw_the_extra_is_named() -> None:
    with pytest.raises(MissingExtraError, match=r"galena-materials\[gpaw\]"):
        Dft(spec())


@pytest.mark.skipif(
    PYTHON is None and importlib.util.find_spec("gpaw") is None,
    reason="GPAW is not installed: sh tools/install-gpaw.sh",
)
def test_gpaw_gives_the_gaps_of_silicon(tmp_path: Path) -> None:
    """Little converged, and so quick: PBE is 0.57 to 0.62 eV with all that it takes."""
    quick = {"cutoff": 250, "kpoint_density": 2.6}
    oracle = guarded(spec(python=PYTHON, gpaw=quick), tmp_path)
    verdict = oracle(silicon())
    assert verdict.error is None, verdict.error
    assert verdict.band_gap == pytest.approx(0.60, abs=0.15)
    assert verdict.properties["band_gap_direct"] == pytest.approx(2.55, abs=0.1)
    assert 0.9 < verdict.properties["band_gap_quasiparticle"] < 1.4
    assert verdict.energy_above_hull is None
    assert verdict.origin.startswith("GPAW ")
