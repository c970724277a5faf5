"""The shuffle: each place once, another order for each seed, no favourites."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from materials.candidates.shuffle import LARGEST, Shuffle
from materials.errors import InputError


@settings(deadline=None, max_examples=200)
@given(size=st.integers(1, 3000), seed=st.integers(0, 2**64))
def test_it_is_a_permutation(size, seed):
    places = Shuffle(size, seed)(np.arange(size))
    assert places.dtype == np.int64
    assert sorted(places.tolist()) == list(range(size))


@settings(deadline=None, max_examples=100)
@given(
    size=st.sampled_from([10**9, 2**32, 2**62 + 1, LARGEST]),
    seed=st.integers(0, 9),
    places=st.lists(st.integers(0, 10**9 - 1), unique=True, max_size=50),
)
def test_places_of_long_lists_are_looked_up_one_by_one(size, seed, places):
    shuffle = Shuffle(size, seed)
    together = shuffle(np.array(places, dtype=np.int64)).tolist()
    alone = [int(shuffle(np.array([place]))[0]) for place in places]
    assert together == alone
    assert len(set(together)) == len(places)
    assert all(0 <= place < size for place in together)


def test_every_value_has_the_same_chance_at_every_place():
    size, n = 6, 6000
    orders = np.array([Shuffle(size, seed)(np.arange(size)) for seed in range(n)])
    for column in orders.T:
        counts = np.bincount(column, minlength=size)
        assert np.sum((counts - n / size) ** 2 / (n / size)) < 30  # chi2, p about 1e-5


def test_neighbours_do_not_stay_neighbours():
    size, n = 10**9, 100_000
    found = Shuffle(size, 3)(np.arange(n)) / size
    counts = np.bincount((found * 100).astype(int), minlength=100)
    assert np.sum((counts - n / 100) ** 2 / (n / 100)) < 170  # chi2 of 99, p about 1e-5
    assert abs(np.corrcoef(found[:-1], found[1:])[0, 1]) < 0.015
    assert abs(np.corrcoef(found, np.arange(n))[0, 1]) < 0.015


def test_seeds_give_different_orders():
    orders = {tuple(Shuffle(1000, seed)(np.arange(9)).tolist()) for seed in range(300)}
    assert len(orders) == 300


@pytest.mark.parametrize("size", [0, -1, LARGEST + 1])
def test_impossible_lists_are_refused(size):
    with pytest.raises(InputError, match="can be shuffled"):
        Shuffle(size, 0)


def test_a_negative_seed_is_refused():
    with pytest.raises(InputError, match="got -1"):
        Shuffle(5, -1)
