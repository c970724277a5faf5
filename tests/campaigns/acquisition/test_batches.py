"""Batches: good ones that are not all alike, the same one by one as all at once."""

from __future__ import annotations

import time
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from campaigns.acquisition import determinantal_batch, penalised_batch
from campaigns.acquisition.batches import likeness, typical_distance
from materials.errors import InputError

SEEDS = st.integers(0, 10_000)


def log_det(worth: np.ndarray, points: np.ndarray, rows: list[int], length: float) -> float:
    like = likeness(points[rows], points[rows], length)
    quality = np.exp(worth[rows])
    return float(np.linalg.slogdet(quality[:, None] * like * quality[None])[1])


@settings(deadline=None, max_examples=50)
@given(seed=SEEDS, k=st.integers(1, 6))
def test_each_next_one_has_the_largest_determinant(seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    worth, points = rng.normal(size=20), rng.normal(size=(20, 2))
    chosen = determinantal_batch(worth, points, k=k, length=1.0)
    assert len(set(chosen)) == k
    for step, row in enumerate(chosen):
        others = [i for i in range(20) if i not in chosen[:step]]
        values = {i: log_det(worth, points, [*chosen[:step], i], 1.0) for i in others}
        assert values[row] == pytest.approx(max(values.values()), abs=1e-6)


@settings(deadline=None, max_examples=50)
@given(seed=SEEDS, split=st.integers(1, 7))
def test_under_way_counts_as_chosen(seed: int, split: int) -> None:
    rng = np.random.default_rng(seed)
    worth, points = rng.normal(size=30), rng.normal(size=(30, 3))
    whole = determinantal_batch(worth, points, k=8, length=1.5)
    left = worth.copy()
    left[whole[:split]] = -np.inf
    rest = determinantal_batch(
        left, points, k=8 - split, length=1.5, pending=points[whole[:split]]
    )
    assert whole[split:] == rest


def test_a_copy_of_what_is_chosen_comes_last() -> None:
    points = np.array([[0.0], [0.0], [3.0], [5.0]])
    worth = np.array([0.0, -0.01, -2.0, -3.0])
    assert determinantal_batch(worth, points, k=4, length=1.0) == [0, 2, 3, 1]


def test_where_all_are_apart_worth_alone_decides() -> None:
    rng = np.random.default_rng(0)
    worth, points = rng.normal(size=50), 1e3 * np.arange(50.0)[:, None]
    best = np.argsort(-worth)[:10].tolist()
    assert determinantal_batch(worth, points, k=10, length=1.0) == best
    mean = np.zeros(50)
    flat = penalised_batch(worth, points, mean, np.full(50, 0.1), k=10, best=0.0, slope=1.0)
    assert flat == best


@pytest.mark.parametrize("bad", [np.nan, -np.inf, np.inf])
def test_what_has_no_worth_is_never_chosen(bad: float) -> None:
    points = np.arange(4.0)[:, None]
    worth = np.array([bad, 0.0, bad, -1.0])
    found = determinantal_batch(worth, points, k=4)
    assert sorted(found) == [1, 3]
    found = penalised_batch(worth, points, np.zeros(4), np.ones(4), k=4, best=1.0)
    assert sorted(found) == [1, 3]


@settings(deadline=None, max_examples=50)
@given(seed=SEEDS)
def test_penalties_are_probabilities_of_lying_outside_the_balls(seed: int) -> None:
    rng = np.random.default_rng(seed)
    points, mean = rng.normal(size=(15, 2)), rng.normal(size=15)
    std, worth, slope, best = rng.uniform(0.1, 1, 15), rng.normal(size=15), 2.0, 1.5
    chosen = penalised_batch(worth, points, mean, std, k=4, best=best, slope=slope)
    top = max(best, mean.max())
    total = worth.copy()
    for row in chosen:
        assert total[row] == pytest.approx(np.delete(total, []).max(), abs=1e-9)
        distance = np.linalg.norm(points - points[row], axis=1)
        total += norm.logcdf((slope * distance - top + mean[row]) / std[row])
        total[row] = -np.inf


def test_penalties_of_what_is_under_way_are_the_same() -> None:
    rng = np.random.default_rng(3)
    points, mean, std = rng.normal(size=(40, 2)), rng.normal(size=40), np.full(40, 0.3)
    worth = rng.normal(size=40)
    both = penalised_batch(worth, points, mean, std, k=3, best=9.0, slope=1.0)
    left = worth.copy()
    left[both[0]] = -np.inf
    under_way = both[:1]
    rest = penalised_batch(
        left,
        points,
        mean,
        std,
        k=2,
        best=9.0,
        slope=1.0,
        pending=points[under_way],
        pending_mean=mean[under_way],
        pending_std=std[under_way],
    )
    assert rest == both[1:]


def test_the_slope_is_the_steepest_seen() -> None:
    points = np.array([[0.0], [1.0], [2.0], [10.0]])
    mean = np.array([0.0, 3.0, 4.0, 4.0])
    worth, std = np.zeros(4), np.full(4, 0.5)
    given = penalised_batch(worth, points, mean, std, k=3, best=4.0, slope=3.0)
    assert penalised_batch(worth, points, mean, std, k=3, best=4.0) == given


def test_a_diverse_batch_spreads_over_the_hills() -> None:
    """Of three equal hills the five best alone see one; a batch sees all."""
    rng = np.random.default_rng(0)
    centres = np.array([[0.0, 0.0], [5.0, 0.0], [0.0, 5.0]])
    hill = np.repeat(np.arange(3), 100)
    points = centres[hill] + 0.3 * rng.standard_normal((300, 2))
    worth = np.where(hill == 0, 0.0, -0.1) + 1e-3 * rng.standard_normal(300)
    best = np.argsort(-worth)[:5]
    assert set(hill[best]) == {0}
    assert set(hill[determinantal_batch(worth, points, k=5, length=1.0)]) == {0, 1, 2}
    balls = penalised_batch(
        worth, points, worth, np.full(300, 0.05), k=5, best=0.2, slope=0.1
    )
    assert set(hill[balls]) == {0, 1, 2}


def test_batches_of_a_hundred_thousand_take_seconds() -> None:
    rng = np.random.default_rng(0)
    points, worth = rng.standard_normal((100_000, 64)), rng.standard_normal(100_000)
    started = time.process_time()
    assert len(determinantal_batch(worth, points, k=25)) == 25
    std = np.ones(100_000)
    assert len(penalised_batch(worth, points, worth, std, k=25, best=4.0)) == 25
    assert time.process_time() - started < 8.0


def test_the_typical_distance_is_a_median_and_never_nothing() -> None:
    points = np.random.default_rng(0).standard_normal((40, 3))
    pairs = [np.linalg.norm(points[a] - points[b]) for a, b in combinations(range(40), 2)]
    assert typical_distance(points) == pytest.approx(np.median(pairs))
    assert typical_distance(np.zeros((5, 2))) == 1.0
    assert typical_distance(np.zeros((1, 2))) == 1.0


def test_shapes_that_do_not_fit_are_named() -> None:
    with pytest.raises(InputError, match=r"worth must be \(n,\)"):
        determinantal_batch([1.0, 2.0], [[1.0]], k=1)
    with pytest.raises(InputError, match=r"pending must be \(p, 1\)"):
        determinantal_batch([1.0], [[1.0]], k=1, pending=[[1.0, 2.0]])
    with pytest.raises(InputError, match=r"1 number\(s\)"):
        penalised_batch(
            [1.0],
            [[1.0]],
            [1.0],
            [1.0],
            k=1,
            best=1.0,
            pending=[[2.0]],
            pending_mean=[1.0, 2.0],
            pending_std=[1.0],
        )
