from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from materials.errors import InputError
from models.uncertainty.calibration import Calibration, calibrate, coverage, informative


def sample(n: int = 20_000, seed: int = 0, bias: float = 1.0):
    """Normal errors whose true deviation is ``bias * spread ** 1.25``."""
    rng = np.random.default_rng(seed)
    spread = np.exp(rng.uniform(-3, 1, n))
    return bias * spread**1.25 * rng.standard_normal(n), spread


@settings(deadline=None, max_examples=10)
@given(bias=st.floats(0.01, 50), seed=st.integers(0, 99))
def test_one_deviation_covers_what_it_should_at_every_size(bias, seed):
    error, spread = sample(seed=seed, bias=bias)
    fitted = calibrate(error, spread)
    fresh, doubt = sample(seed=seed + 1000, bias=bias)
    found = coverage(fresh, fitted.std(doubt))
    assert found.share == pytest.approx(0.683, abs=0.03)
    assert len(found.by_group) == 5
    assert found.by_group == pytest.approx([0.683] * 5, abs=0.07)


@settings(deadline=None, max_examples=10)
@given(unit=st.floats(0.01, 100))
def test_the_unit_does_not_matter(unit):
    error, spread = sample(500)
    one = calibrate(error, spread).std(spread)
    other = calibrate(unit * error, unit * spread).std(unit * spread)
    np.testing.assert_allclose(other, np.maximum(unit * one, 1e-4), rtol=1e-6)


@given(spread=st.floats(0, 1e6))
def test_no_deviation_is_zero_or_infinite(spread):
    std = Calibration((0.1, 1.0), (0.5, 2.0), floor=0.01).std(spread)
    assert 0.01 <= std < np.inf


def test_factors_are_interpolated_and_constant_outside():
    fitted = Calibration((0.1, 1.0), (1.0, 3.0), floor=0.0)
    np.testing.assert_allclose(
        fitted.std([0.01, 0.1, 10**-0.5, 1.0, 10.0]),
        [0.01, 0.1, 2 * 10**-0.5, 3.0, 30.0],
    )


def test_many_equal_spreads_are_one_group():
    error = np.linspace(-1, 1, 201)
    fitted = calibrate(error, np.full(201, 2.0))
    assert len(fitted.spread) == 1
    assert fitted.std(2.0) == pytest.approx(0.6827, abs=0.01)


def test_too_few_rows_are_refused():
    with pytest.raises(InputError, match="at least 20"):
        calibrate(np.ones(5), np.ones(5))


def test_metals_known_as_metals_say_nothing():
    label = np.array([0.0, 0.0, 1.0, np.nan, 1.0])
    mean = np.array([0.0, 0.2, 0.0, 1.0, 1.1])
    told = informative(label, mean, non_negative=True)
    assert told.tolist() == [False, True, True, False, True]
    assert informative(label, mean, non_negative=False).sum() == 4
