from __future__ import annotations

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk
from hypothesis import given, settings
from pymatgen.core import Lattice, Structure
from torch_geometric.data import Batch

from materials.errors import InputError
from models.graphs import CrystalArrays, crystal_graph
from models.graphs.store import MAX_ATOMS, GraphStore
from tests.models.samples import isolated, random_arrays
from tests.strategies import structures

FIELDS = ("z", "reach", "edge_index", "edge_vector", "batch")


@settings(deadline=None, max_examples=10)
@given(structure=structures(max_sites=4))
def test_pymatgen_and_ase_give_one_graph(structure):
    atoms = Atoms(
        numbers=structure.atomic_numbers,
        scaled_positions=structure.frac_coords,
        cell=structure.lattice.matrix,
        pbc=True,
    )
    one, other = crystal_graph(structure), crystal_graph(atoms)
    assert one.num_nodes == len(structure)
    assert one.edge_index.shape == other.edge_index.shape
    torch.testing.assert_close(one.reach, other.reach)
    sums = [graph.edge_vector.sum(0) for graph in (one, other)]
    torch.testing.assert_close(*sums, atol=1e-3, rtol=0)


def test_batches_from_single_graphs_and_from_the_store_agree():
    crystals = random_arrays(6)
    single = Batch.from_data_list([crystal_graph(CrystalArrays(*c)) for c in crystals])
    stored = GraphStore.build(crystals).batch(torch.arange(6))
    assert single.num_graphs == stored.num_graphs == 6
    assert single.num_nodes == stored.num_nodes
    for field in FIELDS:
        torch.testing.assert_close(single[field], stored[field])


def test_an_isolated_atom_counts_as_a_node():
    batch = Batch.from_data_list([crystal_graph(isolated()), crystal_graph(bulk("Si"))])
    assert batch.batch.tolist() == [0, 1, 1]
    assert batch.edge_index.min() == 1


GOOD = (np.array([14]), np.zeros((1, 3)), 3.0 * np.eye(3))


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ((np.array([], int), np.zeros((0, 3)), GOOD[2]), "without atoms"),
        ((np.array([0]), GOOD[1], GOOD[2]), "expected 1 to 118"),
        ((np.array([119]), GOOD[1], GOOD[2]), "expected 1 to 118"),
        ((np.array([14.5]), GOOD[1], GOOD[2]), "whole atomic numbers"),
        ((["Si"], GOOD[1], GOOD[2]), "whole atomic numbers"),
        ((np.array([14, 14]), GOOD[1], GOOD[2]), "for 2 atoms"),
        ((GOOD[0], GOOD[1], np.eye(2)), r"\(3, 3\)"),
        ((GOOD[0], GOOD[1] + np.nan, GOOD[2]), "finite"),
        ((GOOD[0], GOOD[1], np.full((3, 3), np.inf)), "finite"),
        ((GOOD[0], GOOD[1], np.zeros((3, 3))), "volume per atom"),
        ((GOOD[0], [[1, 2], [3]], GOOD[2]), "coordinates"),
    ],
)
def test_impossible_crystals_say_why(arrays, reason):
    with pytest.raises(InputError, match=reason):
        crystal_graph(CrystalArrays(*arrays))


def test_disorder_and_missing_periods_are_refused():
    mixed = Structure(Lattice.cubic(4), [{"Si": 0.5, "Ge": 0.5}], [[0, 0, 0]])
    with pytest.raises(InputError, match="order the structure first"):
        crystal_graph(mixed)
    slab = bulk("Si")
    slab.pbc = (True, True, False)
    with pytest.raises(InputError, match="periodic in all three"):
        crystal_graph(slab)


def test_too_many_atoms_are_refused():
    n = MAX_ATOMS + 1
    with pytest.raises(InputError, match="primitive cell"):
        GraphStore.build([(np.full(n, 14), np.zeros((n, 3)), 99.0 * np.eye(3))])
