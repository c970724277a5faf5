"""Primitive cells: pymatgen's, whatever cell they are made from."""

from __future__ import annotations

import numpy as np
import pytest
import spglib
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from materials.novelty.cells import folded_cells, primitive_cells
from materials.novelty.niggli import niggli
from tests.materials.novelty.crystals import (
    HALITE,
    clear_cut,
    flat,
    noisy,
    prototypes,
    structure,
)
from tests.rewriting import rewritings
from tests.strategies import lattices, structures


def metric(matrix):
    return matrix @ matrix.T


@settings(deadline=None, max_examples=100)
@given(lattice=lattices(), steps=st.lists(st.integers(-3, 3), min_size=3, max_size=3))
def test_cells_are_niggli_s_whatever_vectors_describe_them(lattice, steps):
    a, b, c = steps
    shear = np.array([[1, a, b], [0, 1, c], [0, 0, 1]])
    cell, sites = niggli(shear @ lattice.matrix, np.array([[0.1, 0.2, 0.3]]))
    np.testing.assert_allclose(
        metric(cell), metric(spglib.niggli_reduce(lattice.matrix)), atol=1e-3
    )
    before = np.array([0.1, 0.2, 0.3]) @ shear @ lattice.matrix
    np.testing.assert_allclose(sites[0] @ cell, before, atol=1e-8)


@settings(deadline=None, max_examples=60)
@given(data=st.data(), given_one=prototypes | structures(max_sites=4, elements=("Na", "O")))
def test_every_way_to_write_a_crystal_has_the_same_primitive_cell(data, given_one):
    assume(clear_cut(given_one))
    one = primitive_cells(flat(given_one))
    other = primitive_cells(flat(data.draw(rewritings(given_one))))
    assert one.atomic_numbers.tolist() == other.atomic_numbers.tolist()
    np.testing.assert_allclose(metric(one.lattice[0]), metric(other.lattice[0]), atol=2e-3)


@settings(deadline=None, max_examples=40)
@given(data=st.data(), given_one=prototypes)
def test_primitive_cells_hold_as_many_atoms_as_pymatgen_s(data, given_one):
    # With more noise it is rounding that decides whether a slanting supercell folds.
    other = data.draw(rewritings(given_one, noise=0.002))
    reduced = other.get_reduced_structure().get_primitive_structure()
    cells = primitive_cells(flat(other))
    assert cells.n_sites[0] == len(reduced)
    assert sorted(reduced.atomic_numbers) == cells.atomic_numbers.tolist()
    assert np.sort(structure(cells).lattice.abc) == pytest.approx(
        np.sort(reduced.lattice.abc), abs=1e-3
    )


def test_noisy_supercells_fold_where_slanting_axes_would_keep_them():
    assert primitive_cells(flat(noisy(HALITE))).n_sites[0] == 6
    assert folded_cells(flat(noisy(HALITE))).n_sites[0] == 2
    assert folded_cells(flat(noisy(HALITE, noise=0.3))).n_sites[0] == 6


def test_atoms_that_are_one_in_the_smaller_cell_are_averaged():
    chain = Structure(Lattice.tetragonal(3.0, 6.0), ["Fe"] * 2, [[0, 0, 0], [0, 0, 0.52]])
    cells = primitive_cells(flat(chain))
    assert cells.n_sites.tolist() == [1]
    assert cells.frac_coords[0, 2] == pytest.approx(0.02)  # of a cell half as long
    assert structure(cells).volume == pytest.approx(27.0)


def test_other_elements_and_shorter_periods_are_not_taken_for_translations():
    ordered = Structure(Lattice.tetragonal(3, 6), ["Fe", "Co"], [[0, 0, 0], [0, 0, 0.5]])
    assert primitive_cells(flat(ordered)).n_sites[0] == 2
    uneven = Structure(Lattice.tetragonal(3, 6), ["Fe"] * 2, [[0, 0, 0], [0, 0, 0.4]])
    assert primitive_cells(flat(uneven)).n_sites[0] == 2


def test_crystals_with_faults_stay_empty_in_their_place():
    broken = Structure(Lattice.cubic(3), [{"Fe": 0.5}], [[0, 0, 0]])
    cells = primitive_cells(flat(HALITE, broken, HALITE))
    assert cells.n_sites.tolist() == [2, 0, 2]
    assert "partly occupied" in cells.faults[1]


@settings(deadline=None, max_examples=30)
@given(one=structures(max_sites=6))
def test_volume_per_atom_is_kept_and_places_lie_in_the_cell(one):
    assume(len(one) > 0)
    cells = primitive_cells(flat(one))
    small = structure(cells)
    assert small.volume / len(small) == pytest.approx(one.volume / len(one))
    assert ((cells.frac_coords >= 0) & (cells.frac_coords < 1)).all()
