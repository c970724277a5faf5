from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from materials.errors import InputError
from models.uncertainty.intervals import (
    Intervals,
    clipped,
    fit_intervals,
    laplace_factor,
    order_statistic,
)
from models.uncertainty.metrics import LEVELS


def sample(n: int, seed: int, tail: float = 3.0):
    """Errors with heavy tails whose size is not quite the deviation told."""
    rng = np.random.default_rng(seed)
    std = np.exp(rng.uniform(-3, 1, n))
    return 0.5 * std**1.5 * rng.standard_t(tail, n), std


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 99), level=st.sampled_from(LEVELS), tail=st.floats(1, 30))
def test_intervals_cover_what_they_promise_at_every_size(seed, level, tail):
    """The guarantee holds on average over calibrations; a set of 2,000 is near it."""
    fitted = fit_intervals(*sample(2000, seed, tail))
    error, std = sample(20_000, seed + 1000, tail)
    inside = np.abs(error) <= fitted.half_width(std, level)
    assert inside.mean() == pytest.approx(level, abs=0.04)
    for part in np.array_split(np.argsort(std), 5):
        assert inside[part].mean() == pytest.approx(level, abs=0.13)


def test_coverage_of_small_samples_is_not_short_on_average():
    """Split conformal: at least the level, and less than 1 / (n + 1) above it."""
    shares = []
    for seed in range(400):
        error, std = sample(30, seed)
        fresh, doubt = sample(200, seed + 10_000)
        half = fit_intervals(error, std).half_width(doubt, 0.9)
        shares.append((np.abs(fresh) <= half).mean())
    assert 0.9 - 0.01 < np.mean(shares) < 0.9 + 1 / 31 + 0.01


def test_the_rank_counts_the_new_crystal():
    scores = np.arange(1.0, 10.0)  # nine of them: the ninth of ten is the 90 % score
    assert order_statistic(scores, 0.9) == 9.0
    assert order_statistic(scores, 0.8) == 8.0
    assert order_statistic(scores, 0.95) == 9.0  # there is none beyond the largest


@pytest.mark.parametrize("level", LEVELS)
def test_a_conformal_library_agrees(level):
    crepes = pytest.importorskip("crepes")
    error, _ = sample(190, 0)  # no level times 191 is whole: theirs would round it down
    fitted = fit_intervals(error, np.full(190, 2.0))
    theirs = crepes.ConformalRegressor().fit(error, sigmas=np.full(190, 2.0))
    ends = theirs.predict_int([0.0], sigmas=[2.0], confidence=level)
    assert fitted.half_width(2.0, level) == pytest.approx(ends[0, 1])


def test_higher_levels_are_wider():
    fitted = fit_intervals(*sample(500, 0))
    widths = [fitted.half_width([0.1, 1.0], level) for level in LEVELS]
    assert (np.diff(widths, axis=0) > 0).all()


def test_few_rows_take_the_deviation_at_its_word():
    fitted = fit_intervals(np.ones(19), np.ones(19))
    drawn = np.random.default_rng(0).laplace(size=100_000)
    std = np.quantile(np.abs(drawn), 0.6827)
    for level in LEVELS:
        inside = np.abs(drawn) <= fitted.half_width(std, level)
        assert inside.mean() == pytest.approx(level, abs=0.01)
    assert laplace_factor(0.6827) == pytest.approx(1.0)


def test_equal_deviations_are_one_group():
    fitted = fit_intervals(np.arange(400.0), np.full(400, 2.0))
    assert fitted.edges == ()
    half = fit_intervals(np.arange(400.0), np.repeat([1.0, 2.0], 200))
    assert half.edges == (2.0,)
    # of its own group, not of the one below
    assert half.half_width(2.0, 0.5) == pytest.approx(300)


def test_an_unknown_level_is_refused():
    with pytest.raises(InputError, match=r"level 0\.99: expected one of 0\.5"):
        Intervals((0.5,), (), ((1.0,),)).half_width(1.0, 0.99)


def test_no_end_lies_where_no_value_can_be():
    low, high = clipped(np.array([0.1, 3.0]), np.array([1.0, 1.0]), 0.0, 3.5)
    assert low.tolist() == [0.0, 2.0]
    assert high.tolist() == [1.1, 3.5]
