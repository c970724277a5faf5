"""Pairs and bond pairs against pymatgen's search and against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from materials.flat import FlatCrystals
from models.relaxing.pairs import closest, find_bond_pairs, find_pairs

CUTOFF = 4.0


def flat(*structures: Structure) -> FlatCrystals:
    return FlatCrystals.from_arrays(
        [(np.array(s.atomic_numbers), s.frac_coords, s.lattice.matrix) for s in structures],
        {},
    )


@st.composite
def crystals(draw) -> Structure:
    lengths = draw(st.tuples(*[st.floats(2.5, 7.0)] * 3))
    angles = draw(st.tuples(*[st.floats(65.0, 115.0)] * 3))
    n = draw(st.integers(1, 4))
    seed = draw(st.integers(0, 999))
    places = np.random.default_rng(seed).uniform(-1.5, 1.5, (n, 3))
    return Structure(Lattice.from_parameters(*lengths, *angles), ["Cu"] * n, places)


def structure_has_pairs_at(structure: Structure, cutoff: float) -> bool:
    """Whether rounding decides which pairs lie within the cutoff."""
    less, more = (structure.get_neighbor_list(cutoff + d)[3] for d in (-1e-6, 1e-6))
    return len(less) != len(more)


@settings(deadline=None, max_examples=40)
@given(crystals(), crystals())
def test_every_pair_is_there_once(one, two):
    found = find_pairs(flat(one, two), CUTOFF)
    for row, structure in enumerate((one, two)):
        first = sum(len(s) for s in (one, two)[:row])
        mine = slice(found.start[row], found.start[row + 1])
        i, j = found.first[mine] - first, found.second[mine] - first
        there, back, _, distance = structure.get_neighbor_list(CUTOFF)
        assume(not structure_has_pairs_at(structure, CUTOFF))
        assert 2 * len(i) == len(there)
        both = np.concatenate([i, j]), np.concatenate([j, i])
        length = np.tile(found.length[mine], 2)
        ours = np.lexsort((length.round(6), *both))
        theirs = np.lexsort((distance.round(6), there, back))
        assert (both[0][ours] == there[theirs]).all()
        assert (both[1][ours] == back[theirs]).all()
        assert np.allclose(length[ours], distance[theirs], atol=1e-6)


@settings(deadline=None, max_examples=20)
@given(crystals())
def test_vectors_lead_from_an_image_of_the_second_atom_to_the_first(structure):
    found = find_pairs(flat(structure), CUTOFF)
    at = structure.cart_coords
    cells = (
        at[found.first] - found.vector - at[found.second]
    ) @ structure.lattice.inv_matrix
    assert np.allclose(cells, np.round(cells), atol=1e-8)


@settings(deadline=None, max_examples=20)
@given(crystals())
def test_bond_pairs_are_all_ordered_pairs_of_bonds_at_an_atom(structure):
    pairs = find_pairs(flat(structure), 3.5)
    found = find_bond_pairs(pairs.first, pairs.second, len(structure))
    ends = [[] for _ in structure]
    for bond, (i, j) in enumerate(zip(pairs.first, pairs.second, strict=True)):
        ends[i].append((bond, 1.0))
        ends[j].append((bond, -1.0))
    expected = [
        (atom, a[0], b[0], a[1] * b[1])
        for atom, here in enumerate(ends)
        for p, a in enumerate(here)
        for q, b in enumerate(here)
        if p != q
    ]
    assert sorted(zip(*found, strict=True)) == sorted(expected)


def test_the_closest_pair_counts_and_crystals_are_kept_apart():
    near = Structure(Lattice.cubic(5), ["Cu", "Cu"], [[0, 0, 0], [0.98, 0, 0]])
    alone = Structure(Lattice.cubic(5), ["Cu"], [[0, 0, 0]])
    assert closest(flat(alone, near, alone), 0.5) == pytest.approx([np.inf, 0.1, np.inf])
    assert closest(flat(alone), 5.1) == pytest.approx([5.0])
    assert len(closest(flat(), 0.5)) == 0
