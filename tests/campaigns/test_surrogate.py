"""The surrogate learns what the oracle says, and only where it was said."""

from __future__ import annotations

import numpy as np
import pytest

from campaigns.learned import drift_facts
from campaigns.protocols import Candidate, Verdict
from campaigns.records import Proposed
from campaigns.surrogate import NOISE, TARGETS, CorrectedPredictor
from models.updating.base import Base

RNG = np.random.default_rng(0)


def base(embedding: np.ndarray, mean: float = 0.2, std: float = 0.3) -> Base:
    n = len(embedding)
    return Base(
        targets=TARGETS,
        mean=np.tile([1.5, mean], (n, 1)),
        std=np.tile([0.4, std], (n, 1)),
        embedding=embedding,
    )


def fitted(embedding: np.ndarray, hull: np.ndarray) -> CorrectedPredictor:
    truth = {"band_gap": np.full(len(hull), 1.5), "energy_above_hull": hull}
    return CorrectedPredictor.fit(base(embedding), truth)


def test_without_verdicts_the_surrogate_is_the_network() -> None:
    rows = base(RNG.normal(size=(5, 3)))
    scores = CorrectedPredictor.fit(None, {}).score(rows)
    assert np.array_equal(scores.energy_above_hull, rows.mean[:, 1])
    assert np.array_equal(scores.energy_above_hull_std, rows.std[:, 1])


def test_it_repeats_what_was_judged() -> None:
    seen = RNG.normal(size=(60, 3))
    hull = 0.2 + 0.2 * np.tanh(seen[:, 0])
    scores = fitted(seen, hull).score(base(seen))
    assert np.abs(scores.energy_above_hull - hull).mean() < 0.02
    assert (scores.energy_above_hull_std < 0.15).all()


def test_it_generalises_to_neighbours() -> None:
    seen, new = RNG.normal(size=(60, 2)), RNG.normal(size=(40, 2))
    truth = 0.2 + 0.2 * np.tanh(new[:, 0])
    scores = fitted(seen, 0.2 + 0.2 * np.tanh(seen[:, 0])).score(base(new))
    learnt = np.abs(scores.energy_above_hull - truth).mean()
    assert learnt < 0.5 * np.abs(0.2 - truth).mean()


def test_far_from_everything_the_network_is_believed() -> None:
    seen = RNG.normal(size=(40, 3))
    near = fitted(seen, 0.2 + 0.2 * np.tanh(seen[:, 0]))
    far = near.score(base(seen[:1] + 100.0))
    close = near.score(base(seen))
    assert abs(far.energy_above_hull[0] - 0.2) < 0.05
    assert far.energy_above_hull_std[0] > 1.4 * close.energy_above_hull_std.mean()


def test_failed_verdicts_are_left_out() -> None:
    seen = RNG.normal(size=(8, 3))
    hull = np.array([0.1, np.nan, 0.3, np.nan, 0.2, 0.1, 0.0, 0.4])
    kept = np.isfinite(hull)
    one = fitted(seen, hull).score(base(seen)).energy_above_hull
    other = fitted(seen[kept], hull[kept]).score(base(seen)).energy_above_hull
    assert np.allclose(one, other)


def test_no_deviation_falls_below_the_noise_and_no_gap_below_zero() -> None:
    seen = RNG.normal(size=(10, 2))
    truth = {"band_gap": np.full(10, -3.0), "energy_above_hull": np.full(10, 0.2)}
    scores = CorrectedPredictor.fit(base(seen, std=0.001), truth).score(base(seen))
    assert (scores.band_gap >= 0).all()
    assert (scores.band_gap_std >= NOISE).all()
    assert (scores.energy_above_hull_std >= NOISE).all()


def test_facts_are_numbers_and_say_what_is_covered() -> None:
    seen = RNG.normal(size=(30, 3))
    facts = fitted(seen, 0.2 + 0.2 * np.tanh(seen[:, 0])).facts()
    assert all(isinstance(value, int | float) for value in facts.values())
    assert facts["energy_above_hull_n_labels"] == 30
    assert 0.5 < facts["energy_above_hull_coverage_90"] <= 1.0
    assert CorrectedPredictor().facts() == {}


def judged(crystal, number: int, gap: float, hull: float) -> tuple[Proposed, Verdict]:
    said = {
        "band_gap": 1.0,
        "band_gap_std": 0.1,
        "energy_above_hull": 0.1,
        "energy_above_hull_std": 0.05,
    }
    candidate = Candidate(f"c{number}", "ZnO", "AB", ("Zn", "O"), crystal)
    proposed = Proposed(
        candidate,
        1,
        known=False,
        acquisition=0.0,
        predictions=said,
        network=said,
        embedding=np.zeros(2),
    )
    return proposed, Verdict(candidate.id, band_gap=gap, energy_above_hull=hull)


def test_drift_compares_a_round_with_those_before() -> None:
    rng = np.random.default_rng(1)
    rows = [judged(None, i, 1.0 + 0.1 * rng.normal(), 0.1) for i in range(40)]
    rows += [judged(None, 40 + i, 1.0 + 0.5 * rng.normal(), 0.1) for i in range(20)]
    candidates = [p for p, _ in rows]
    verdicts = [(1 if i < 40 else 2, v) for i, (_, v) in enumerate(rows)]
    verdicts.append((2, Verdict("c0", error="did not converge")))
    first = drift_facts(1, candidates, verdicts)
    second = drift_facts(2, candidates, verdicts)
    assert first["band_gap_drift_rows"] == 40
    assert first["band_gap_drift_chance"] == 1.0
    assert second["band_gap_drift_rows"] == 20
    assert second["band_gap_drift_coverage_90"] < 0.7
    assert second["band_gap_drift_surprise"] < -2
    wrong = np.abs([verdict.band_gap - 1.0 for _, verdict in rows])
    ratio = np.median(wrong[40:]) / np.median(wrong[:40])
    assert second["band_gap_drift_ratio"] == pytest.approx(ratio)
    assert second["band_gap_drift_chance"] < 0.01
    assert second["energy_above_hull_drift_coverage_50"] == pytest.approx(1.0)
