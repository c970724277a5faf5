"""An update learns what labels say, and nothing where they say nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from materials.errors import InputError
from models.updating.base import Base
from models.updating.update import fit_update


def base_of(states, *, gap=1.5, std=0.3):
    n = len(states)
    return Base(
        targets=("band_gap", "cost"),
        mean=np.column_stack([np.full(n, gap), np.full(n, np.nan)]),
        std=np.column_stack([np.full(n, std), np.full(n, np.nan)]),
        embedding=states,
    )


def drawn(n, *, seed=0, d=3):
    return np.random.default_rng(seed).normal(size=(n, d))


def labels(states, noise=0.0, seed=0):
    """A smooth error of the network, and a property that it does not predict."""
    errors = np.random.default_rng(seed).normal(size=len(states)) * noise
    return np.column_stack([1.5 + 0.4 * np.tanh(states[:, 0]) + errors, 7.0 + states[:, 1]])


def test_it_learns_a_smooth_error_and_a_new_property() -> None:
    seen, new = drawn(80), drawn(50, seed=1)
    update = fit_update(base_of(seen), labels(seen))
    mean, std = update.predict(base_of(new))
    truth = labels(new)
    error = np.abs(mean - truth)
    assert error[:, 0].mean() < 0.3 * np.abs(truth[:, 0] - 1.5).mean()
    assert error[:, 1].mean() < 0.3 * np.abs(truth[:, 1] - 7.0).mean()
    assert 0.6 < (error < 1.645 * std).mean() <= 1.0


def test_without_labels_the_network_is_believed() -> None:
    states = drawn(5)
    base = Base(
        targets=("a",), mean=np.arange(5.0)[:, None], std=np.ones((5, 1)), embedding=states
    )
    mean, std = fit_update(base, np.full((5, 1), np.nan)).predict(base)
    assert np.array_equal(mean, base.mean)
    assert np.array_equal(std, base.std)


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10_000), st.integers(6, 40))
def test_missing_labels_are_as_if_never_asked(seed: int, n: int) -> None:
    states = drawn(n, seed=seed)
    truth = labels(states, 0.1, seed)
    gone = np.random.default_rng(seed).random(n) < 0.3
    gone[:2] = False
    truth[gone, 0] = np.nan
    with_gaps = fit_update(base_of(states), truth).predict(base_of(states))
    truth_kept = truth[~gone]
    without = fit_update(base_of(states[~gone]), truth_kept).predict(base_of(states))
    assert np.array_equal(with_gaps[0][:, 0], without[0][:, 0])
    assert np.array_equal(with_gaps[1][:, 0], without[1][:, 0])


def test_a_target_without_network_and_labels_is_refused() -> None:
    states = drawn(4)
    with pytest.raises(InputError, match="'cost': neither the network nor a label"):
        fit_update(base_of(states), np.full((4, 2), np.nan))
