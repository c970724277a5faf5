from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.success import LearnedSuccess, log_odds, pooled
from materials.errors import InputError


def told(n=120, seed=0):
    """States of two groups; the guess is 1/2, the truth depends on the group."""
    rng = np.random.default_rng(seed)
    group = rng.random(n) < 0.5
    states = rng.normal(0, 0.3, (n, 4)) + 3.0 * group[:, None]
    return np.full(n, np.log(0.5)), states, rng.random(n) < np.where(group, 0.9, 0.1), group


def test_what_is_alike_succeeds_alike():
    guess, states, success, _ = told()
    fitted = LearnedSuccess.fit(guess, states, success)
    new_guess, new_states, _, group = told(seed=1)
    chance = np.exp(fitted.log_probability(new_guess, new_states))
    assert chance[group].mean() > 0.75
    assert chance[~group].mean() < 0.25


def test_without_verdicts_the_guess_stands():
    guess = np.log(np.array([0.1, 0.5, 0.9]))
    fitted = LearnedSuccess.fit(np.zeros(0), np.zeros((0, 3)), np.zeros(0, bool))
    np.testing.assert_allclose(fitted.log_probability(guess, np.ones((3, 3))), guess)


def test_a_guess_that_is_too_bold_everywhere_is_brought_down():
    rng = np.random.default_rng(0)
    states = rng.normal(size=(200, 5))
    guess = np.log(np.full(200, 0.8))
    success = rng.random(200) < 0.3
    fitted = LearnedSuccess.fit(guess, states, success)
    found = np.exp(fitted.log_probability(guess[:50], rng.normal(size=(50, 5))))
    assert found.mean() == pytest.approx(0.3, abs=0.1)


def test_guesses_that_tell_nothing_are_believed_less():
    rng = np.random.default_rng(0)
    states, guess = rng.normal(size=(300, 5)), np.log(rng.uniform(0.02, 0.98, 300))
    fitted = LearnedSuccess.fit(guess, states, rng.random(300) < 0.5)
    found = fitted.log_probability(guess[:100], rng.normal(size=(100, 5)))
    assert np.std(log_odds(found)) < 0.6 * np.std(log_odds(guess[:100]))


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 99), st.floats(0.1, 10.0))
def test_units_of_the_states_do_not_matter(seed, unit):
    guess, states, success, _ = told(40, seed)
    one = LearnedSuccess.fit(guess, states, success).log_probability(guess, states)
    other = LearnedSuccess.fit(guess, unit * states + 3, success)
    np.testing.assert_allclose(
        one, other.log_probability(guess, unit * states + 3), rtol=1e-3, atol=1e-4
    )


def test_chances_are_chances_whatever_is_claimed():
    guess, states, success, _ = told()
    guess[:3] = -np.inf, 0.0, -700.0
    found = LearnedSuccess.fit(guess, states, success).log_probability(guess, states)
    assert np.isfinite(found).all()
    assert (found <= 0).all()


def test_the_guess_still_orders_what_is_alike():
    guess, states, success, _ = told()
    same = np.repeat(states[:1], 5, axis=0)
    rising = np.log(np.array([0.1, 0.3, 0.5, 0.7, 0.9]))
    found = LearnedSuccess.fit(guess, states, success).log_probability(rising, same)
    assert (np.diff(found) > 0).all()


@given(st.lists(st.floats(0.01, 0.98), min_size=1, max_size=5))
def test_two_guesses_meet_in_the_middle(chances):
    one = np.log(np.array(chances))
    np.testing.assert_allclose(pooled(one, one), one, atol=1e-9)
    other = one[::-1]
    found = pooled(one, other)
    assert (found <= np.maximum(one, other) + 1e-9).all()
    assert (found >= np.minimum(one, other) - 1e-9).all()


def test_log_odds_are_those_of_the_probability():
    np.testing.assert_allclose(
        log_odds(np.log([0.25, 0.5])), [np.log(1 / 3), 0.0], atol=1e-12
    )


def test_shapes_must_match():
    with pytest.raises(InputError, match="3 guesses, 2 states"):
        LearnedSuccess.fit(np.zeros(3), np.zeros((2, 1)), np.zeros(3, bool))
    with pytest.raises(InputError, match="not finite"):
        LearnedSuccess.fit(np.zeros(1), np.full((1, 1), np.nan), np.zeros(1, bool))
