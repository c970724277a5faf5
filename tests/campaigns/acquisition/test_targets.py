"""The probability of meeting windows, exact where subtraction would lose everything."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from campaigns.acquisition import Window, log_joint_probability, log_probability
from materials.errors import InputError

VALUES = st.floats(-5, 5)
STDS = st.floats(0.05, 3)


@given(mean=VALUES, std=STDS, ends=st.tuples(VALUES, VALUES))
def test_the_mass_between_both_ends(
    mean: float, std: float, ends: tuple[float, float]
) -> None:
    low, high = sorted(ends)
    if high - low < 1e-3:
        return
    expected = norm.cdf(high, mean, std) - norm.cdf(low, mean, std)
    found = log_probability([mean], [std], Window(low, high))[0]
    if expected > 1e-9:
        assert found == pytest.approx(np.log(expected), abs=1e-5)
    assert found <= 1e-12


@given(mean=VALUES, std=STDS, end=VALUES)
def test_what_lies_below_and_what_lies_above_is_everything(
    mean: float, std: float, end: float
) -> None:
    below = log_probability([mean], [std], Window(max=end))[0]
    above = log_probability([mean], [std], Window(min=end))[0]
    assert np.exp(below) + np.exp(above) == pytest.approx(1.0, abs=1e-12)
    assert log_probability([mean], [std], Window())[0] == 0.0


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        # log(Φ(b) - Φ(a)) by mpmath with 80 digits
        (30.0, 31.0, -454.32124395634327),
        (-1001.0, -1000.0, -500007.82669481216),
        (40.0, np.inf, -804.6084420137538),
        (8.0, 8.0 + 1e-9, -53.642204291410714),
        (0.5, 0.5 + 1e-12, -28.67498177109828),
        (-1e-9, 1e-9, -20.949057189591137),
    ],
)
def test_far_and_narrow_windows_are_exact(low: float, high: float, expected: float) -> None:
    found = log_probability([0.0], [1.0], Window(low, high))[0]
    assert found == pytest.approx(expected, rel=2e-6)


def test_far_misses_are_still_ordered() -> None:
    means = np.array([2.0, 4.0, 8.0, 1e3, 1e5])
    found = log_probability(means, np.full(5, 0.01), Window(1.0, 1.5))
    assert np.isfinite(found).all()
    assert (np.diff(found) < 0).all()


def test_without_deviation_a_prediction_is_inside_or_not() -> None:
    found = log_probability([1.0, 1.5, 2.0], [0.0, 0.0, 0.0], Window(1.2, 1.5))
    assert found.tolist() == [-np.inf, 0.0, -np.inf]


@given(
    mean=st.tuples(VALUES, VALUES, VALUES),
    std=st.tuples(STDS, STDS, STDS),
    weights=st.tuples(*[st.floats(0, 3)] * 3),
)
def test_the_joint_probability_is_the_product_to_the_weights(
    mean: tuple[float, ...], std: tuple[float, ...], weights: tuple[float, ...]
) -> None:
    ends = [(-1.0, 1.0), (-np.inf, 0.5), (0.1, np.inf)]
    windows = [Window(*e, weight=w) for e, w in zip(ends, weights, strict=True)]
    single = [
        w.weight * log_probability([m], [s], w)[0]
        for m, s, w in zip(mean, std, windows, strict=True)
    ]
    found = log_joint_probability([mean], [std], windows)
    assert found[0] == pytest.approx(sum(single), abs=1e-9)


def test_a_weight_of_nothing_forgives_the_impossible() -> None:
    found = log_joint_probability([[9.0]], [[0.0]], [Window(0, 1, weight=0.0)])
    assert found[0] == 0.0


def test_the_joint_probability_is_the_share_of_draws() -> None:
    rng = np.random.default_rng(0)
    mean, std = np.array([1.2, 0.0]), np.array([0.4, 0.1])
    draws = mean + std * rng.standard_normal((200_000, 2))
    windows = (Window(1.1, 1.7), Window(max=0.05))
    inside = windows[0].holds(draws[:, 0]) & windows[1].holds(draws[:, 1])
    found = np.exp(log_joint_probability([mean], [std], windows)[0])
    assert found == pytest.approx(inside.mean(), abs=0.005)


@pytest.mark.parametrize(
    ("low", "high", "weight"),
    [(1.0, 1.0, 1.0), (2.0, 1.0, 1.0), (np.nan, 1.0, 1.0), (0.0, 1.0, -1.0)],
)
def test_impossible_windows_are_refused(low: float, high: float, weight: float) -> None:
    with pytest.raises(InputError, match="window"):
        Window(low, high, weight)


def test_as_many_windows_as_properties() -> None:
    with pytest.raises(InputError, match=r"1 window\(s\) for predictions of 2"):
        log_joint_probability([[1.0, 2.0]], [[1.0, 1.0]], [Window()])
