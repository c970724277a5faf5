from __future__ import annotations

import sys
from importlib.util import find_spec

import numpy as np
import pytest

from campaigns.backtests import replay as module
from campaigns.backtests.replay import StrategyError, replay, starting_rows
from campaigns.backtests.strategies import FACTORIES, Seen, build
from campaigns.backtests.strategies.protocol import best_rows
from materials.errors import InputError, MissingExtraError
from tests.campaigns.backtests.toys import toy_pool

POOL = toy_pool()
BUDGET = {"n_initial": 20, "rounds": 3, "batch_size": 10}
MISSING = pytest.mark.skipif(
    find_spec("baybe") is None, reason="needs pip install 'galena-materials[bench]'"
)
STRATEGIES = [
    pytest.param(name, marks=(MISSING, pytest.mark.slow) if name == "baybe" else ())
    for name in FACTORIES
]


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_asks_for_new_rows_and_repeats_itself(name):
    rounds = 1 if name == "baybe" else 3  # it takes seconds a round
    budget = BUDGET | {"rounds": rounds}
    one, again = (replay(POOL, name, 3, **budget) for _ in range(2))
    assert one.chosen == again.chosen
    assert len({*one.start, *one.chosen}) == 20 + 10 * rounds
    assert len(one.seconds) == rounds
    assert one.start == tuple(starting_rows(len(POOL), 20, 3).tolist())


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_beats_chance_where_there_is_something_to_learn(name):
    found = replay(POOL, name, 0, **BUDGET)
    share = POOL.hits[list(found.chosen)].mean()
    assert share > 1.5 * POOL.hits.mean()


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_target_that_no_network_knows_is_learned_or_left_alone(name):
    pool = toy_pool(known=False)
    if name != "network":
        found = replay(pool, name, 0, n_initial=40, rounds=2, batch_size=10)
        assert len(set(found.chosen)) == 20
        return
    chosen = build(name, pool.view, 0)(Seen(np.array([4]), pool.labels[[4]]), 3)
    assert list(chosen) == [0, 1, 2]  # all alike to it: the order of the table


@pytest.mark.parametrize("name", STRATEGIES)
def test_labels_that_are_not_believed_do_no_harm(name):
    labels = POOL.labels.copy()
    labels[::3, 1] = np.nan
    rows = np.arange(30)
    chosen = build(name, POOL.view, 0)(Seen(rows, labels[rows]), 5)
    assert len(set(chosen)) == 5
    assert not set(chosen) & set(rows.tolist())


@pytest.mark.parametrize("answer", [[0, 1, 1], [0, 1], "known"])
def test_a_strategy_that_cheats_is_stopped(monkeypatch, answer):
    def factory(name, view, seed):
        return lambda seen, k: [*seen.rows[:1], 7, 8] if answer == "known" else answer

    monkeypatch.setattr(module, "build", factory)
    pool = toy_pool(50)
    with pytest.raises(StrategyError, match="round 1"):
        replay(pool, "mine", 0, n_initial=5, rounds=1, batch_size=3)


def test_strategies_get_labels_of_what_they_asked_for_only(monkeypatch):
    given = []

    def factory(name, view, seed):
        assert not hasattr(view, "labels")
        assert not hasattr(view, "hits")

        def choose(seen, k):
            given.append(seen)
            free = np.setdiff1d(np.arange(len(view)), seen.rows)
            return free[:k]

        return choose

    monkeypatch.setattr(module, "build", factory)
    found = replay(POOL, "mine", 1, **BUDGET)
    known = [*found.start, *found.chosen]
    for number, seen in enumerate(given):
        expected = known[: 20 + 10 * number]
        assert seen.rows.tolist() == expected
        np.testing.assert_array_equal(seen.labels, POOL.labels[expected])


def test_unknown_strategies_are_named():
    with pytest.raises(InputError, match="Did you mean 'forest'"):
        build("forrest", POOL.view, 0)


@MISSING
@pytest.mark.slow
def test_baybe_chooses_among_the_most_promising(monkeypatch):
    from campaigns.backtests.strategies import baybe

    shortlists = []

    def noted(worth, seen, k):
        shortlists.append(best_rows(worth, seen, k))
        return shortlists[-1]

    monkeypatch.setattr(baybe, "best_rows", noted)
    monkeypatch.setattr(baybe, "SHORTLIST", 30)
    rows = np.arange(0, 200, 4)
    chosen = baybe.Baybe(POOL.view, 0)(Seen(rows, POOL.labels[rows]), 5)
    (short,) = shortlists
    assert len(short) == 30
    assert set(chosen) < set(short)
    assert POOL.hits[short].mean() > 2 * POOL.hits.mean()
    assert list(chosen) != short[:5]  # five together, not the five best alone


def test_without_baybe_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "baybe", None)
    monkeypatch.setitem(sys.modules, "baybe.parameters", None)
    with pytest.raises(MissingExtraError, match=r"galena-materials\[bench\]"):
        build("baybe", POOL.view, 0)(Seen(np.arange(5), POOL.labels[:5]), 3)
