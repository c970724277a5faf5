"""Worth: probabilities, in the tails too, and a choice that can be repeated."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from campaigns.acquisition import (
    best_distinct,
    probability_of_success,
    sustainable_share,
)
from campaigns.config import GapWindow, Simplicity, Stability, Sustainability, Targets
from campaigns.protocols import Scores
from materials.sustainability import AXES

TARGETS = Targets(
    band_gap=GapWindow(min=1.0, max=1.8),
    energy_above_hull=Stability(max=0.1),
    simplicity=Simplicity(weight=0.0),
)
TWO = np.array([2.0])


def worth(gap: float, gap_std: float, hull: float, hull_std: float) -> float:
    scores = Scores(*(np.array([v]) for v in (gap, gap_std, hull, hull_std)))
    return float(probability_of_success(scores, TARGETS, TWO, TWO)[0])


@given(
    gap=st.floats(0, 5),
    gap_std=st.floats(0.05, 2),
    hull=st.floats(-0.5, 1),
    hull_std=st.floats(0.01, 0.5),
)
def test_worth_is_the_log_of_the_joint_probability(
    gap: float, gap_std: float, hull: float, hull_std: float
) -> None:
    inside = norm.cdf(1.8, gap, gap_std) - norm.cdf(1.0, gap, gap_std)
    expected = inside * norm.cdf(0.1, hull, hull_std)
    if expected > 1e-9:
        assert worth(gap, gap_std, hull, hull_std) == pytest.approx(
            np.log(expected), abs=1e-5
        )


def test_far_misses_are_still_ordered() -> None:
    values = [worth(gap, 0.05, 0.0, 0.05) for gap in (3.0, 6.0, 12.0)]
    assert np.isfinite(values).all()
    assert values == sorted(values, reverse=True)


def test_uncertainty_helps_a_near_miss_and_hurts_a_safe_hit() -> None:
    assert worth(2.2, 0.5, 0.0, 0.02) > worth(2.2, 0.1, 0.0, 0.02)
    assert worth(1.4, 0.5, 0.0, 0.02) < worth(1.4, 0.1, 0.0, 0.02)


@given(
    worths=st.lists(st.floats(-50, 0), min_size=1, max_size=30),
    k=st.integers(1, 10),
    data=st.data(),
)
def test_a_batch_holds_each_formula_once_and_nothing_better_is_left(
    worths: list[float], k: int, data: st.DataObject
) -> None:
    n = len(worths)
    formulas = data.draw(st.lists(st.sampled_from("abcdef"), min_size=n, max_size=n))
    free = data.draw(st.lists(st.booleans(), min_size=n, max_size=n))
    chosen = best_distinct(formulas, np.array(worths), k=k, allowed=free)
    taken = [formulas[i] for i in chosen]
    assert len(set(taken)) == len(taken)
    assert len(chosen) == min(k, len({f for f, a in zip(formulas, free, strict=True) if a}))
    for i in range(n):
        if free[i] and formulas[i] not in taken:
            assert all(worths[i] <= worths[j] for j in chosen)


def test_a_sustainable_material_is_worth_more_and_the_unknown_nothing_extra() -> None:
    share = sustainable_share(["Cu2ZnSnS4", "PtAs2", "AcPo"], Sustainability(weight=1.0))
    assert share[0] > share[1]
    assert share[2] < 0.1  # no data: the worst it may be
    scores = Scores(*(np.full(3, v) for v in (1.4, 0.1, 0.0, 0.1)))
    two = np.full(3, 2.0)
    for weight in (0.0, 0.5, 2.0):
        targets = TARGETS.model_copy(
            update={"sustainability": Sustainability(weight=weight)}
        )
        plain = probability_of_success(scores, TARGETS, two, two)
        worth = probability_of_success(scores, targets, two, two, share)
        np.testing.assert_allclose(worth - plain, weight * np.log(np.maximum(share, 1e-3)))


def test_the_weights_of_the_axes_decide_what_is_sustainable() -> None:
    pair = ["CdTe", "PtAs2"]
    toxic = sustainable_share(
        pair, Sustainability(axes=dict.fromkeys(AXES, 0) | {"toxicity": 1})
    )
    cost = sustainable_share(
        pair, Sustainability(axes=dict.fromkeys(AXES, 0) | {"cost": 1})
    )
    assert cost[0] > cost[1]
    assert (toxic != cost).all()
