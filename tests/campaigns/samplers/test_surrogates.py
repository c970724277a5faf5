"""What the sampler learns with."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import BayesianRidge

from campaigns.samplers.surrogates import GaussianProcess, fresh, learn_and_predict


@pytest.fixture
def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.random((60, 3)) * [1.0, 100.0, 0.0] + [0.0, 5.0, 7.0]  # the last never varies
    return x, 40.0 + 3.0 * np.sin(4 * x[:, 0]) + 0.02 * x[:, 1]


def test_the_default_predicts_what_it_did_not_see(data) -> None:
    x, y = data
    mean, std = GaussianProcess().fit(x[:40], y[:40]).predict(x[40:], return_std=True)
    error = np.abs(mean - y[40:])
    assert error.mean() < 0.1 * y.std()
    assert (error < 4 * std + 1e-3).mean() > 0.9
    assert (std < y.std()).all()


def test_it_agrees_with_scikit_learn_and_leaves_the_noise_out(data) -> None:
    x, y = data
    noisy = y + np.random.default_rng(1).normal(0, 0.5, len(y))
    model = GaussianProcess().fit(x[:50], noisy[:50])
    theirs = model._model.predict(model._scaled(x[50:]), return_std=True)
    noise = model._model.kernel_.k2.noise_level
    mean, std = model.predict(x[50:], return_std=True)
    assert noise > 0.001
    np.testing.assert_allclose(mean, model._centre + model._unit * theirs[0], rtol=1e-8)
    expected = model._unit * np.sqrt(theirs[1] ** 2 - noise)
    np.testing.assert_allclose(std, expected, rtol=1e-5)
    np.testing.assert_array_equal(model.predict(x[50:]), mean)


def test_one_label_and_equal_labels_are_no_trouble() -> None:
    x = np.arange(4.0)[:, None]
    for n in (1, 4):
        model = GaussianProcess().fit(x[:n], np.full(n, 2.0))
        mean, std = model.predict(x, return_std=True)
        np.testing.assert_allclose(mean, 2.0, atol=1e-6)
        assert np.isfinite(std).all()


def test_each_column_is_learnt_from_its_own_labels(data) -> None:
    x, y = data
    truth = np.stack([y, np.where(np.arange(60) < 30, -y, np.nan)], axis=1)
    mean, std = learn_and_predict(BayesianRidge(), x, truth, x)
    alone = BayesianRidge().fit(x[:30], -y[:30]).predict(x, return_std=True)
    np.testing.assert_allclose(mean[:, 1], alone[0])
    np.testing.assert_allclose(std[:, 1], alone[1])
    assert mean[:, 0].mean() > 0 > mean[:, 1].mean()


def test_a_fresh_copy_has_learnt_nothing(data) -> None:
    x, y = data
    for estimator in (BayesianRidge(), GaussianProcess()):
        fitted = fresh(estimator).fit(x, y)
        assert fitted is not estimator
        again = fresh(fitted) if hasattr(fitted, "get_params") else fresh(estimator)
        assert not hasattr(again, "coef_")
