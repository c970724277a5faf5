"""Heads that are tuned follow labels, and stay where labels say nothing new."""

from __future__ import annotations

import numpy as np
import pytest

from materials.errors import InputError
from models.updating.fine_tune import Heads
from models.updating.stacking import stack
from models.updating.states import States
from tests.models.updating.columns import column, drawn


@pytest.fixture(scope="module")
def heads():
    import torch
    from torch import nn

    with torch.random.fork_rng():
        torch.manual_seed(0)
        parts = tuple(
            nn.ModuleList(
                nn.Sequential(nn.Linear(4, 16), nn.SiLU(), nn.Linear(16, 2))
                for _ in range(2)
            )
            for _ in range(2)
        )
    return Heads(parts=parts, widths=(4, 4), targets=("a", "b"), unit={"a": 1.0, "b": 2.0})


def test_they_follow_a_shift(heads) -> None:
    states = drawn(80, d=8)
    seen = column(states, np.full(80, 0.4), std=0.5, target="b")
    tuned = heads(seen.states)(seen)
    assert tuned.steps > 0
    mean, std = tuned.apply(column(drawn(20, d=8, seed=1), std=0.5, target="b"))
    assert np.abs(mean - 0.4).mean() < 0.15
    assert np.array_equal(std, np.full(20, 0.5))
    assert np.abs(tuned.leave_one_out()[0] - 0.4).mean() < 0.15


def test_they_stay_where_the_network_is_right(heads) -> None:
    states = drawn(40, d=8)
    seen = column(states, np.zeros(40), target="a")
    tuned = heads(seen.states)(seen)
    assert tuned.facts() == {"steps": 0}
    new = column(drawn(5, d=8, seed=1), mean=1.25, target="a")
    assert np.array_equal(tuned.apply(new)[0], new.mean)


def test_the_model_itself_is_left_as_it_is(heads) -> None:
    before = [p.detach().clone() for part in heads.parts for p in part.parameters()]
    seen = column(drawn(30, d=8), np.ones(30), target="a")
    stack(seen, {"heads": heads(seen.states)})
    after = [p for part in heads.parts for p in part.parameters()]
    assert all((old == new).all() for old, new in zip(before, after, strict=True))


def test_other_states_and_targets_are_refused(heads) -> None:
    with pytest.raises(InputError, match="states of 3 channels: the model's have 8"):
        heads(States(embedding=drawn(5)))
    seen = column(drawn(5, d=8), np.zeros(5), target="cost")
    with pytest.raises(InputError, match="no head for 'cost'"):
        heads(seen.states)(seen)
