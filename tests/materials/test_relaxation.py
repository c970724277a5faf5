"""Relaxation: a calculator's own minimum is found, and failures are records."""

from __future__ import annotations

import numpy as np
import pytest
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
from pymatgen.core import Lattice, Structure

from materials.errors import InputError
from materials.relaxation import RelaxationSettings, relax

TIGHT = RelaxationSettings(max_force=1e-3)


def copper(length: float = 3.9) -> Structure:
    return Structure.from_spacegroup("Fm-3m", Lattice.cubic(length), ["Cu"], [[0, 0, 0]])


class Strange(Calculator):
    """Answers from a list, one per step; an exception in it is raised."""

    implemented_properties = ("energy", "forces", "stress")

    def __init__(self, *answers, force=1.0, stress=0.0):
        super().__init__()
        self.answers, self.force, self.stress = list(answers), force, stress

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        answer = self.answers.pop(0) if self.answers else -1.0
        if isinstance(answer, BaseException):
            raise answer
        self.force *= 1.01  # a constant slope would be no surface at all
        forces = np.full((len(atoms), 3), self.force)
        forces[::2] *= -1
        stress = np.array([self.stress] * 3 + [0.0] * 3)
        self.results = {"energy": answer, "forces": forces, "stress": stress}


def test_copper_relaxes_to_its_own_lattice_constant():
    record = relax(copper(), EMT(), TIGHT, name="EMT")
    assert record.converged
    assert record.error is None
    assert record.structure.lattice.a == pytest.approx(3.59, abs=0.01)
    assert record.calculator == "EMT"
    assert record.max_force <= 1e-3
    assert 0 < record.n_steps <= 100
    better = relax(record.structure, EMT(), TIGHT, name="EMT")
    assert better.n_steps == 0
    assert better.energy_per_atom == pytest.approx(record.energy_per_atom)


def test_energy_is_per_atom_whatever_the_cell():
    one = relax(copper(), EMT(), TIGHT, name="EMT")
    two = relax(copper() * (2, 1, 1), EMT(), TIGHT, name="EMT")
    assert two.energy_per_atom == pytest.approx(one.energy_per_atom, abs=1e-4)


def test_the_true_forces_are_small_though_the_cell_came_far():
    rng = np.random.default_rng(0)
    alloy = Structure.from_spacegroup(
        "Pm-3m", Lattice.cubic(4.6), ["Cu", "Au"], [[0, 0.5, 0.5], [0, 0, 0]]
    )
    alloy.translate_sites([0], rng.uniform(-0.05, 0.05, 3))
    record = relax(alloy, EMT(), RelaxationSettings(max_force=0.01), name="EMT")
    assert record.converged
    assert record.max_force <= 0.01
    assert record.structure.volume < 0.8 * alloy.volume


def test_sites_keep_their_order_and_the_input_is_left_alone():
    alloy = Structure(
        Lattice.cubic(3.9),
        ["Au", "Cu", "Cu", "Au"],
        [[0, 0, 0], [0, 0.5, 0.52], [0.5, 0, 0.5], [0.5, 0.5, 0]],
    )
    before = alloy.copy()
    record = relax(alloy, EMT(), RelaxationSettings(max_steps=3), name="EMT")
    assert record.structure.species == alloy.species
    assert alloy == before
    assert not record.converged
    assert record.n_steps == 3
    assert record.error is None
    assert record.energy_per_atom is not None


def test_the_cell_stays_when_asked():
    settings = RelaxationSettings(relax_cell=False, max_force=1e-3)
    record = relax(copper(), EMT(), settings, name="EMT")
    assert np.allclose(record.structure.lattice.matrix, copper().lattice.matrix)
    assert record.converged
    assert record.n_steps == 0


def test_twice_the_same():
    settings = RelaxationSettings(max_steps=20)
    shaken = copper()
    shaken.perturb(0.1, seed=1)
    calculator = LennardJones(sigma=2.4, epsilon=0.2, rc=6.0, smooth=True)
    first, second = (relax(shaken, calculator, settings, name="LJ") for _ in range(2))
    assert first.structure == second.structure
    assert first.energy_per_atom == second.energy_per_atom
    assert first.n_steps == second.n_steps


def test_time_ends_it_with_what_there_is():
    settings = RelaxationSettings(time_limit=1e-9)
    record = relax(copper(), EMT(), settings, name="EMT")
    assert not record.converged
    assert record.error is None
    assert record.n_steps == 0
    assert record.structure is not None
    assert record.energy_per_atom is not None


@pytest.mark.parametrize(
    ("calculator", "n_steps", "message"),
    [
        (Strange(ValueError("isolated\n  atom")), 0, "ValueError: isolated atom"),
        (Strange(-1.0, -1.0, RuntimeError()), 1, "RuntimeError"),
        (Strange(float("nan"), force=0.0), 0, "energy is nan eV/atom"),
        (Strange(force=float("nan")), 0, "largest force is nan eV/Å"),
        (Strange(force=0.0, stress=-9.0), None, "times what it was"),
        (Strange(force=0.0, stress=9.0), None, "times what it was"),
    ],
)
def test_whatever_goes_wrong_becomes_a_record(calculator, n_steps, message):
    record = relax(copper(), calculator, RelaxationSettings(), name="strange")
    assert message in record.error
    assert "\n" not in record.error
    assert n_steps is None or record.n_steps == n_steps
    assert (record.structure, record.energy_per_atom, record.max_force) == (
        None,
        None,
        None,
    )
    assert not record.converged
    assert record.calculator == "strange"


def test_overlapping_atoms_never_reach_the_calculator():
    close = Structure(Lattice.cubic(5), ["Cu", "Cu"], [[0, 0, 0], [0.05, 0, 0]])
    record = relax(close, Strange(AssertionError("asked")), TIGHT, name="strange")
    assert record.error == "two atoms are 0.25 Å apart, allowed is 0.5 Å"


def test_an_unknown_element_is_a_record_too():
    iron = Structure(Lattice.cubic(2.87), ["Fe"], [[0, 0, 0]])
    record = relax(iron, EMT(), TIGHT, name="EMT")
    assert record.error.startswith("NotImplementedError")


def test_the_keyboard_gets_through():
    with pytest.raises(KeyboardInterrupt):
        relax(copper(), Strange(KeyboardInterrupt()), TIGHT, name="strange")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_force", 0.0),
        ("time_limit", -1.0),
        ("max_force", float("nan")),
        ("max_steps", -1),
    ],
)
def test_senseless_limits_are_refused(field, value):
    with pytest.raises(InputError, match=field):
        RelaxationSettings(**{field: value})


def test_more_atoms_than_a_step_can_be_made_for_are_refused_at_once():
    record = relax(copper() * (7, 6, 6), Strange(RuntimeError("asked")), TIGHT, name="any")
    assert record.error == "1008 atoms, at most 1000 are relaxed; take a smaller cell"
    assert record.structure is None
