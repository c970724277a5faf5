"""Prototypes: true orbits, no two alike, and decoration that keeps the symmetry."""

from __future__ import annotations

import subprocess
import sys
from itertools import combinations

import numpy as np
import pytest
import spglib
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.analysis.structure_matcher import StructureMatcher

from materials.candidates.prototypes import (
    PLACEHOLDERS,
    PrototypeSet,
    aflow_prototypes,
    decorate,
)
from materials.candidates.volume import estimate_volume
from materials.errors import InputError

ALL = aflow_prototypes(n_species=(1, 2, 3, 4, 5), max_sites=48)
BY_LABEL = {prototype.label: prototype for prototype in ALL}
ELEMENTS = ("Zn", "S", "Mg", "O", "Si")
prototypes = st.sampled_from(ALL)


def test_sorted_and_uniquely_labelled():
    labels = [prototype.label for prototype in ALL]
    assert labels == sorted(set(labels))


def test_the_selection_is_kept_and_obeyed():
    few = aflow_prototypes(n_species=(2,), max_sites=4)
    assert few is aflow_prototypes(n_species=(2,), max_sites=4)
    assert few == tuple(p for p in ALL if p.n_species == 2 and p.n_sites <= 4)
    assert set(few) < set(aflow_prototypes())


@pytest.mark.parametrize(
    ("label", "group", "stoichiometry"),
    [
        ("A_cF8_227_a:A", 227, (2,)),
        ("AB_cF8_225_a_b:AB", 225, (1, 1)),
        ("AB_cF8_216_c_a:AB", 216, (1, 1)),
        ("AB3C_cP5_221_a_c_b:ABC", 221, None),
        ("ABC2_tI16_122_a_b_d:ABC", 122, None),
        ("A2BC4_cF56_227_d_a_e:ABC", 227, None),
    ],
)
def test_textbook_structures_are_there(label, group, stoichiometry):
    prototype = BY_LABEL[label]
    assert prototype.spacegroup == group
    if stoichiometry:
        assert prototype.stoichiometry == stoichiometry


def test_an_entry_is_coloured_in_every_way():
    labels = [label for label in BY_LABEL if label.startswith("AB3C_cP5_221_a_c_b:")]
    assert [label.split(":")[1] for label in labels] == ["AAA", "AAB", "ABA", "ABB", "ABC"]


def test_a_colouring_known_by_another_name_is_left_out():
    assert "A_cP1_221_a:A" in BY_LABEL  # simple cubic, which one-colour rock salt would be
    assert "AB_cF8_225_a_b:AA" not in BY_LABEL


@settings(deadline=None, max_examples=60)
@given(prototype=prototypes)
def test_orbits_and_counts_describe_the_structure(prototype):
    sites = sorted(site for orbit in prototype.orbits for site in orbit)
    assert sites == list(range(prototype.n_sites)) == list(range(len(prototype.structure)))
    for orbit, kind in zip(prototype.orbits, prototype.orbit_species, strict=True):
        for site in orbit:
            assert prototype.structure[site].specie.symbol == PLACEHOLDERS[kind]
    counts = [
        sum(
            len(o)
            for o, k in zip(prototype.orbits, prototype.orbit_species, strict=True)
            if k == s
        )
        for s in range(prototype.n_species)
    ]
    assert tuple(counts) == prototype.stoichiometry
    seen = list(dict.fromkeys(prototype.orbit_species))
    assert seen == list(range(prototype.n_species))


@settings(deadline=None, max_examples=60)
@given(prototype=prototypes)
def test_cells_are_primitive_and_orbits_are_those_of_the_space_group(prototype):
    structure = prototype.structure
    cell = (structure.lattice.matrix, structure.frac_coords, structure.atomic_numbers)
    found = spglib.get_symmetry_dataset(cell, symprec=0.01)
    assert found.number == prototype.spacegroup
    assert len(set(found.mapping_to_primitive.tolist())) == len(structure)
    theirs: dict[int, set[int]] = {}
    for site, orbit in enumerate(found.equivalent_atoms.tolist()):
        theirs.setdefault(orbit, set()).add(site)
    assert sorted(map(sorted, theirs.values())) == sorted(map(sorted, prototype.orbits))


@settings(deadline=None, max_examples=40)
@given(prototype=prototypes, elements=st.permutations(ELEMENTS))
def test_decoration_puts_the_elements_where_they_belong(prototype, elements):
    chosen = elements[: prototype.n_species]
    crystal = decorate(prototype, chosen)
    counts = tuple(round(crystal.composition[symbol]) for symbol in chosen)
    assert counts == prototype.stoichiometry
    assert crystal.volume == pytest.approx(estimate_volume(crystal), rel=1e-9)
    for orbit, kind in zip(prototype.orbits, prototype.orbit_species, strict=True):
        assert {crystal[site].specie.symbol for site in orbit} == {chosen[kind]}


def test_small_prototypes_are_all_different_crystals():
    matcher = StructureMatcher(ltol=0.2, stol=0.2, angle_tol=5, primitive_cell=False)
    small = [p for p in ALL if p.n_sites <= 4]
    pairs = [
        (a, b)
        for a, b in combinations(small, 2)
        if a.spacegroup == b.spacegroup
        and sorted(a.stoichiometry) == sorted(b.stoichiometry)
    ]
    assert pairs
    same = [
        (a.label, b.label)
        for a, b in pairs
        if len(a.orbits) == len(b.orbits)
        and matcher.fit_anonymous(a.structure, b.structure)
    ]
    assert same == []


@pytest.mark.parametrize(
    ("elements", "message"),
    [
        (["Zn"], "takes 2 elements, got 1"),
        (["Zn", "S", "O"], "takes 2 elements, got 3"),
        (["Zn", "Zn"], "2 different elements"),
        (["Zn", "Xx"], "'Xx' is not an element"),
        (["Znn", "S"], "Did you mean 'Zn'"),
    ],
)
def test_wrong_elements_are_refused(elements, message):
    with pytest.raises(InputError, match=message):
        decorate(BY_LABEL["AB_cF8_225_a_b:AB"], elements)


def test_the_ground_floor_loads_no_torch():
    code = (
        "import sys; from materials.candidates.prototypes import aflow_prototypes as a;"
        "a(); sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_encyclopedia_is_a_second_set_of_distinct_sound_prototypes():
    which = PrototypeSet.ENCYCLOPEDIA
    whole = aflow_prototypes(n_species=(1, 2, 3, 4, 5, 6), max_sites=48, which=which)
    assert len(whole) == len({p.label for p in whole}) == 903
    for prototype in whole:
        sites = sorted(site for orbit in prototype.orbits for site in orbit)
        assert (
            sites == list(range(prototype.n_sites)) == list(range(len(prototype.structure)))
        )
        assert 1 <= prototype.spacegroup <= 230
        assert prototype.orbit_species[0] == 0
        distances = prototype.structure.distance_matrix[
            ~np.eye(prototype.n_sites, dtype=bool)
        ]
        assert distances.min(initial=9.0) > 0.5
    assert "A4B_cI40_197_cde_c" in {p.label.split(":")[0] for p in whole}
    small = aflow_prototypes(n_species=(2,), max_sites=2, which=which)
    assert {p.n_species for p in small} == {2}
    assert "AB_cF8_225_a_b" in {p.label.split(":")[0] for p in small}
