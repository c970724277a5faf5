from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.uncertainty.domain import evenly, fit_domain


def clusters(n: int, seed: int = 0, width: int = 16) -> torch.Tensor:
    """States around five places."""
    rng = torch.Generator().manual_seed(seed)
    places = 5 * torch.randn(5, width, generator=torch.Generator().manual_seed(7))
    return places[torch.arange(n) % 5] + 0.2 * torch.randn(n, width, generator=rng)


DOMAIN = fit_domain(clusters(3000))


def test_states_like_those_of_training_are_near_and_others_far():
    near = DOMAIN.distances(clusters(500, seed=1))
    far = DOMAIN.distances(5 * torch.randn(500, 16, generator=torch.Generator()))
    assert near.quantile(0.95) < far.quantile(0.05)


def test_many_states_are_summed_up_by_few():
    assert DOMAIN.centroids.shape == (1024, 16)
    assert DOMAIN.project.shape == (16, 16)
    few = fit_domain(clusters(40))
    assert len(few.centroids) == 40
    assert few.distances(clusters(40)).max() < 0.02  # each is its own centroid


def test_one_strange_atom_is_enough():
    atoms = clusters(20, seed=2)
    atoms[13] += 50.0
    batch = torch.arange(20) // 5
    found = DOMAIN.crystal_distances(atoms, batch, 4)
    assert found.argmax() == 2
    assert found[2] > 5 * found[[0, 1, 3]].max()


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 99), repeat=st.integers(2, 4))
def test_a_supercell_is_as_far_as_its_cell(seed, repeat):
    atoms = clusters(6, seed=seed)
    one = DOMAIN.crystal_distances(atoms, torch.zeros(6, dtype=torch.long), 1)
    many = atoms.repeat(repeat, 1)
    batch = torch.zeros(len(many), dtype=torch.long)
    torch.testing.assert_close(DOMAIN.crystal_distances(many, batch, 1), one)


def test_a_constant_channel_is_not_blown_up():
    atoms = clusters(500)
    atoms[:, 3] = 1.0
    domain = fit_domain(atoms)
    nudged = atoms.clone()
    nudged[:, 3] += 1e-4
    torch.testing.assert_close(
        domain.distances(nudged), domain.distances(atoms), atol=0.05, rtol=0
    )


@settings(deadline=None, max_examples=30)
@given(z=st.lists(st.sampled_from([1, 8, 26]), max_size=60), most=st.integers(1, 9))
def test_atoms_are_drawn_evenly_over_the_elements(z, most):
    numbers = torch.tensor(z, dtype=torch.int16)
    chosen = evenly(numbers, most=most)
    assert chosen.tolist() == sorted(set(chosen.tolist()))
    for element in set(z):
        drawn = int((numbers[chosen] == element).sum())
        assert drawn == min(most, z.count(element))


def test_the_draw_is_random_but_repeatable():
    z = torch.ones(1000, dtype=torch.int16)
    chosen = evenly(z, most=100)
    assert torch.equal(chosen, evenly(z, most=100))
    assert chosen.float().mean() > 300
    assert chosen.max() > 800
