from __future__ import annotations

import numpy as np
import pytest

from models.small.heads import MOST_ROWS, Head, fit_head
from models.small.trees import Trees, grow
from tests.models.small.tables import random_rows

X = random_rows(160, 6)
SMOOTH = 3.0 * X[:, 0].astype(float) + np.sin(X[:, 1]) + 5.0
SEEN, NEW = slice(0, 120), slice(120, 160)
METHODS = {"trees": grow, "head": fit_head}


@pytest.fixture(params=list(METHODS))
def fit(request):
    return METHODS[request.param]


def test_numbers_are_learned(fit):
    mean, spread = fit(X[SEEN], SMOOTH[SEEN], "number", seed=0).predict(X[NEW])
    assert np.abs(mean - SMOOTH[NEW]).mean() < 0.4 * SMOOTH[NEW].std()
    assert (spread > 0).all()


def test_chances_are_learned(fit):
    label = (SMOOTH > 5.0).astype(float)
    chance, _ = fit(X[SEEN], label[SEEN], "binary", seed=0).predict(X[NEW])
    assert ((chance >= 0) & (chance <= 1)).all()
    assert ((chance > 0.5) == (label[NEW] > 0.5)).mean() > 0.85


def test_nothing_below_zero_where_zero_is_the_end(fit):
    label = np.maximum(SMOOTH - 5.0, 0.0)
    mean, _ = fit(X[SEEN], label[SEEN], "non-negative", seed=0).predict(X[NEW])
    assert mean.min() >= 0.0


def test_the_unit_of_the_label_does_not_matter(fit):
    one, spread = fit(X[SEEN], SMOOTH[SEEN], "number", seed=0).predict(X[NEW])
    small, less = fit(X[SEEN], 1e-3 * SMOOTH[SEEN], "number", seed=0).predict(X[NEW])
    np.testing.assert_allclose(1e3 * small, one, rtol=0.02)
    np.testing.assert_allclose(1e3 * less, spread, rtol=0.2, atol=0.05)


def test_the_same_seed_gives_the_same(fit):
    first, again = (fit(X[SEEN], SMOOTH[SEEN], "number", seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.predict(X[NEW])[0], again.predict(X[NEW])[0])


def test_a_head_doubts_what_is_far_from_all_it_saw():
    head = fit_head(X[SEEN], SMOOTH[SEEN], "number", seed=0)
    _, near = head.predict(X[SEEN])
    _, far = head.predict(X[SEEN] + 50.0)
    assert far.min() > near.max()


def test_a_head_agrees_with_scikit_learn():
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import (
        RBF,
        ConstantKernel,
        DotProduct,
        WhiteKernel,
    )

    head = fit_head(X[SEEN], SMOOTH[SEEN], "number", seed=0)
    a = head.arrays
    smooth, length, linear, noise, middle, unit = a["parameters"]
    kernel = (
        ConstantKernel(smooth) * RBF(length)
        + ConstantKernel(linear) * DotProduct(1.0)
        + WhiteKernel(noise)
    )
    theirs = GaussianProcessRegressor(kernel, alpha=1e-8, optimizer=None)
    theirs.fit(a["seen"], (SMOOTH[SEEN] - middle) / unit)
    mean, std = theirs.predict((X[NEW] - a["centre"]) / a["scale"], return_std=True)
    ours = head.predict(X[NEW])
    np.testing.assert_allclose(ours[0], middle + unit * mean, rtol=1e-6)
    np.testing.assert_allclose(ours[1], unit * std, rtol=1e-4)


def test_a_head_learns_from_no_more_rows_than_it_can(monkeypatch):
    monkeypatch.setattr("models.small.heads.MOST_ROWS", 50)
    assert MOST_ROWS > 50
    assert len(fit_head(X, SMOOTH, "number", seed=0).arrays["seen"]) == 50


def test_parts_are_plain():
    trees = grow(X[SEEN], SMOOTH[SEEN], "number", seed=0)
    again = Trees(tuple(str(text) for text in trees.texts), "number")
    np.testing.assert_array_equal(again.predict(X[NEW])[0], trees.predict(X[NEW])[0])
    head = fit_head(X[SEEN], SMOOTH[SEEN], "number", seed=0)
    copy = Head({key: array.copy() for key, array in head.arrays.items()}, "number")
    np.testing.assert_array_equal(copy.predict(X[NEW])[0], head.predict(X[NEW])[0])
