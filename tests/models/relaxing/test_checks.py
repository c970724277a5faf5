"""Checks on crystals whose answer is known: stable copper, a metal that shears away."""

from __future__ import annotations

import builtins

import numpy as np
import pytest
from ase.calculators.calculator import Calculator
from pymatgen.core import Lattice, Structure

from materials.errors import MissingExtraError
from models.potentials import Potential, load_potential
from models.relaxing.checks import CHECKS, elastic, phonons


@pytest.fixture(scope="module")
def emt() -> Potential:
    return load_potential("emt")


def primitive(group: str, length: float, element: str) -> Structure:
    structure = Structure.from_spacegroup(
        group, Lattice.cubic(length), [element], [[0, 0, 0]]
    )
    return structure.get_primitive_structure()


def test_copper_is_as_stiff_as_this_potential_makes_it(emt):
    """Its equation of state, fitted with ``ase.eos``, has a bulk modulus of 134 GPa."""
    record = elastic.check(primitive("Fm-3m", 3.59, "Cu"), emt)
    assert record.error is None
    assert record.bulk_modulus == pytest.approx(134.0, abs=3.0)
    assert record.tensor[0, 0] == pytest.approx(record.tensor[1, 1], rel=0.01)
    assert record.tensor[3, 3] == pytest.approx(record.tensor[4, 4], rel=0.01)
    assert record.lowest_stiffness == pytest.approx(
        record.tensor[0, 0] - record.tensor[0, 1], rel=0.02
    )
    assert record.columns() == {
        "elastically_stable": True,
        "lowest_stiffness": record.lowest_stiffness,
        "bulk_modulus": record.bulk_modulus,
        "shear_modulus": record.shear_modulus,
    }


def test_simple_cubic_copper_shears_away(emt):
    record = elastic.check(primitive("Pm-3m", 2.4, "Cu"), emt)
    assert record.error is None
    assert record.columns()["elastically_stable"] is False
    assert record.lowest_stiffness < 0


def test_vibrations_of_copper_and_of_copper_that_falls_apart(emt):
    pytest.importorskip("phonopy")
    stable = phonons.check(primitive("Fm-3m", 3.59, "Cu"), emt)
    assert stable.error is None
    assert stable.columns() == {
        "dynamically_stable": True,
        "lowest_frequency": stable.lowest_frequency,
        "phonon_supercell": "4x4x4",
    }
    assert 1.0 < stable.lowest_frequency < 5.0  # copper's bands end at 7.5 THz
    unstable = phonons.check(primitive("Pm-3m", 2.4, "Cu"), emt)
    assert unstable.columns()["dynamically_stable"] is False
    assert unstable.lowest_frequency < -0.5


class Springs(Calculator):
    """Two atoms in a box, tied to their places on springs of 3 eV/Å2."""

    implemented_properties = ("energy", "forces", "stress")

    def calculate(self, atoms=None, properties=None, system_changes=()):
        super().calculate(atoms, properties, system_changes)
        away = (atoms.get_scaled_positions() + 0.25) % 0.5 - 0.25
        away = away @ atoms.cell.array
        self.results = {
            "energy": 1.5 * (away**2).sum(),
            "forces": -3.0 * away,
            "stress": np.zeros(6),
        }


def test_a_frequency_is_that_of_a_spring():
    """An Einstein crystal would vibrate at sqrt(k / m) / 2 pi; phonopy's sum rule takes the
    centre of mass out, and the atom of 24.3 u and 16.0 u against each other remain.
    """
    pytest.importorskip("phonopy")
    box = Structure(Lattice.cubic(9.0), ["Mg", "O"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    record = phonons.check(box, Potential("springs", "0", Springs()))
    assert record.error is None
    assert record.supercell == (1, 1, 1)
    hertz = np.sqrt(3.0 * 1.602176634e-19 / 1e-20 / 1.66053907e-27) / (2 * np.pi)
    assert 0.5 < record.lowest_frequency / (hertz * 1e-12 / np.sqrt(24.305)) < 1.5


@pytest.mark.parametrize("check", [elastic.check, phonons.check])
def test_what_cannot_be_relaxed_is_a_record(emt, check):
    pytest.importorskip("phonopy")
    record = check(primitive("Im-3m", 2.87, "Fe"), emt)
    assert record.error.startswith("it cannot be relaxed further: NotImplementedError")
    assert set(record.columns().values()) == {None}


def test_supercells_are_long_but_not_too_large():
    assert phonons.supercell(primitive("Fm-3m", 3.59, "Cu")) == (4, 4, 4)
    long = Structure(Lattice.orthorhombic(3, 9, 30), ["Cu"] * 30, np.zeros((30, 3)))
    assert phonons.supercell(long) == (3, 1, 1)
    many = Structure(Lattice.cubic(3), ["Cu"] * 90, np.zeros((90, 3)))
    assert phonons.supercell(many) == (1, 1, 1)


def test_phonons_without_phonopy_name_the_extra(monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name.startswith("phonopy"):
            raise ModuleNotFoundError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"\[phonons\]"):
        phonons.check(primitive("Fm-3m", 3.59, "Cu"), load_potential("lj"))


def test_records_fill_the_columns_that_are_promised(emt):
    for name, check in CHECKS.items():
        for package in check.packages:
            pytest.importorskip(package)
        record = check.check(primitive("Im-3m", 2.87, "Fe"), emt)
        assert set(record.columns()) == set(check.columns), name
