from __future__ import annotations

import numpy as np
import pytest

from models.updating.base import Base
from models.updating.left_out import left_out
from models.updating.update import fit_update


def labelled(n, seed, *, known=True):
    rng = np.random.default_rng(seed)
    states = rng.normal(size=(n, 4))
    truth = states[:, :1] + rng.normal(0, 0.1, (n, 1))
    mean = np.zeros((n, 1)) if known else np.full((n, 1), np.nan)
    std = np.ones((n, 1)) if known else np.full((n, 1), np.nan)
    return Base(targets=("x",), mean=mean, std=std, embedding=states), truth


@pytest.mark.parametrize("known", [True, False])
def test_leaving_out_is_worse_than_remembering_and_near_what_is_new(known):
    base, truth = labelled(60, 0, known=known)
    update = fit_update(base, truth)
    out, out_std = left_out(update, base, truth)
    inside, _ = update.predict(base)
    new, new_truth = labelled(300, 1, known=known)
    fresh, fresh_std = update.predict(new)
    error = np.sqrt(np.mean((out - truth) ** 2))
    assert error > 1.1 * np.sqrt(np.mean((inside - truth) ** 2))
    assert error == pytest.approx(np.sqrt(np.mean((fresh - new_truth) ** 2)), rel=0.4)
    assert out_std.mean() == pytest.approx(fresh_std.mean(), rel=0.3)


def test_a_row_without_a_label_is_simply_predicted():
    base, truth = labelled(40, 0)
    truth[::4] = np.nan
    update = fit_update(base, truth)
    out, _ = left_out(update, base, truth)
    said, _ = update.predict(base)
    np.testing.assert_array_equal(out[::4], said[::4])
    assert (out[1::4] != said[1::4]).all()
