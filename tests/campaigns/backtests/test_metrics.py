from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from campaigns.backtests import metrics
from campaigns.backtests.result import Curve, StrategyResult


@given(st.integers(1, 7), st.data())
def test_expected_calls_are_the_mean_over_every_order(n, data):
    k = data.draw(st.integers(1, n))
    flags = [i < k for i in range(n)]
    needed = np.zeros(k)
    orders = list(permutations(flags))
    for order in orders:
        needed += np.flatnonzero(order) + 1
    mean = metrics.expected_calls(np.arange(1.0, k + 1), n, k)
    np.testing.assert_allclose(needed / len(orders), mean)


@given(st.integers(2, 300), st.data())
def test_expected_hits_are_the_mean_of_the_hypergeometric_law(n, data):
    k = data.draw(st.integers(1, n))
    calls = np.arange(1.0, n + 1)
    law = stats.hypergeom(n, k, calls.astype(int))
    np.testing.assert_allclose(metrics.expected_hits(calls, n, k), law.mean())
    low, high = metrics.random_band(calls, n, k)
    assert (law.cdf(high) - law.cdf(low - 1) >= 0.95 - 1e-9).all()


def test_who_finds_only_hits_is_ahead_by_the_inverse_of_their_share():
    hits = metrics.hits_by_round([True] * 20, 5)
    assert hits.tolist() == [5, 10, 15, 20]
    np.testing.assert_allclose(metrics.acceleration(hits, 5, 999, 99), 10.0)
    np.testing.assert_allclose(metrics.enhancement(hits, 5, 999, 99), 999 / 99)


def test_who_finds_nothing_is_infinitely_slow():
    hits = metrics.hits_by_round([False] * 10, 5)
    assert metrics.acceleration(hits, 5, 100, 10).tolist() == [0.0, 0.0]
    assert metrics.enhancement(hits, 5, 100, 10).tolist() == [0.0, 0.0]


def test_once_nothing_is_left_to_find_calls_no_longer_count_but_the_batch_does_whole():
    found = [True, False, False, False, False, False]
    hits = metrics.hits_by_round(found, 2)
    np.testing.assert_allclose(
        metrics.acceleration(hits, 2, 9, 1), np.full(3, (10 / 2) / 2)
    )


def test_who_is_stuck_slows_down_with_every_call():
    hits = metrics.hits_by_round([True, *[False] * 5], 2)
    needed = (9 + 1) / (2 + 1)
    np.testing.assert_allclose(
        metrics.acceleration(hits, 2, 9, 2), needed / np.array([2.0, 4.0, 6.0])
    )


@pytest.mark.parametrize("n_hits", [20, 200])
def test_random_search_has_an_acceleration_of_one_on_average(n_hits):
    rng = np.random.default_rng(n_hits)
    n, batch, rounds, repeats = 10_000, 25, 20, 4000
    found = rng.hypergeometric(n_hits, n - n_hits, batch, repeats)[:, None]
    left, open_ = n_hits - found[:, 0], n - batch
    for _ in range(rounds - 1):
        more = rng.hypergeometric(left, open_ - left, batch)
        found = np.column_stack([found, found[:, -1] + more])
        left, open_ = left - more, open_ - batch
    curves = np.stack(
        [metrics.acceleration(row.astype(float), batch, n, n_hits) for row in found]
    )
    error = curves.std(axis=0) / repeats**0.5
    exact = (n + 1) / (n_hits + 1) * n_hits / n  # 1 but for the ones
    assert (np.abs(curves.mean(axis=0) - exact) < 5 * error).all()
    assert curves[:, -1].mean() == pytest.approx(1.0, abs=0.1)


@given(st.integers(0, 2**31), st.integers(20, 60))
def test_random_orders_have_an_enhancement_of_one_on_average(seed, n):
    rng = np.random.default_rng(seed)
    flags = np.arange(n) < n // 4
    found = np.mean(
        [
            metrics.enhancement(
                metrics.hits_by_round(rng.permutation(flags)[:10], 5), 5, n, n // 4
            )[-1]
            for _ in range(300)
        ]
    )
    assert found == pytest.approx(1.0, abs=0.2)


POINTS = arrays(
    np.float64, st.tuples(st.integers(1, 6), st.just(3)), elements=st.integers(-1, 4)
)


@given(POINTS)
def test_the_hypervolume_of_whole_numbers_is_a_count_of_cells(points):
    cells = np.stack(np.meshgrid(*[np.arange(4)] * 3, indexing="ij"), axis=-1).reshape(
        -1, 3
    )
    good = points[(points > 0).all(axis=1)]
    covered = (cells[:, None, :] < good[None, :, :]).all(axis=2).any(axis=1).sum()
    assert metrics.hypervolume(points) == pytest.approx(covered)


@given(POINTS)
def test_the_best_so_far_never_falls(points):
    best = metrics.best_so_far(points, 1)
    assert (np.diff(best) >= 0).all()
    assert best[-1] == points.min(axis=1).max()


@given(arrays(np.float64, st.integers(2, 12), elements=st.floats(-5, 5)))
def test_intervals_are_students(values):
    found = metrics.interval(values)
    if values.std() > 1e-6:
        low, high = stats.t.interval(
            0.95, len(values) - 1, values.mean(), stats.sem(values)
        )
        assert found == pytest.approx((values.mean(), low, high))
    else:
        assert found.high - found.low == pytest.approx(0.0, abs=1e-4)


@pytest.mark.parametrize(
    ("low", "mean", "told"),
    [
        (1.0, 1.2, "accelerates"),
        (0.9, 1.2, "unclear"),
        (-27.5, 17.9, "unclear"),
        (0.5, 0.9, "decelerates"),
    ],
)
def test_the_verdict_tells_slow_from_too_few_seeds(low, mean, told):
    flat = Curve((0.0,), (0.0,), (0.0,))
    curve = Curve((mean,), (low,), (2 * mean - low,))
    result = StrategyResult("s", 2, flat, curve, flat, flat, flat, (mean,), 0.0)
    assert result.verdict == told
