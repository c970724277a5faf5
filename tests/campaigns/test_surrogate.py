"""The correction learns what the oracle says, and only where it was said."""

from __future__ import annotations

import numpy as np

from campaigns.surrogate import NOISE, Base, CorrectedPredictor

RNG = np.random.default_rng(0)


def base(embedding: np.ndarray, mean: float = 0.2, std: float = 0.3) -> Base:
    n = len(embedding)
    return Base(
        {"band_gap": np.full(n, 1.5), "energy_above_hull": np.full(n, mean)},
        {"band_gap": np.full(n, 0.4), "energy_above_hull": np.full(n, std)},
        embedding,
    )


def fitted(embedding: np.ndarray, hull: np.ndarray) -> CorrectedPredictor:
    truth = {"band_gap": np.full(len(hull), 1.5), "energy_above_hull": hull}
    return CorrectedPredictor.fit(base(embedding), truth)


def test_without_verdicts_the_surrogate_is_the_network() -> None:
    rows = base(RNG.normal(size=(5, 3)))
    scores = CorrectedPredictor.fit(None, {}).score(rows)
    assert np.array_equal(scores.energy_above_hull, rows.mean["energy_above_hull"])
    assert np.array_equal(scores.energy_above_hull_std, rows.std["energy_above_hull"])


def test_it_repeats_what_was_judged() -> None:
    seen = RNG.normal(size=(20, 3))
    hull = 0.2 + 0.2 * np.tanh(seen[:, 0])
    scores = fitted(seen, hull).score(base(seen))
    assert np.abs(scores.energy_above_hull - hull).max() < 0.05
    assert (scores.energy_above_hull_std < 0.1).all()


def test_it_generalises_to_neighbours() -> None:
    seen, new = RNG.normal(size=(60, 2)), RNG.normal(size=(40, 2))
    truth = 0.2 + 0.2 * np.tanh(new[:, 0])
    scores = fitted(seen, 0.2 + 0.2 * np.tanh(seen[:, 0])).score(base(new))
    learnt = np.abs(scores.energy_above_hull - truth).mean()
    assert learnt < 0.5 * np.abs(0.2 - truth).mean()


def test_far_from_everything_the_deviation_stays_large() -> None:
    seen = RNG.normal(size=(20, 3))
    scores = fitted(seen, 0.2 + 0.1 * RNG.normal(size=20)).score(base(seen[:1] + 100.0))
    assert scores.energy_above_hull_std[0] > 0.2


def test_failed_verdicts_are_left_out() -> None:
    seen = RNG.normal(size=(6, 3))
    hull = np.array([0.1, np.nan, 0.3, np.nan, 0.2, 0.1])
    kept = np.isfinite(hull)
    one = fitted(seen, hull).score(base(seen)).energy_above_hull
    other = fitted(seen[kept], hull[kept]).score(base(seen)).energy_above_hull
    assert np.allclose(one, other)


def test_no_deviation_falls_below_the_noise_and_no_gap_below_zero() -> None:
    seen = RNG.normal(size=(10, 2))
    truth = {"band_gap": np.full(10, -3.0), "energy_above_hull": np.full(10, 0.1)}
    scores = CorrectedPredictor.fit(base(seen), truth).score(base(seen))
    assert (scores.band_gap >= 0).all()
    assert (scores.band_gap_std >= NOISE).all()
