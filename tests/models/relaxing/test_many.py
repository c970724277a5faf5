"""Many relaxations at once: each comes out as it does alone, and failures are records."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from ase.calculators.calculator import Calculator
from ase.calculators.emt import EMT
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from materials.relaxation import RelaxationSettings, relax
from models.potentials import Potential, load_potential
from models.relaxing.batched import OneByOne
from models.relaxing.many import relax_as_finished, relax_many

TIGHT = RelaxationSettings(max_force=0.01, max_steps=60)
BRIEF = RelaxationSettings(max_force=0.05, max_steps=15)
METALS = ("Al", "Ni", "Cu", "Pd", "Ag", "Pt", "Au")


def alloy(seed: int) -> Structure:
    rng = np.random.default_rng(seed)
    structure = Structure(
        Lattice.cubic(rng.uniform(3.7, 4.2)),
        [METALS[k] for k in rng.integers(0, len(METALS), 4)],
        [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]],
    )
    structure.perturb(0.1, seed=seed)
    return structure


class Together(OneByOne):
    """Says that it can do several, and remembers how many it was asked about."""

    budget = 3

    def __init__(self, calculator=None, most=99):
        super().__init__(calculator or EMT())
        self.asked, self.most, self.refused = [], most, 0

    def __call__(self, crystals):
        if len(crystals) > self.most:
            self.refused += 1
            raise torch.OutOfMemoryError("too many")
        self.asked.append(len(crystals))
        return super().__call__(crystals)


def potential(batched: Together) -> Potential:
    return Potential("EMT", "test", batched.calculator, lambda: batched)


def same(one, other) -> None:
    assert (one.error, one.converged, one.n_steps) == (
        other.error,
        other.converged,
        other.n_steps,
    )
    if one.error is None:
        assert one.energy_per_atom == pytest.approx(other.energy_per_atom, abs=1e-6)
        assert one.max_force == pytest.approx(other.max_force, abs=1e-4)
        assert one.structure.species == other.structure.species
        assert np.allclose(
            one.structure.lattice.matrix, other.structure.lattice.matrix, atol=1e-5
        )


@settings(deadline=None, max_examples=3)
@given(seeds=st.lists(st.integers(0, 99), max_size=3), budget=st.integers(1, 7))
def test_each_comes_out_as_from_relax_whatever_the_company(seeds, budget):
    structures = [alloy(seed) for seed in seeds]
    records = list(relax_many(structures, potential(Together()), BRIEF, budget=budget))
    assert len(records) == len(seeds)
    for structure, record in zip(structures, records, strict=True):
        same(record, relax(structure, EMT(), BRIEF, name="EMT test"))
        assert record.calculator == "EMT test"


@pytest.mark.parametrize(
    "limits",
    [
        RelaxationSettings(max_steps=0),
        RelaxationSettings(max_steps=3),
        RelaxationSettings(relax_cell=False),
        RelaxationSettings(max_force=50.0),
    ],
)
def test_limits_are_those_of_relax(limits):
    (record,) = relax_many([alloy(1)], potential(Together()), limits)
    same(record, relax(alloy(1), EMT(), limits, name="EMT"))


def test_a_cell_that_came_far_goes_on_until_the_true_forces_are_small():
    far = Structure.from_spacegroup(
        "Pm-3m", Lattice.cubic(4.6), ["Cu", "Au"], [[0, 0.5, 0.5], [0, 0, 0]]
    )
    far.translate_sites([0], [0.03, -0.05, 0.04])
    (record,) = relax_many([far], potential(Together()), TIGHT)
    same(record, relax(far, EMT(), TIGHT, name="EMT"))
    assert record.max_force <= 0.01


def test_who_is_done_leaves_and_others_enter():
    together = Together()
    structures = iter([alloy(seed) for seed in range(7)])
    finished = list(relax_as_finished(structures, potential(together), TIGHT))
    assert sorted(place for place, _ in finished) == list(range(7))
    assert max(together.asked) == 3
    assert sum(together.asked) == sum(record.n_steps + 1 for _, record in finished)
    first = together.asked.index(2) if 2 in together.asked else len(together.asked)
    assert set(together.asked[:first]) == {3}  # full until nobody is left to enter
    assert all(record.seconds > 0 for _, record in finished)


def test_nothing_is_taken_before_there_is_room():
    taken = []

    def source():
        for seed in range(6):
            taken.append(seed)
            yield alloy(seed)

    next(relax_many(source(), potential(Together()), TIGHT))
    assert len(taken) <= 5  # three at once, and those that took the places of the done


def test_one_on_which_the_whole_call_fails_is_found_out():
    class Brittle(Together):
        def __call__(self, crystals):
            if 26 in crystals.atomic_numbers:
                raise RuntimeError("shape mismatch")
            return super().__call__(crystals)

    iron = Structure(Lattice.cubic(2.87), ["Fe"], [[0, 0, 0]])
    records = list(
        relax_many([alloy(0), iron, alloy(1)], potential(Brittle()), BRIEF, budget=3)
    )
    assert [r.error for r in records] == [None, "RuntimeError: shape mismatch", None]
    same(records[2], relax(alloy(1), EMT(), BRIEF, name="EMT"))


def test_where_memory_runs_out_fewer_are_asked_about():
    together = Together(most=1)
    records = list(relax_many([alloy(s) for s in range(3)], potential(together), TIGHT))
    assert [record.error for record in records] == [None] * 3
    assert set(together.asked) == {1}
    assert together.refused <= 3  # the budget of three is halved for good: once or twice


def test_one_that_needs_too_much_memory_is_a_record():
    records = list(relax_many([alloy(0)], potential(Together(most=0)), TIGHT))
    assert records[0].error == "not enough memory for 4 atoms"
    assert records[0].structure is None


def test_failures_are_records_and_the_others_go_on():
    unknown = Structure(Lattice.cubic(2.87), ["Fe"], [[0, 0, 0]])
    close = Structure(Lattice.cubic(5), ["Cu", "Cu"], [[0, 0, 0], [0.05, 0, 0]])
    mixed = Structure(Lattice.cubic(4), [{"Cu": 0.5, "Au": 0.5}], [[0, 0, 0]])
    flat = Structure(Lattice([[1, 0, 0], [0, 1, 0], [1, 1, 0]]), ["Cu"], [[0, 0, 0]])
    lost = Structure(Lattice.cubic(4), ["Cu"], [[np.nan, 0, 0]])
    given = [alloy(0), unknown, close, mixed, alloy(1), flat, lost]
    records = list(relax_many(given, potential(Together()), TIGHT))
    assert [record.error is None for record in records] == [True] + [False] * 3 + [True] + [
        False
    ] * 2
    assert records[1].error.startswith("NotImplementedError")
    assert records[2].error == "two atoms are 0.25 Å apart, allowed is 0.5 Å"
    assert "specie" in records[3].error
    assert "lattice has a volume of 0" in records[5].error
    assert records[6].error == "positions or cell are no longer numbers"
    for structure, record in zip(given, records, strict=True):
        if record.error:
            assert (record.structure, record.energy_per_atom, record.max_force) == (
                None,
                None,
                None,
            )
            assert not record.converged
        else:
            same(record, relax(structure, EMT(), TIGHT, name="EMT"))


class Strange(Calculator):
    """The same numbers whatever the crystal."""

    implemented_properties = ("energy", "forces", "stress")

    def __init__(self, energy=-1.0, force=0.0, stress=0.0):
        super().__init__()
        self.told = energy, force, stress

    def calculate(self, atoms=None, properties=None, system_changes=()):
        super().calculate(atoms, properties, system_changes)
        energy, force, stress = self.told
        forces = np.full((len(atoms), 3), force)
        forces[::2] *= -1
        self.results = {
            "energy": energy,
            "forces": forces,
            "stress": np.array([stress] * 3 + [0.0] * 3),
        }


@pytest.mark.parametrize(
    ("calculator", "message"),
    [
        (Strange(energy=float("nan")), "energy is nan eV/atom"),
        (Strange(force=float("nan")), "largest force is nan eV/Å"),
        (Strange(stress=-9.0), "times what it was"),
        (Strange(stress=9.0), "times what it was"),
        (Strange(force=1.0), "the curvature is no longer a number"),
    ],
)
def test_whatever_explodes_or_collapses_is_a_record(calculator, message):
    (record,) = relax_many([alloy(0)], Potential("strange", "0", calculator))
    assert message in record.error
    assert record.structure is None


def test_time_ends_it_with_what_there_is():
    limits = RelaxationSettings(time_limit=1e-9, max_force=1e-6)
    (record,) = relax_many([alloy(0)], potential(Together()), limits)
    assert not record.converged
    assert record.error is None
    assert record.n_steps <= 1
    assert record.structure is not None


def test_the_keyboard_gets_through():
    class Stop(Strange):
        def calculate(self, *_, **__):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(relax_many([alloy(0)], Potential("strange", "0", Stop())))


def test_a_calculator_starts_anew_after_a_failure():
    iron = Structure(Lattice.cubic(2.87), ["Fe"], [[0, 0, 0]])
    records = list(relax_many([alloy(0), iron, iron], load_potential("emt"), BRIEF))
    assert [r.error for r in records] == [None] + 2 * [
        "NotImplementedError: No EMT-potential for Fe"
    ]


def test_any_potential_without_a_batch_of_its_own_works_too():
    emt = load_potential("emt")
    assert emt.batched is None
    records = list(relax_many([alloy(4), alloy(5)], emt, TIGHT))
    for seed, record in zip((4, 5), records, strict=True):
        same(record, relax(alloy(seed), EMT(), TIGHT, name=emt.origin))
        assert record.calculator == emt.origin


def test_one_with_too_many_atoms_is_a_record():
    large = alloy(0) * (7, 6, 6)
    together = Together()
    records = list(relax_many([large, alloy(1)], potential(together), BRIEF))
    assert records[0].error == "1008 atoms, at most 1000 are relaxed; take a smaller cell"
    assert records[1].error is None
