from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from materials.errors import InputError
from models.uncertainty.metrics import (
    doubt_metrics,
    negative_log_likelihood,
    rank_correlation,
    saved_by_dropping,
    share_covered,
    sparsification,
)

RNG = np.random.default_rng(0)
STD = np.exp(RNG.uniform(-3, 1, 4000))
ERROR = STD * RNG.laplace(size=4000) * -np.log(1 - 0.6827)
QUICK = settings(deadline=None, max_examples=20)


def test_ends_belong_to_the_interval():
    assert share_covered([0.0, 1.0, 2.0, 5.0], [0.0] * 4, [2.0] * 4) == 0.75


@QUICK
@given(unit=st.floats(0.01, 100))
def test_ranks_and_shares_know_no_unit(unit):
    assert rank_correlation(unit * ERROR, unit * STD) == pytest.approx(
        rank_correlation(ERROR, STD)
    )
    assert saved_by_dropping(unit * ERROR, unit * STD) == pytest.approx(
        saved_by_dropping(ERROR, STD)
    )
    assert sparsification(unit * ERROR, unit * STD).area == pytest.approx(
        sparsification(ERROR, STD).area
    )


@QUICK
@given(factor=st.floats(0.1, 10).filter(lambda x: abs(x - 1) > 0.3))
def test_the_likelihood_is_best_where_the_deviation_is_true(factor):
    true = np.log(1 - 0.6827) ** 2  # ERROR's own deviation, in units of STD
    best = negative_log_likelihood(ERROR, true * STD)
    assert negative_log_likelihood(ERROR, factor * true * STD) > best


def test_a_doubt_that_knows_the_error_is_perfect():
    error = np.abs(ERROR)
    assert rank_correlation(ERROR, error) == pytest.approx(1.0)
    assert sparsification(ERROR, error).area == pytest.approx(0.0)
    largest = np.sort(error)[-800:].sum() / error.sum()
    kept = (1 - largest) * error.sum() / 3200
    assert saved_by_dropping(ERROR, error) == pytest.approx(1 - kept / error.mean())


def test_a_doubt_that_knows_nothing_saves_nothing():
    blind = np.random.default_rng(1).uniform(size=len(ERROR))
    assert abs(rank_correlation(ERROR, blind)) < 0.05
    assert abs(saved_by_dropping(ERROR, blind)) < 0.05
    assert sparsification(ERROR, blind).area > sparsification(ERROR, STD).area > 0


def test_one_constant_has_no_ranks():
    assert rank_correlation(ERROR, np.ones_like(ERROR)) == 0.0
    assert saved_by_dropping(np.zeros(5), np.arange(5)) == 0.0


def test_the_curve_starts_with_all_rows_and_ends_with_few():
    curve = sparsification(ERROR, STD, steps=10)
    assert curve.by_doubt[0] == pytest.approx(np.abs(ERROR).mean())
    assert curve.by_error[0] == pytest.approx(np.abs(ERROR).mean())
    assert curve.kept[-1] == pytest.approx(0.1)
    assert (np.diff(curve.by_error) < 0).all()
    assert (curve.by_doubt >= curve.by_error - 1e-12).all()
    with pytest.raises(InputError, match="no rows"):
        sparsification([], [])


def test_all_figures_of_a_target():
    label = ERROR
    half = 1.5 * STD
    found = doubt_metrics(label, np.abs(ERROR), STD, {0.5: (-half, half)})
    assert found.rows == 4000
    assert found.covered == {"0.5": share_covered(label, -half, half)}
    assert found.width == {"0.5": pytest.approx(2 * half.mean())}
    assert found.rank_correlation == rank_correlation(ERROR, STD)
    assert found.saved == saved_by_dropping(ERROR, STD)
