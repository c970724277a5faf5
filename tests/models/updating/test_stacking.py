"""Weights follow what foretells labels; the network is not given up lightly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from models.updating.recalibrate import coverage, drift, std_factor
from models.updating.residual import Residual
from models.updating.stacking import BELIEF, NETWORK, log_scores, stack
from tests.models.updating.columns import column, drawn


@dataclass(frozen=True)
class Said:
    """A contender that says the same of all."""

    mean: float
    std: float
    n: int

    def apply(self, new):
        return np.full(len(new), self.mean), np.full(len(new), self.std)

    def leave_one_out(self):
        return np.full(self.n, self.mean), np.full(self.n, self.std)

    def facts(self):
        return {"mean": self.mean}


def weights(n, label, contender):
    seen = column(drawn(n), np.full(n, label))
    return stack(seen, {"other": lambda seen: contender(len(seen))})


def test_a_contender_that_is_right_wins_and_one_that_is_wrong_gets_nothing() -> None:
    right = weights(60, 3.0, lambda n: Said(3.0, 0.1, n))
    wrong = weights(60, 0.0, lambda n: Said(5.0, 0.1, n))
    assert right.leading.name == "other"
    assert right.members[0].weight == pytest.approx(BELIEF / (60 + BELIEF), rel=0.05)
    assert wrong.leading.name == NETWORK
    assert wrong.members[1].weight < 0.01


def test_weights_maximise_the_mixtures_log_score() -> None:
    rng = np.random.default_rng(0)
    n = 200
    seen = column(
        drawn(n), np.where(rng.random(n) < 0.3, 3.0, 0.0) + 0.3 * rng.normal(size=n)
    )
    found = stack(seen, {"other": lambda seen: Said(3.0, 0.5, len(seen))})
    scores = [
        log_scores(seen.label, seen.std * found.members[0].factor),
        log_scores(seen.label - 3.0, np.full(n, 0.5) * found.members[1].factor),
    ]

    def objective(w):
        mixture = w * np.exp(scores[0]) + (1 - w) * np.exp(scores[1])
        return np.log(mixture).sum() + BELIEF * np.log(w)

    grid = np.linspace(0.001, 0.999, 999)
    best = grid[np.argmax([objective(w) for w in grid])]
    assert found.members[0].weight == pytest.approx(best, abs=0.01)


def test_the_mixture_grows_unsure_where_members_disagree() -> None:
    seen = column(drawn(40), np.tile([0.0, 3.0], 20))
    found = stack(seen, {"other": lambda seen: Said(3.0, 1.0, len(seen))})
    new = column(drawn(3))
    mean, std = found.apply(new)
    w = np.array([m.weight for m in found.members])
    said = [member.apply(new) for member in found.members]
    means, stds = (np.stack(part, axis=1) for part in zip(*said, strict=True))
    middle = means @ w
    second = (stds**2 + means**2) @ w
    assert mean == pytest.approx(middle)
    assert std == pytest.approx(np.sqrt(second - middle**2))
    assert (std > stds.max(axis=1)).all()


def test_labels_without_pattern_change_little() -> None:
    """Never much worse than the network: noise of the stated size, 10 to 100 labels."""
    for n in (5, 10, 30, 100):
        moved, score = [], []
        for seed in range(8):
            rng = np.random.default_rng(seed)
            seen = column(drawn(n, seed=seed), rng.laplace(0, 0.87, n))
            new = column(drawn(200, seed=100 + seed))
            truth = rng.laplace(0, 0.87, 200)
            mean, std = stack(seen, {"residual": Residual.of(seen.states)}).apply(new)
            moved.append(np.abs(truth - mean).mean() / np.abs(truth).mean())
            score.append(
                (log_scores(truth - mean, std) - log_scores(truth, new.std)).mean()
            )
        assert np.mean(moved) < 1.03
        assert np.mean(score) > -0.05


def test_deviations_twice_too_small_are_found_out() -> None:
    errors = np.random.default_rng(0).laplace(0, 0.87, 4000)
    assert std_factor(errors, np.full(4000, 0.5)) == pytest.approx(2.0, rel=0.05)
    assert std_factor(errors, np.ones(4000)) == pytest.approx(1.0, rel=0.05)


def test_few_errors_move_the_factor_little_and_a_wild_one_not_all() -> None:
    assert std_factor(np.zeros(0), np.zeros(0)) == 1.0
    one = std_factor(np.array([10.0]), np.ones(1))
    assert 1.0 < one < 1.2
    wild = np.append(np.random.default_rng(0).laplace(0, 0.87, 99), 1e9)
    assert std_factor(wild, np.ones(100)) < 1.5


def test_coverage_of_a_normal_distribution_is_the_level() -> None:
    errors = np.random.default_rng(0).normal(size=20_000)
    found = coverage(errors, np.ones(len(errors)))
    assert found == pytest.approx({0.5: 0.5, 0.8: 0.8, 0.9: 0.9}, abs=0.01)
    assert all(np.isnan(share) for share in coverage(np.zeros(0), np.zeros(0)).values())


def test_known_metals_do_not_make_deviations_smaller() -> None:
    rng = np.random.default_rng(0)
    metals = np.zeros(300)
    label = np.concatenate([metals, 2.0 + 0.3 * rng.normal(size=100)])
    mean = np.concatenate([metals, np.full(100, 2.0)])
    both = stack(column(drawn(400), label, mean=mean, std=0.3), {})
    some = stack(column(drawn(100), label[300:], mean=2.0, std=0.3), {})
    assert both.members[0].factor == pytest.approx(some.members[0].factor)
    assert both.before[0.9] == pytest.approx(some.before[0.9])


def test_drift_is_seen_and_its_absence_too() -> None:
    rng = np.random.default_rng(0)
    before = rng.normal(size=200)
    same = drift(rng.normal(size=50), before)
    worse = drift(3 * rng.normal(size=50), np.append(before, np.nan))
    assert same.chance > 0.05
    assert abs(same.surprise) < 2
    assert worse.chance < 1e-4
    assert worse.surprise < -3
    assert 2 < worse.ratio < 5
    nothing = drift(np.array([np.nan]), before)
    assert (nothing.rows, nothing.chance, nothing.surprise) == (0, 1.0, 0.0)
