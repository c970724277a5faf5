"""Ways to value candidates: directions, references, and draws that repeat."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from campaigns.acquisition import (
    Window,
    expected_hypervolume_improvement,
    log_joint_probability,
    upper_confidence_bound,
)
from campaigns.samplers import (
    Beliefs,
    Confidence,
    Hypervolume,
    Improvement,
    Meets,
    Thompson,
)
from materials.errors import InputError


def beliefs(signs: tuple[float, ...], n: int = 40) -> Beliefs:
    rng = np.random.default_rng(0)
    m = len(signs)
    return Beliefs(
        mean=rng.normal(size=(n, m)),
        std=rng.uniform(0.1, 0.5, (n, m)),
        signs=np.array(signs),
        values=rng.normal(size=(7, m)),
        features=rng.normal(size=(n, 3)),
        seed=(4, 5),
    )


@pytest.mark.parametrize("policy", [Improvement(), Confidence(), Hypervolume(), Thompson()])
@pytest.mark.parametrize("n_objectives", [1, 2])
def test_minimising_is_maximising_the_negative(policy, n_objectives: int) -> None:
    if n_objectives == 2 and isinstance(policy, Improvement | Confidence):
        with pytest.raises(InputError, match="one objective"):
            policy(beliefs((1.0, 1.0)))
        return
    up = beliefs((1.0,) * n_objectives)
    signs = -up.signs
    down = replace(up, mean=-up.mean, values=-up.values, signs=signs)
    np.testing.assert_allclose(policy(up), policy(down), rtol=1e-9)


def test_the_reference_is_in_the_studys_units() -> None:
    given = beliefs((1.0, -1.0))
    found = Hypervolume(reference=(-1.5, 2.0))(given)
    expected = expected_hypervolume_improvement(
        given.gain, given.std, given.known, [-1.5, -2.0]
    )
    np.testing.assert_allclose(np.exp(found), expected, rtol=1e-9)
    with pytest.raises(InputError, match="a reference of 1 for 2"):
        Hypervolume(reference=(1.0,))(given)


def test_without_a_reference_it_lies_a_tenth_of_the_range_below_the_worst() -> None:
    given = beliefs((1.0, 1.0))
    worst, best = given.known.min(axis=0), given.known.max(axis=0)
    corner = tuple((worst - 0.1 * (best - worst)).tolist())
    np.testing.assert_allclose(Hypervolume()(given), Hypervolume(reference=corner)(given))
    one = replace(given, values=given.values[:1])
    assert np.isfinite(Hypervolume()(one)).all()


def test_confidence_keeps_the_order_of_the_bound_even_far_below() -> None:
    given = beliefs((1.0,))
    low = replace(given, mean=np.linspace(-500.0, 1.0, 40)[:, None])
    worth = Confidence(beta=1.0)(low)
    bound = upper_confidence_bound(low.mean[:, 0], low.std[:, 0], 1.0)
    assert np.isfinite(worth).all()
    assert (np.diff(worth[np.argsort(bound)]) > 0).all()


def test_windows_forget_directions() -> None:
    windows = (Window(-0.5, 0.5), Window(max=0.0))
    given = beliefs((1.0, -1.0))
    expected = log_joint_probability(given.mean, given.std, windows)
    np.testing.assert_array_equal(Meets(windows)(given), expected)


@pytest.mark.parametrize("signs", [(1.0,), (1.0, -1.0)])
def test_a_draw_repeats_for_its_trial_and_differs_for_the_next(signs) -> None:
    given = beliefs(signs)
    first = Thompson()(given)
    np.testing.assert_array_equal(first, Thompson()(given))
    assert (first != Thompson()(replace(given, seed=(4, 6)))).any()
    tops = {
        int(np.argmax(Thompson()(replace(given, seed=(4, i), features=None))))
        for i in range(30)
    }
    assert len(tops) > 1


def test_nothing_known_yet() -> None:
    empty = replace(beliefs((1.0,)), values=np.empty((0, 1)))
    assert int(np.argmax(Improvement()(empty))) in np.argsort(-empty.gain[:, 0])[:8]
    assert (Improvement()(replace(empty, constrained=True)) == 0).all()
    two = replace(beliefs((1.0, 1.0)), values=np.empty((0, 2)))
    assert np.isfinite(Hypervolume()(two)).all()
    assert (Hypervolume()(replace(two, constrained=True)) == 0).all()
