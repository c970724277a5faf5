from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import mean_absolute_error, r2_score, roc_auc_score

from materials.errors import InputError
from models.evaluation import scores as module
from models.evaluation.scores import mean_absolute, roc_auc, scores


@pytest.fixture(autouse=True, scope="module")
def _few_resamples():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_RESAMPLES", 200)
        yield


def made(seed: int, n: int = 60) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.normal(size=n)
    return labels + rng.normal(scale=0.5, size=n), labels


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_figures_are_those_of_sklearn_and_lie_in_their_intervals(seed):
    values, labels = made(seed)
    found = scores(values, labels)
    assert found.mae.value == pytest.approx(mean_absolute_error(labels, values))
    assert found.rmse.value == pytest.approx(np.sqrt(np.mean((values - labels) ** 2)))
    assert found.r2.value == pytest.approx(r2_score(labels, values))
    for figure in (found.mae, found.rmse, found.r2):
        assert figure.low < figure.value < figure.high
    assert mean_absolute(values, labels) == found.mae


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 3))
def test_ranking_is_that_of_sklearn_with_ties(seed, decimals):
    values, labels = made(seed)
    positive = np.zeros(60)
    positive[np.argsort(labels)[-25:]] = 1.0
    score = values.round(decimals)
    found = roc_auc(score, positive)
    assert found.value == pytest.approx(roc_auc_score(positive, score))
    assert found.low <= found.value <= found.high


def test_an_interval_holds_the_truth_as_often_as_it_says():
    truth = np.sqrt(2 / np.pi)  # mean absolute value of a standard normal
    held = 0
    for seed in range(100):
        error = np.random.default_rng(seed).normal(size=300)
        figure = mean_absolute(error, np.zeros(300))
        held += figure.low <= truth <= figure.high
    assert 88 <= held <= 99


def test_unknown_rows_are_left_out():
    values, labels = made(0)
    holes = labels.copy()
    holes[:10] = np.nan
    gone = values.copy()
    gone[10:15] = np.nan
    assert scores(gone, holes) == scores(values[15:], labels[15:])
    assert scores(gone, holes).rows == 45


def test_errors_that_do_not_vary_have_a_point_for_an_interval():
    figure = mean_absolute(np.full(30, 2.0), np.full(30, 1.5))
    assert (figure.value, figure.low, figure.high) == (0.5, 0.5, 0.5)


def test_too_few_rows_are_refused():
    values, labels = made(0, 19)
    with pytest.raises(InputError, match="19 labelled rows"):
        scores(values, labels)
    with pytest.raises(InputError, match="5 positive and 20 negative"):
        roc_auc(np.arange(25.0), np.arange(25) < 5)
    with pytest.raises(ValueError, match="shape"):
        scores(values, labels[:5])
