"""The compiled search says what ``StructureMatcher`` says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure
from pymatgen.core.structure_matcher import StructureMatcher
from scipy.optimize import linear_sum_assignment

from materials.errors import InputError
from materials.novelty.assignment import assigned
from materials.novelty.cells import primitive_cells
from materials.novelty.comparison import Tolerances
from materials.novelty.matching import matches
from tests.materials.novelty.crystals import (
    FLUORITE,
    HALITE,
    WURTZITE,
    ZINC_BLENDE,
    flat,
    prototypes,
    structure,
)
from tests.rewriting import rewritings
from tests.strategies import structures

MATCHER = StructureMatcher()
FIRST = np.array([0])


def compare(one, other, tolerances: Tolerances | None = None) -> float:
    """The worst distance between sites of the first fit; infinite without one."""
    cells = primitive_cells(flat(one, other))
    return float(matches(cells, cells, FIRST, FIRST + 1, tolerances or Tolerances())[0])


def by_pymatgen(one, other, **tolerances) -> bool:
    """On the same cells: which are reduced how is another test's business."""
    cells = primitive_cells(flat(one, other))
    matcher = StructureMatcher(**tolerances) if tolerances else MATCHER
    return bool(
        matcher.fit(structure(cells, 0), structure(cells, 1), skip_structure_reduction=True)
    )


@settings(deadline=None, max_examples=80)
@given(
    data=st.data(),
    one=prototypes | structures(min_sites=2, max_sites=5, elements=("Na", "O")),
    noise=st.sampled_from([0.05, 0.3, 0.6, 1.0, 1.5]),
    stretch=st.sampled_from([1.0, 1.1, 1.19, 1.3, 1.45]),
)
def test_it_agrees_with_pymatgen_on_distorted_copies(data, one, noise, stretch):
    other = data.draw(rewritings(one, noise=noise))
    other = Structure(
        other.lattice.matrix @ np.diag([stretch, 1, 1]), other.species, other.frac_coords
    )
    assert np.isfinite(compare(one, other)) == by_pymatgen(one, other)


@settings(deadline=None, max_examples=80)
@given(one=prototypes, other=prototypes)
def test_it_agrees_with_pymatgen_on_prototypes(one, other):
    assert np.isfinite(compare(one, other)) == by_pymatgen(one, other)


@pytest.mark.parametrize("other", [ZINC_BLENDE, WURTZITE, FLUORITE])
def test_polymorphs_and_other_compositions_do_not_fit(other):
    assert compare(HALITE, other) == np.inf


@settings(deadline=None, max_examples=30)
@given(data=st.data(), one=prototypes)
def test_a_crystal_fits_itself_without_displacement(data, one):
    assert compare(one, data.draw(rewritings(one)), Tolerances(site=1e-3)) < 1e-3


def test_one_atom_off_its_place_is_its_distance_less_the_mean():
    cell = Lattice.cubic(4.0)
    ideal = Structure(cell, ["Cs", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    moved = Structure(cell, ["Cs", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.6]])
    spacing = 4.0 / 2 ** (1 / 3)
    assert compare(ideal, moved) == pytest.approx(0.2 / spacing, rel=1e-6)
    assert compare(ideal, moved, Tolerances(site=0.05)) == np.inf


@pytest.mark.parametrize(("length", "angle"), [(0.05, 5.0), (0.2, 1.0), (0.4, 5.0)])
def test_tolerances_are_pymatgen_s(length, angle):
    cube = Structure(Lattice.cubic(4.0), ["Fe"], [[0, 0, 0]])
    for other in (
        Lattice.tetragonal(4, 4.5),
        Lattice.tetragonal(4, 6),
        Lattice.rhombohedral(4, 87),
    ):
        distorted = Structure(other, ["Fe"], [[0, 0, 0]])
        fits = np.isfinite(compare(cube, distorted, Tolerances(length=length, angle=angle)))
        assert fits == by_pymatgen(cube, distorted, ltol=length, angle_tol=angle)


@settings(deadline=None, max_examples=80)
@given(n=st.integers(1, 9), seed=st.integers(0, 9999), coarse=st.booleans())
def test_assignments_are_the_cheapest(n, seed, coarse):
    cost = np.random.default_rng(seed).uniform(size=(n, n))
    if coarse:
        cost = np.floor(3 * cost)
    chosen = assigned(cost)
    assert sorted(chosen.tolist()) == list(range(n))
    rows, columns = linear_sum_assignment(cost)
    assert cost[np.arange(n), chosen].sum() == pytest.approx(cost[rows, columns].sum())


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_tolerances_are_numbers_above_zero(value):
    with pytest.raises(InputError, match="tolerance site"):
        Tolerances(site=value)


def test_needles_too_long_to_compare_fit_nothing():
    long, longest = (
        Structure(Lattice.tetragonal(2.5, c), ["Fe"], [[0, 0, 0]]) for c in (300, 1900)
    )
    assert compare(long, long) < 1e-6
    assert compare(longest, longest) == np.inf
