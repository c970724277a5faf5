"""Duplicates: equal crystals are found however they are written, others are not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from materials.candidates.prototypes import aflow_prototypes, decorate
from materials.screens.duplicates import DuplicateIndex, structure_key
from tests.rewriting import rewritings

BINARY = aflow_prototypes(n_species=(2,), max_sites=10)


_TOLERANCES = (0.005, 0.03, 0.06, 0.12, 0.2, 0.3)  # Å


def clear_cut(structure: Structure) -> bool:
    """Whether its symmetry is not a matter of tolerance, which no key could settle."""
    groups = {structure.get_space_group_info(symprec)[1] for symprec in _TOLERANCES}
    return len(groups) == 1


crystals = (
    st.sampled_from(BINARY)
    .map(lambda prototype: decorate(prototype, ["Zn", "S"]))
    .filter(clear_cut)
)
BY_LABEL = {prototype.label: prototype for prototype in BINARY}


@settings(deadline=None, max_examples=50)
@given(data=st.data(), structure=crystals)
def test_the_key_ignores_how_the_crystal_is_written(data, structure):
    other = data.draw(rewritings(structure))
    assert structure_key(other) == structure_key(structure)


@settings(deadline=None, max_examples=30)
@given(data=st.data(), structure=crystals, scale=st.floats(0.3, 3.0))
def test_equal_crystals_are_found_whatever_noise_and_volume(data, structure, scale):
    index = DuplicateIndex()
    index.add("first", structure)
    other = data.draw(rewritings(structure, noise=0.005))
    other.scale_lattice(other.volume * scale)
    assert index.find(other) == "first"


def test_polymorphs_are_told_apart():
    index = DuplicateIndex()
    labels = ("AB_cF8_216_c_a:AB", "AB_hP4_186_b_b:AB", "AB_cF8_225_a_b:AB")
    for label in labels:
        structure = decorate(BY_LABEL[label], ["Zn", "S"])
        assert index.find(structure) is None
        index.add(label, structure)
    assert len(index) == 3
    for label in labels:
        assert index.find(decorate(BY_LABEL[label], ["Zn", "S"])) == label


def test_crystals_that_share_a_key_are_still_compared():
    """One orbit of one element on a line: tetragonal body-centred cells of any c/a."""
    short = Structure.from_spacegroup(
        "I4/mmm", Lattice.tetragonal(3, 2.4), ["Zn"], [[0] * 3]
    )
    tall = Structure.from_spacegroup(
        "I4/mmm", Lattice.tetragonal(3, 6.5), ["Zn"], [[0] * 3]
    )
    assert structure_key(short) == structure_key(tall)
    index = DuplicateIndex()
    index.add("short", short)
    assert index.find(tall) is None


def test_elements_on_swapped_sites_are_other_crystals():
    fluorite = BY_LABEL["AB2_cF12_225_a_c:AB"]
    index = DuplicateIndex()
    index.add("first", decorate(fluorite, ["Zn", "S"]))
    assert index.find(decorate(fluorite, ["S", "Zn"])) is None
    halite = BY_LABEL["AB_cF8_225_a_b:AB"]
    index.add("salt", decorate(halite, ["Zn", "S"]))
    assert index.find(decorate(halite, ["S", "Zn"])) == "salt"  # its two sites are alike


def test_mirror_images_are_equal():
    """Alpha quartz in space groups 152 and 154."""
    cell = Lattice.hexagonal(4.913, 5.405)
    left = Structure.from_spacegroup(
        152, cell, ["Si", "O"], [[0.4697, 0, 1 / 3], [0.4135, 0.2669, 0.1191 + 1 / 3]]
    )
    right = Structure(cell, left.species, left.frac_coords * [1, 1, -1])
    assert {s.get_space_group_info()[1] for s in (left, right)} == {152, 154}
    assert structure_key(left) == structure_key(right)
    index = DuplicateIndex()
    index.add("left", left)
    assert index.find(right) == "left"


def test_the_first_of_several_is_named_and_an_identifier_is_kept():
    halite, zinc_blende = (
        decorate(BY_LABEL[label], ["Zn", "S"])
        for label in ("AB_cF8_225_a_b:AB", "AB_cF8_216_c_a:AB")
    )
    index = DuplicateIndex()
    index.add("a", halite)
    index.add("b", halite)
    index.add("a", zinc_blende)
    assert len(index) == 2
    assert index.find(halite) == "a"
    assert index.find(zinc_blende) is None


def test_a_cell_without_symmetry_to_be_found_still_has_a_key():
    overlapping = Structure(Lattice.cubic(4), ["Zn", "Zn"], [[0, 0, 0], [0.001, 0, 0]])
    assert structure_key(overlapping).startswith("Zn1|")


@pytest.mark.parametrize("n", [1, 3])
def test_supercells_are_equal(n):
    structure = decorate(BY_LABEL["AB_hP4_186_b_b:AB"], ["Zn", "S"])
    index = DuplicateIndex()
    index.add("one", structure)
    assert index.find(structure.make_supercell([n, 1, 2], in_place=False)) == "one"
