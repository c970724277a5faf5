"""Many crystals at once must find what a plain search finds in each."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.graphs import batched
from models.graphs.batched import Cells, affordable, batched_neighbours
from models.graphs.neighbours import GraphConfig, periodic_neighbours
from models.graphs.store import GraphStore
from tests.models.graphs.cells import brute_force, random_crystals

CONFIG = GraphConfig()
NEAR = GraphConfig(max_reach=4.0)


def cells(crystals) -> Cells:
    return Cells(
        torch.tensor(np.concatenate([frac for frac, _ in crystals])),
        torch.tensor(np.stack([lattice for _, lattice in crystals])),
        torch.tensor([len(frac) for frac, _ in crystals]),
    )


@pytest.mark.parametrize("config", [CONFIG, NEAR])
def test_edges_and_reaches_are_those_of_a_search_through_every_image(config):
    crystals = random_crystals(150, seed=1, most=6)
    found, reach = batched_neighbours(cells(crystals), config)
    target, distance = found.target.numpy(), found.distance.numpy()
    atom = 0
    for frac, lattice in crystals:
        expected, rows = brute_force(frac, lattice, config)
        np.testing.assert_allclose(reach[atom : atom + len(frac)], expected, rtol=1e-12)
        for row in rows:
            np.testing.assert_allclose(distance[target == atom], row, rtol=1e-9)
            atom += 1


def test_thousands_of_crystals_are_as_one_by_one():
    crystals = random_crystals(3000, seed=2)
    found, reach = batched_neighbours(cells(crystals), CONFIG)
    first = edge = 0
    for frac, lattice in crystals:
        alone = periodic_neighbours(frac @ lattice, lattice, CONFIG)
        mine = slice(edge, edge + len(alone.source))
        np.testing.assert_allclose(reach[first : first + len(frac)], alone.reach, atol=1e-9)
        np.testing.assert_array_equal(found.target[mine], alone.target + first)
        np.testing.assert_allclose(found.distance[mine], alone.distance, atol=2e-6)
        edge, first = mine.stop, first + len(frac)
    assert edge == len(found.source)


def test_vectors_lead_from_an_atom_to_an_image_of_its_neighbour():
    crystals = random_crystals(50, seed=3)
    given = cells(crystals)
    found, _ = batched_neighbours(given, CONFIG)
    owner = torch.repeat_interleave(torch.arange(50), given.n_atoms)[found.target]
    apart = given.frac[found.source] - given.frac[found.target]
    steps = (
        torch.linalg.solve(given.lattice[owner].transpose(1, 2), found.vector)
        - apart  # whole numbers of lattice vectors
    )
    torch.testing.assert_close(steps, steps.round(), atol=1e-9, rtol=0.0)
    torch.testing.assert_close(found.vector.norm(dim=1), found.distance)


def test_company_changes_nothing_not_even_the_order_of_equals():
    lattice = np.array([[0.0, 2.7, 2.7], [2.7, 0.0, 2.7], [2.7, 2.7, 0.0]])
    silicon = (np.array([[0.0, 0, 0], [0.25, 0.25, 0.25]]), lattice)
    alone, reach = batched_neighbours(cells([silicon]), CONFIG)
    others = random_crystals(20, seed=4)
    among, reaches = batched_neighbours(cells([*others, silicon]), CONFIG)
    n = len(alone.source)
    torch.testing.assert_close(among.vector[-n:], alone.vector, atol=1e-9, rtol=0.0)
    torch.testing.assert_close(reaches[-2:], reach)


def test_small_pieces_give_the_same(monkeypatch):
    crystals = cells(random_crystals(40, seed=5))
    whole = batched_neighbours(crystals, CONFIG)
    monkeypatch.setattr(batched, "_PAIRS", 500)
    pieces = batched_neighbours(crystals, CONFIG)
    for one, other in zip((*whole[0], whole[1]), (*pieces[0], pieces[1]), strict=True):
        torch.testing.assert_close(one, other)


def test_large_and_flat_crystals_go_alone_and_come_out_the_same(monkeypatch):
    crystals = [
        (np.full(len(frac), 14), frac, lattice)
        for frac, lattice in random_crystals(10, seed=6)
    ]
    together = GraphStore.build(crystals)
    monkeypatch.setattr(batched, "_TOO_MANY", 3000)
    fits = affordable(*cells([c[1:] for c in crystals])[1:], CONFIG)
    assert 0 < fits.sum() < len(crystals)
    mixed = GraphStore.build(crystals)
    for name in ("z", "reach", "target", "atom_start", "edge_start"):
        torch.testing.assert_close(together.tensors[name], mixed.tensors[name])
    for one, other in zip(edges(together), edges(mixed), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def edges(store: GraphStore):
    """Crystal, looking atom, distance and neighbour of every edge, sorted by them."""
    t = store.tensors
    crystal = torch.repeat_interleave(t["edge_start"].diff())
    length = t["vector"].norm(dim=1).round(decimals=4)
    order = np.lexsort((t["source"], length, t["target"], crystal))
    return crystal[order], t["target"][order], length[order], t["source"][order]


def test_a_plate_of_many_images_is_not_held_at_once():
    lattice = torch.diag(torch.tensor([0.02, 40.0, 40.0], dtype=torch.float64))
    fits = affordable(lattice.unsqueeze(0), torch.tensor([300]), CONFIG)
    assert not fits.any()
