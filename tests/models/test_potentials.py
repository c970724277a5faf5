"""Potentials: one contract for all, and CHGNet against what is known of it."""

from __future__ import annotations

import builtins
import subprocess
import sys

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from materials.errors import InputError, MissingExtraError
from materials.relaxation import RelaxationSettings, relax
from models.potentials import POTENTIALS, Potential, load_potential

PACKAGES = {"chgnet": "chgnet", "sevennet-0": "sevenn"}
HEAVY = {"sevennet-l3i5"}  # the code of sevennet-0 with more weights


@pytest.fixture(scope="module", params=sorted(set(POTENTIALS) - HEAVY))
def potential(request) -> Potential:
    if request.param in PACKAGES:
        pytest.importorskip(PACKAGES[request.param])
    return load_potential(request.param, device="cpu")


def alloy() -> Structure:
    """Cu3Au, shaken, so that every force and stress is there; elements that all know."""
    structure = Structure.from_spacegroup(
        "Pm-3m", Lattice.cubic(3.7), ["Cu", "Au"], [[0, 0.5, 0.5], [0, 0, 0]]
    )
    structure.perturb(0.05, seed=0)
    return structure


def energy(potential: Potential, structure: Structure) -> float:
    atoms = structure.to_ase_atoms()
    atoms.calc = potential.calculator
    return float(atoms.get_potential_energy())


def test_energy_is_of_the_whole_cell(potential):
    one, two = alloy(), alloy() * (2, 1, 1)
    assert energy(potential, two) == pytest.approx(2 * energy(potential, one), rel=1e-4)


def test_forces_and_stress_are_slopes_of_the_energy(potential):
    structure, step = alloy(), 0.01
    atoms = structure.to_ase_atoms()
    atoms.calc = potential.calculator
    force, stress = atoms.get_forces()[1, 2], atoms.get_stress(voigt=False)[0, 0]
    up, down = structure.copy(), structure.copy()
    up.translate_sites([1], [0, 0, step], frac_coords=False)
    down.translate_sites([1], [0, 0, -step], frac_coords=False)
    slope = (energy(potential, up) - energy(potential, down)) / (2 * step)
    assert force == pytest.approx(-slope, abs=0.02)
    wide, narrow = (structure.apply_strain([s, 0, 0], inplace=False) for s in (step, -step))
    slope = (energy(potential, wide) - energy(potential, narrow)) / (2 * step)
    assert stress == pytest.approx(slope / structure.volume, abs=0.02)


def test_it_relaxes_and_says_what_it_is(potential, capsys):
    record = relax(
        alloy(), potential.calculator, RelaxationSettings(), name=potential.origin
    )
    assert record.converged, record.error
    assert record.calculator == f"{potential.name} {potential.version}"
    assert capsys.readouterr().out == ""


def test_names_are_found_in_any_case_of_letters():
    assert load_potential("EMT").name == load_potential("emt").name == "EMT"


def test_unknown_names_are_answered_with_near_ones():
    with pytest.raises(
        InputError, match=r"'chgnt'; known are chgnet, emt, lj, sevennet-0,.*'chgnet'\?"
    ):
        load_potential("chgnt")


def test_a_missing_package_names_its_extra(monkeypatch):
    real = builtins.__import__

    def without_chgnet(name, *rest):
        if name.startswith("chgnet"):
            raise ModuleNotFoundError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_chgnet)
    with pytest.raises(MissingExtraError, match=r"chgnet is not installed.*\[chgnet\]"):
        load_potential("chgnet")


def test_importing_the_seam_loads_no_network():
    code = (
        "import sys, models.potentials;"
        "sys.exit(bool({'torch', 'chgnet', 'ase'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.fixture(scope="module")
def chgnet() -> Potential:
    pytest.importorskip("chgnet")
    return load_potential("chgnet", device="cpu")


def test_chgnet_is_silent_and_versioned(chgnet, capfd):
    load_potential("chgnet", device="cpu")
    assert capfd.readouterr().out == ""
    version, _, digest = chgnet.version.partition("+")
    assert version == "0.3.0"
    assert len(digest) == 8
    assert int(digest, 16) >= 0


def test_chgnet_built_from_tensors_equals_its_own_loader(chgnet):
    from chgnet.model.model import CHGNet

    theirs = CHGNet.load(use_device="cpu", verbose=False)
    expected = theirs.predict_structure(alloy())
    atoms = alloy().to_ase_atoms()
    atoms.calc = chgnet.calculator
    assert energy(chgnet, alloy()) / 4 == pytest.approx(float(expected["e"]), abs=1e-5)
    assert np.allclose(atoms.get_forces(), expected["f"], atol=1e-5)


def test_chgnet_relaxes_silicon_to_its_pbe_lattice_constant(chgnet):
    """PBE gives 5.469 Å (Materials Project, mp-149)."""
    silicon = Structure.from_spacegroup("Fd-3m", Lattice.cubic(5.2), ["Si"], [[0, 0, 0]])
    record = relax(
        silicon.get_primitive_structure(),
        chgnet.calculator,
        RelaxationSettings(),
        name=chgnet.origin,
    )
    assert record.converged
    assert (4 * record.structure.volume) ** (1 / 3) == pytest.approx(5.469, abs=0.05)


def test_chgnet_refuses_atoms_that_see_nobody(chgnet):
    gas = Structure(Lattice.cubic(9), ["Ar"], [[0, 0, 0]])
    record = relax(gas, chgnet.calculator, RelaxationSettings(), name=chgnet.origin)
    assert "isolated atom" in record.error
