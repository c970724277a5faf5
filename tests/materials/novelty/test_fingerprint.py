"""Fingerprints: the same for the same crystal, and steady."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from materials.flat import FlatCrystals
from materials.novelty.cells import primitive_cells
from materials.novelty.fingerprint import N_NEAREST, fingerprints
from tests.materials.novelty.crystals import (
    FLUORITE,
    HALITE,
    WURTZITE,
    ZINC_BLENDE,
    flat,
    prototypes,
)
from tests.rewriting import rewritings
from tests.strategies import structures

SOME = ("Na", "O", "Fe")


def fingerprint(structure):
    return fingerprints(primitive_cells(flat(structure))).values


def by_hand(structure):
    """From pymatgen's neighbours, in cube roots of the volume per atom."""
    spacing = (structure.volume / len(structure)) ** (1 / 3)
    kinds = sorted(set(structure.atomic_numbers))
    found = np.zeros((len(kinds), len(kinds), N_NEAREST))
    for site in structure:
        near = structure.get_neighbors(site, 6 * spacing)
        row = kinds.index(site.specie.Z)
        for column, z in enumerate(kinds):
            distances = sorted(n.nn_distance for n in near if z == n.specie.Z)[:N_NEAREST]
            found[row, column] += np.array(distances) / spacing
    amounts = [structure.atomic_numbers.count(z) for z in kinds]
    return (found / np.array(amounts)[:, None, None]).ravel()


@settings(deadline=None, max_examples=60)
@given(data=st.data(), one=prototypes | structures(max_sites=4, elements=SOME))
def test_a_fingerprint_ignores_how_the_crystal_is_written(data, one):
    other = data.draw(rewritings(one))
    mirrored = other.copy()
    mirrored.lattice = mirrored.lattice.matrix * [1, 1, -1]
    mirrored.scale_lattice(mirrored.volume * data.draw(st.floats(0.3, 3.0)))
    np.testing.assert_allclose(fingerprint(mirrored), fingerprint(one), atol=2e-5)


@settings(deadline=None, max_examples=30)
@given(one=structures(max_sites=5, elements=SOME, max_length=8.0))
def test_a_fingerprint_is_what_neighbour_lists_say(one):
    prints = fingerprints(flat(one.get_sorted_structure(key=lambda site: site.specie.Z)))
    np.testing.assert_allclose(prints.values, by_hand(one), rtol=1e-5)


@settings(deadline=None, max_examples=40)
@given(one=prototypes, noise=st.floats(0.0, 0.2), seed=st.integers(0, 99))
def test_small_displacements_change_it_by_twice_their_size_at_most(one, noise, seed):
    moved = one.copy()
    rng = np.random.default_rng(seed)
    for site in range(len(moved)):
        step = rng.normal(size=3)
        step *= noise / np.linalg.norm(step)
        moved.translate_sites(site, step, frac_coords=False)
    one, moved = (
        fingerprints(flat(s.get_sorted_structure(key=lambda site: site.specie.Z))).values
        for s in (one, moved)
    )
    spacing = (HALITE.volume / 2) ** (1 / 3) * 0.5  # less than that of any prototype
    assert np.abs(one - moved).max() <= 2 * noise / spacing + 1e-5


def test_it_tells_structures_and_roles_apart():
    halite, blende, wurtzite = (fingerprint(one) for one in (HALITE, ZINC_BLENDE, WURTZITE))
    assert np.abs(halite - blende).max() > 0.1
    assert np.abs(blende - wurtzite).max() > 0.1  # further neighbours of one element
    anti = FLUORITE.copy()
    anti.replace_species({"Zn": "S", "S": "Zn"})
    assert np.abs(fingerprint(anti) - fingerprint(FLUORITE)).max() > 0.1


def test_rock_salt_by_textbook():
    """Six unlike neighbours at half the edge, twelve like ones at its 1/√2."""
    spacing = HALITE.volume ** (1 / 3) / 2 ** (1 / 3)
    edge = (4 * HALITE.volume) ** (1 / 3)
    values = fingerprint(HALITE).reshape(2, 2, N_NEAREST) * spacing
    assert values[0, 1] == pytest.approx(np.full(N_NEAREST, edge / 2), rel=1e-5)
    assert values[1, 1] == pytest.approx(np.full(N_NEAREST, edge / np.sqrt(2)), rel=1e-5)


def test_crystals_without_atoms_have_none_and_stretches_are_cut_out():
    crystals = flat(HALITE, FLUORITE)
    empty = FlatCrystals(
        crystals.atomic_numbers,
        crystals.frac_coords,
        np.stack([crystals.lattice[0], np.eye(3), crystals.lattice[1]]),
        np.array([0, 2, 2, 5]),
        {1: "broken"},
    )
    prints = fingerprints(primitive_cells(empty))
    assert np.diff(prints.start).tolist() == [4 * N_NEAREST, 0, 4 * N_NEAREST]
    np.testing.assert_array_equal(prints.cut(2, 3).of(0), prints.of(2))


def test_needles_and_plates_have_one_too():
    from pymatgen.core import Lattice, Structure

    needle = Structure(Lattice.orthorhombic(2.5, 2.5, 80), ["Fe"], [[0, 0, 0]])
    spacing = needle.volume ** (1 / 3)
    values = fingerprint(needle) * spacing
    expected = [2.5] * 4 + [2.5 * np.sqrt(2)] * 2
    assert values == pytest.approx(expected, rel=1e-5)
