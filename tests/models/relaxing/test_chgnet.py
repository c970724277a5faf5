"""The batched CHGNet against the package's own calculator."""

from __future__ import annotations

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from materials.flat import FlatCrystals
from materials.relaxation import RelaxationSettings, relax
from models.potentials import Potential, load_potential
from models.relaxing.batched import OneByOne, batched_potential
from models.relaxing.many import relax_many

pytest.importorskip("chgnet")


@pytest.fixture(scope="module")
def chgnet() -> Potential:
    return load_potential("chgnet", device="cpu")


def made(group, lattice, species, places, *, shake=0.05) -> Structure:
    structure = Structure.from_spacegroup(group, lattice, species, places)
    structure = structure.get_primitive_structure()
    structure = structure.apply_strain([0.01, -0.02, 0.03], inplace=False)
    structure.perturb(shake, seed=1)
    return structure


CRYSTALS = {
    "GaAs": made(
        "F-43m", Lattice.cubic(5.75), ["Ga", "As"], [[0, 0, 0], [0.25, 0.25, 0.25]]
    ),
    "CsI, no bond graph": made(
        "Pm-3m", Lattice.cubic(4.7), ["Cs", "I"], [[0, 0, 0], [0.5] * 3], shake=0.01
    ),
    "Cu, bonds to its own images": made("Fm-3m", Lattice.cubic(3.6), ["Cu"], [[0, 0, 0]]),
    "TiO2": made(
        "P4_2/mnm",
        Lattice.tetragonal(4.65, 2.97),
        ["Ti", "O"],
        [[0, 0, 0], [0.305, 0.305, 0]],
    ),
    "NaCl, out of its cell": Structure(
        Lattice.rhombohedral(4.0, 60), ["Na", "Cl"], [[3.02, -2.0, 0.1], [0.5, 0.55, 7.5]]
    ),
}


def flat(structures) -> FlatCrystals:
    return FlatCrystals.from_arrays(
        [(np.array(s.atomic_numbers), s.frac_coords, s.lattice.matrix) for s in structures],
        {},
    )


def test_numbers_are_those_of_its_own_calculator(chgnet):
    crystals = flat(CRYSTALS.values())
    ours = batched_potential(chgnet)(crystals)
    theirs = OneByOne(chgnet.calculator)(crystals)
    assert not ours.faults
    assert not theirs.faults
    per_atom = (ours.energy - theirs.energy) / crystals.n_sites
    assert np.abs(per_atom).max() < 1e-5
    assert np.abs(ours.forces - theirs.forces).max() < 1e-3
    assert np.abs(ours.stress - theirs.stress).max() < 1e-5
    assert np.abs(theirs.forces).max() > 0.5  # there was something to agree on
    assert np.abs(theirs.stress).max() > 0.01


@pytest.mark.parametrize("name", CRYSTALS)
def test_company_changes_nothing(chgnet, name):
    potential = batched_potential(chgnet)
    together = potential(flat(CRYSTALS.values()))
    place = list(CRYSTALS).index(name)
    alone = potential(flat([CRYSTALS[name]]))
    assert alone.energy[0] == pytest.approx(together.energy[place], abs=1e-4)
    assert np.allclose(alone.stress[0], together.stress[place], atol=1e-5)


def test_the_same_question_has_the_same_answer_to_the_last_digit(chgnet):
    potential = batched_potential(chgnet)
    once, again = (potential(flat(CRYSTALS.values())) for _ in range(2))
    assert (once.energy == again.energy).all()
    assert (once.forces == again.forces).all()
    assert (once.stress == again.stress).all()


def test_crystals_it_cannot_take_do_not_disturb_the_others(chgnet):
    gas = Structure(Lattice.cubic(9), ["Ar"], [[0, 0, 0]])
    heavy = Structure(Lattice.cubic(3.5), ["Cm"], [[0, 0, 0]])
    gaas = CRYSTALS["GaAs"]
    potential = batched_potential(chgnet)
    mixed = potential(flat([gas, gaas, heavy]))
    assert mixed.faults == {
        0: "1 isolated atom(s): nothing within 6 Å",
        2: "CHGNet knows elements up to 94, got 96",
    }
    alone = potential(flat([gaas]))
    assert mixed.energy[1] == pytest.approx(alone.energy[0], abs=1e-5)
    assert np.allclose(mixed.forces[1:3], alone.forces, atol=1e-4)
    assert np.isnan(mixed.energy[[0, 2]]).all()
    assert np.isnan(mixed.forces[[0, 3]]).all()
    assert len(potential(flat([gas])).energy) == 1
    assert len(potential(flat([])).energy) == 0


def test_a_network_of_another_shape_is_left_to_its_calculator(chgnet):
    from chgnet.model.model import CHGNet

    from models.relaxing.chgnet import supports

    assert supports(chgnet.calculator.model)
    small = {"n_conv": 2, "mlp_hidden_dims": [8]}
    assert supports(CHGNet(**small))
    assert not supports(CHGNet(**small, mlp_first=False))
    assert not supports(CHGNet(**small, conv_norm="layer"))
    assert not supports(CHGNet(**small, mlp_out_bias=True))


def test_costs_are_about_the_pairs_there_are(chgnet):
    from models.relaxing.pairs import find_pairs

    crystals = flat(CRYSTALS.values())
    pairs = np.diff(find_pairs(crystals, 6.0).start)
    assert batched_potential(chgnet).costs(crystals) == pytest.approx(pairs, rel=0.5)


def test_relaxed_crystals_are_those_of_relax(chgnet):
    limits = RelaxationSettings(max_steps=5)
    gas = Structure(Lattice.cubic(9), ["Ar"], [[0, 0, 0]])
    structures = [CRYSTALS["GaAs"], CRYSTALS["TiO2"], gas]
    records = list(relax_many(structures, chgnet, limits))
    assert "isolated atom" in records[-1].error
    for structure, record in zip(structures[:2], records, strict=False):
        alone = relax(structure, chgnet.calculator, limits, name=chgnet.origin)
        assert record.energy_per_atom == pytest.approx(alone.energy_per_atom, abs=1e-4)
        assert record.n_steps == alone.n_steps
        assert record.structure.volume == pytest.approx(alone.structure.volume, rel=1e-3)
        assert record.calculator == chgnet.origin
