from __future__ import annotations

import numpy as np

from campaigns.acquisition import Window, log_joint_probability
from campaigns.chances import Chances, network_guess
from models.updating.base import Base

WINDOWS = (Window(0.0, 1.0), Window(max=0.0))


def crystals(n, seed, *, lie=0.0):
    """Two targets, of which the network knows the first; ``lie`` is what it is wrong by."""
    rng = np.random.default_rng(seed)
    states = rng.normal(size=(n, 4))
    truth = states[:, :2] + rng.normal(0, 0.1, (n, 2))
    mean = np.stack([truth[:, 0] + lie, np.full(n, np.nan)], axis=1)
    std = np.stack([np.full(n, 0.3), np.full(n, np.nan)], axis=1)
    return Base(targets=("x", "y"), mean=mean, std=std, embedding=states), truth


def is_hit(truth):
    return (truth[:, 0] >= 0) & (truth[:, 0] <= 1) & (truth[:, 1] <= 0)


def area(score, hit):
    """Chance that a hit is ranked above what is none."""
    return (score[hit][:, None] > score[~hit][None, :]).mean()


def test_all_that_is_known_together_ranks_best():
    base, truth = crystals(150, 0, lie=0.8)
    new, new_truth = crystals(400, 1, lie=0.8)
    hit = is_hit(new_truth)
    chances = Chances.fit(base, truth, WINDOWS)
    found = area(chances.log_probability(new), hit)
    assert found > 0.9
    assert found > area(network_guess(new, WINDOWS), hit) + 0.1


def test_chances_are_about_as_often_right_as_they_say():
    base, truth = crystals(150, 0)
    new, new_truth = crystals(1000, 1)
    chance = np.exp(Chances.fit(base, truth, WINDOWS).log_probability(new))
    assert abs(chance.mean() - is_hit(new_truth).mean()) < 0.08


def test_a_target_that_the_network_does_not_know_has_no_say_in_its_guess():
    base, _ = crystals(20, 0)
    np.testing.assert_array_equal(
        network_guess(base, WINDOWS),
        log_joint_probability(base.mean[:, :1], base.std[:, :1], WINDOWS[:1]),
    )


def test_a_missing_label_is_no_success():
    base, truth = crystals(60, 0)
    blank = truth.copy()
    blank[:, 1] = np.nan
    blank[:2, 1] = 5.0  # something must be known of it
    chance = np.exp(Chances.fit(base, blank, WINDOWS).log_probability(base))
    assert chance.max() < 0.5
