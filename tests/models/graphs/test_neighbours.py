from __future__ import annotations

import numpy as np
import pytest
from ase.build import bulk
from ase.neighborlist import neighbor_list
from hypothesis import given, settings

from models.graphs.neighbours import GraphConfig, periodic_neighbours
from tests.models.samples import isolated
from tests.strategies import atoms

CONFIG = GraphConfig()


def found_by_ase(crystal, reach):
    target, _, distance, vector = neighbor_list("ijdD", crystal, CONFIG.max_reach)
    keep = distance < reach[target]
    return target[keep], distance[keep], vector[keep]


@settings(deadline=None, max_examples=15)
@given(crystal=atoms(max_sites=5))
def test_neighbours_are_those_that_ase_finds_within_reach(crystal):
    mine = periodic_neighbours(crystal.positions, np.asarray(crystal.cell), CONFIG)
    target, distance, vector = found_by_ase(crystal, mine.reach)
    order = np.lexsort((distance, target))
    np.testing.assert_array_equal(mine.target, target[order])
    np.testing.assert_allclose(mine.distance, distance[order], atol=1e-9)
    np.testing.assert_allclose(mine.vector.sum(0), vector.sum(0), atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(mine.vector, axis=1), mine.distance)


@settings(deadline=None, max_examples=15)
@given(crystal=atoms(max_sites=5))
def test_reach_is_the_stretched_mean_of_the_shortest_distances(crystal):
    mine = periodic_neighbours(crystal.positions, np.asarray(crystal.cell), CONFIG)
    target, _, distance = neighbor_list("ijd", crystal, CONFIG.max_reach)
    for atom in range(len(crystal)):
        near = np.sort(distance[target == atom])[: CONFIG.n_nearest]
        filled = np.append(near, [CONFIG.max_reach] * (CONFIG.n_nearest - len(near)))
        expected = min(CONFIG.stretch * filled.mean(), CONFIG.max_reach)
        assert mine.reach[atom] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("crystal", "n_neighbours"), [("Cu", 12), ("Fe", 8 + 6), ("Si", 4 + 12)]
)
def test_whole_shells_are_in_reach(crystal, n_neighbours):
    atoms = bulk(crystal)
    mine = periodic_neighbours(atoms.positions, np.asarray(atoms.cell))
    assert np.bincount(mine.target).tolist() == [n_neighbours] * len(atoms)
    assert (mine.distance < 0.95 * mine.reach[mine.target]).all()


def test_a_lone_atom_sees_nobody():
    lone = isolated()
    mine = periodic_neighbours(lone.positions, np.asarray(lone.cell))
    assert len(mine.distance) == 0
    assert mine.reach.tolist() == [CONFIG.max_reach]
