"""Improvement over the best: what the integral says, far in the tail too."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from campaigns.acquisition import (
    expected_improvement,
    log_expected_improvement,
    log_probability_of_improvement,
    probability_of_improvement,
    upper_confidence_bound,
)
from materials.errors import InputError

MEANS = st.floats(-5, 5)
STDS = st.floats(0.01, 3)


@given(mean=MEANS, std=STDS, best=MEANS)
def test_expected_improvement_is_the_integral_of_the_gain(
    mean: float, std: float, best: float
) -> None:
    z = (best - mean) / std
    if z > 6:
        return  # quadrature is no match there
    expected, _ = quad(
        lambda u: (mean + std * u - best) * norm.pdf(u), z, max(z, 0) + 12, epsabs=1e-13
    )
    found = expected_improvement([mean], [std], best)[0]
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize(
    ("z", "log_h"),  # log(φ(z) + zΦ(z)) by mpmath with 60 digits
    [
        (-1000.0, -500014.7344520911684),
        (-60.0, -1809.1084601822722),
        (-50.0001, -1258.7491868686704),
        (-49.9, -1253.7451836641035),
        (-10.0, -55.55312203612235),
        (-1.0001, -2.485311456445883),
        (-0.9999, -2.484930602199176),
        (3.0, 1.0987396653277077),
        (40.0, 3.6888794541139363),
    ],
)
def test_the_logarithm_is_exact_in_the_tail_and_across_its_branches(
    z: float, log_h: float
) -> None:
    assert log_expected_improvement([z], [1.0], 0.0)[0] == pytest.approx(log_h, rel=1e-12)


@given(z=st.lists(st.floats(-1e6, 50), min_size=2, max_size=8, unique=True), std=STDS)
def test_larger_means_are_never_worth_less(z: list[float], std: float) -> None:
    means = std * np.sort(np.array(z))
    logs = log_expected_improvement(means, np.full(len(z), std), 0.0)
    assert np.isfinite(logs).all()
    assert (np.diff(logs) >= 0).all()


@given(mean=MEANS, best=MEANS, stds=st.tuples(STDS, STDS))
def test_uncertainty_never_lowers_the_expected_improvement(
    mean: float, best: float, stds: tuple[float, float]
) -> None:
    low, high = expected_improvement([mean, mean], sorted(stds), best)
    assert high >= low - 1e-12


def test_without_deviation_the_gain_is_the_means() -> None:
    found = log_expected_improvement([3.0, 1.0, 2.0], [0.0, 0.0, 0.0], 2.0)
    assert found.tolist() == [0.0, -np.inf, -np.inf]
    sure = probability_of_improvement([3.0, 1.0, 2.0], [0.0, 0.0, 0.0], 2.0)
    assert sure.tolist() == [1.0, 0.0, 0.0]


@given(mean=MEANS, std=STDS, best=MEANS)
def test_the_probability_of_improvement_is_the_normal_tail(
    mean: float, std: float, best: float
) -> None:
    found = probability_of_improvement([mean], [std], best)[0]
    assert found == pytest.approx(norm.sf(best, mean, std), rel=1e-9)
    far = log_probability_of_improvement([-50.0], [1.0], 0.0)[0]
    assert far == pytest.approx(norm.logsf(50.0), rel=1e-12)


def test_the_bound_counts_deviations() -> None:
    found = upper_confidence_bound([1.0, 2.0], [0.5, 0.0], beta=3.0)
    assert found.tolist() == [2.5, 2.0]
    with pytest.raises(InputError, match="beta counts deviations"):
        upper_confidence_bound([1.0], [1.0], beta=-1.0)


@pytest.mark.parametrize(
    ("mean", "std", "message"),
    [
        ([1.0, 2.0], [1.0], r"\(2,\) and \(1,\)"),
        ([1.0], [-1.0], "not negative"),
        ([np.nan], [1.0], "leave out"),
        ([np.inf], [1.0], "finite"),
        ([1.0], [np.inf], "finite"),
        ([[1.0]], [[1.0]], "1 dimension"),
    ],
)
def test_what_is_no_prediction_is_refused(
    mean: list[float], std: list[float], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        expected_improvement(mean, std, 0.0)


@pytest.mark.parametrize("worth", [expected_improvement, probability_of_improvement])
def test_a_best_that_is_no_number_is_refused(worth) -> None:
    with pytest.raises(InputError, match="best is not a number"):
        worth([1.0], [1.0], np.nan)
    assert worth([1.0], [1.0], np.inf).tolist() == [0.0]
