"""Hits and misses correct what targets say one by one; before them the network decides."""

from __future__ import annotations

import numpy as np
import pytest

from campaigns.acquisition import probability_of_success
from campaigns.beliefs import Beliefs
from campaigns.learned import base_of
from campaigns.protocols import Candidate, Verdict
from campaigns.records import Proposed
from materials.candidates.prototypes import aflow_prototypes, decorate
from tests.campaigns.fakes import toy_config

CONFIG = toy_config()
CRYSTAL = decorate(
    next(p for p in aflow_prototypes(n_species=(2,)) if p.n_species == 2), ("Zn", "S")
)


def proposed(
    name: str, state: list[float], gap: float = 1.5, hull: float = 0.05
) -> Proposed:
    candidate = Candidate(name, "ZnS", "AB", ("S", "Zn"), CRYSTAL)
    network = {
        "band_gap": gap,
        "band_gap_std": 0.4,
        "energy_above_hull": hull,
        "energy_above_hull_std": 0.05,
    }
    return Proposed(candidate, 1, False, 0.0, {}, network, np.array(state))


def taught(n: int = 40):
    """Two kinds of crystal that the network cannot tell apart; one kind are metals."""
    rng = np.random.default_rng(0)
    pool, verdicts = [], {}
    for i in range(n):
        metal = i % 2 == 0
        state = rng.normal(3.0 if metal else -3.0, 0.3, 4).tolist()
        pool.append(proposed(f"c{i}", state))
        gap = 0.0 if metal else 1.5
        verdicts[f"c{i}"] = Verdict(f"c{i}", band_gap=gap, energy_above_hull=0.05)
    return pool, verdicts


def worth(beliefs: Beliefs, pool: list[Proposed]) -> np.ndarray:
    base, one = base_of(pool), np.ones(len(pool))
    scores = beliefs.score(base)
    plain = probability_of_success(scores, beliefs.targets, one * 2, one * 4)
    return plain + beliefs.lesson(base, scores)


def test_before_any_verdict_the_network_decides_alone() -> None:
    pool = [proposed("a", [0.0] * 4), proposed("b", [1.0] * 4, gap=3.5)]
    beliefs = Beliefs.learned(CONFIG, pool, {})
    assert beliefs.chances is None
    assert not beliefs.lesson(base_of(pool), beliefs.score(base_of(pool))).any()
    assert beliefs.facts() == {}


def test_what_resembles_misses_is_worth_less_than_what_resembles_hits() -> None:
    pool, verdicts = taught()
    beliefs = Beliefs.learned(CONFIG, pool, verdicts)
    new = [proposed("like metals", [3.0] * 4), proposed("like hits", [-3.0] * 4)]
    low, high = worth(beliefs, new)
    assert high - low > 2.0
    assert {"success_variance", "success_length"} <= beliefs.facts().keys()


def test_the_sum_is_the_learned_chance_where_targets_weigh_one() -> None:
    pool, verdicts = taught()
    beliefs = Beliefs.learned(CONFIG, pool, verdicts)
    base = base_of(pool[:6])
    plain = worth(beliefs, pool[:6])
    simple = CONFIG.targets.simplicity.weight * np.log(1.0)  # two elements, four atoms
    learned = beliefs.chances.log_probability(base)
    assert plain == pytest.approx(learned + simple, abs=1e-9)


def test_what_failed_at_the_oracle_teaches_nothing_of_success() -> None:
    pool, verdicts = taught()
    failed = proposed("failed", [-3.0] * 4)
    more = {**verdicts, "failed": Verdict("failed", error="did not relax")}
    one = Beliefs.learned(CONFIG, pool, verdicts)
    two = Beliefs.learned(CONFIG, [*pool, failed], more)
    assert worth(one, pool) == pytest.approx(worth(two, pool), abs=0)


def test_hopeless_candidates_keep_their_order() -> None:
    pool, verdicts = taught()
    beliefs = Beliefs.learned(CONFIG, pool, verdicts)
    hopeless = [proposed(str(i), [-3.0] * 4, gap=8.0 + i) for i in range(4)]
    found = worth(beliefs, hopeless)
    assert (np.diff(found) < 0).all()


def test_a_target_that_weighs_nothing_has_no_say_in_success() -> None:
    targets = {"band_gap": {"min": 1.0, "max": 2.0}, "energy_above_hull": {"weight": 0.0}}
    config = toy_config(targets=targets)
    pool, verdicts = taught()
    far = {
        k: Verdict(k, band_gap=v.band_gap, energy_above_hull=5.0)
        for k, v in verdicts.items()
    }
    beliefs = Beliefs.learned(config, pool, far)
    new = [proposed("like metals", [3.0] * 4), proposed("like hits", [-3.0] * 4)]
    low, high = worth(beliefs, new)
    assert high - low > 1.0
