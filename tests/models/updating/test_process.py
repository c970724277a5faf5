"""The process against what the same formulas give when written out in full."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from models.updating.last_layer import LastLayer
from models.updating.process import SHARES, STRENGTH, fit_process
from models.updating.residual import Residual, falling
from models.updating.states import Space, States
from tests.models.updating.columns import column, drawn

CONTENDERS = (Residual.of, LastLayer.of)


def problem(seed, n=30):
    """Labels that the evidence finds structure in: smooth, offset, sloped, noisy."""
    rng = np.random.default_rng(seed)
    states = drawn(n, seed=seed)
    mean, std = rng.normal(size=n), rng.uniform(0.2, 0.6, n)
    label = 1.3 * mean + 0.5 + np.tanh(2 * states[:, 0]) + 0.1 * rng.normal(size=n)
    return column(states, label, mean=mean, std=std)


def covariance(process, rows):
    """Of labels of the rows in the target's unit, from the formula in the module."""
    seen, chosen = process.seen, process.setting
    trend = np.stack([np.ones(len(seen)), seen.mean - process.middle], axis=1)
    prior = np.diag([chosen.offset**2, chosen.slope**2])
    alike = chosen.share * process.kernel.cross(seen.states)
    alike += (1 - chosen.share) * np.eye(len(seen))
    whole = np.outer(seen.std, seen.std) * alike + trend @ prior @ trend.T
    return chosen.scale**2 * whole[np.ix_(rows, rows)]


@settings(deadline=None, max_examples=8)
@given(st.integers(0, 1000), st.sampled_from(CONTENDERS))
def test_leaving_one_out_is_what_conditioning_on_the_others_gives(seed, contender) -> None:
    seen = problem(seed)
    process = contender(seen.states)(seen)
    mean, std = process.leave_one_out()
    everything = np.arange(len(seen))
    whole = covariance(process, everything)
    residual = seen.clipped(4.0) - seen.mean
    for one in (0, 7, len(seen) - 1):
        rest = np.delete(everything, one)
        gain = np.linalg.solve(whole[np.ix_(rest, rest)], whole[rest, one])
        assert mean[one] == pytest.approx(seen.mean[one] + gain @ residual[rest], abs=1e-4)
        left = whole[one, one] - gain @ whole[rest, one]
        assert std[one] == pytest.approx(np.sqrt(left), rel=1e-4)


@settings(deadline=None, max_examples=8)
@given(st.integers(0, 1000), st.sampled_from(CONTENDERS))
def test_predictions_are_what_conditioning_on_the_labels_gives(seed, contender) -> None:
    seen = problem(seed)
    process = contender(seen.states)(seen)
    chosen = process.setting
    new = column(drawn(5, seed=seed + 1), mean=np.arange(5.0), std=0.3)
    cross = np.outer(new.std, seen.std) * chosen.share * process.kernel.cross(new.states)
    cross += chosen.offset**2
    cross += chosen.slope**2 * np.outer(
        new.mean - process.middle, seen.mean - process.middle
    )
    cross *= chosen.scale**2
    prior = (1 - chosen.share) + chosen.share * process.kernel.diagonal(new.states)
    prior = new.std**2 * prior + chosen.offset**2
    prior += chosen.slope**2 * (new.mean - process.middle) ** 2
    gain = np.linalg.solve(covariance(process, np.arange(len(seen))), cross.T)
    mean, std = process.apply(new)
    residual = seen.clipped(4.0) - seen.mean
    assert mean == pytest.approx(new.mean + gain.T @ residual, abs=1e-4)
    left = chosen.scale**2 * prior - (cross * gain.T).sum(axis=1)
    assert std == pytest.approx(np.sqrt(left), rel=1e-3)


def test_evidence_is_that_of_the_scale_integrated_out() -> None:
    """Log evidence differences equal those of multivariate t densities, less the costs."""
    seen = problem(3)
    process = Residual.of(seen.states)(seen)
    chosen = process.setting
    n = len(seen)
    u = (seen.clipped(4.0) - seen.mean) / seen.std
    scaled = covariance(process, np.arange(n)) / chosen.scale**2
    matrix = scaled / np.outer(seen.std, seen.std)
    quadratic = u @ np.linalg.solve(matrix, u)
    assert chosen.scale**2 == pytest.approx((STRENGTH + quadratic) / (STRENGTH + n))
    _, log_det = np.linalg.slogdet(matrix)
    used = sum(value > 0 for value in (chosen.share, chosen.offset, chosen.slope))
    expected = -0.5 * log_det - 0.5 * (STRENGTH + n) * np.log(STRENGTH + quadratic)
    assert chosen.evidence == pytest.approx(expected - 0.5 * used * np.log(n), abs=1e-5)
    plain = multivariate_normal(np.zeros(n), np.eye(n)).logpdf(u)
    found = multivariate_normal(np.zeros(n), chosen.scale**2 * matrix).logpdf(u)
    assert found > plain


def test_what_neighbours_share_is_found_and_pure_noise_is_not_explained() -> None:
    states = drawn(120)
    noise = np.random.default_rng(5).normal(size=120)
    quiet = Residual.of(States(embedding=states))(column(states, noise))
    assert quiet.setting.share <= 0.1
    assert quiet.setting.scale == pytest.approx(noise.std(), rel=0.1)
    wavy = Residual.of(States(embedding=states))(column(states, np.sin(2 * states[:, 0])))
    assert wavy.setting.share >= 0.8


def test_a_common_offset_and_slope_are_learned_from_unlike_states() -> None:
    rng = np.random.default_rng(2)
    states, mean = drawn(60, d=40), rng.normal(size=60)
    seen = column(states, 3.0 + 2.0 * mean + 0.05 * rng.normal(size=60), mean=mean, std=0.5)
    process = LastLayer.of(seen.states)(seen)
    new = column(drawn(20, seed=9, d=40), mean=np.linspace(-1, 1, 20), std=0.5)
    assert process.apply(new)[0] == pytest.approx(3.0 + 2.0 * new.mean, abs=0.6)


def test_few_labels_leave_scale_near_one_and_many_decide_it() -> None:
    few, many = drawn(2), drawn(200)
    little = Residual.of(States(embedding=few))(column(few, [0.1, -0.1]))
    assert 0.75 < little.setting.scale < 1.0
    labels = 3 * np.random.default_rng(0).normal(size=200)
    much = Residual.of(States(embedding=many))(column(many, labels))
    assert much.setting.scale == pytest.approx(3.0, rel=0.15)


def test_one_wild_label_does_not_decide_for_all() -> None:
    states = drawn(100)
    label = 0.5 * np.random.default_rng(1).normal(size=100)
    label[3] = 1000.0
    process = Residual.of(States(embedding=states))(column(states, label))
    assert process.setting.scale < 1.0


def test_shares_leave_room_for_a_candidates_own_error() -> None:
    assert SHARES[0] == 0.0
    assert max(SHARES) < 1.0


@pytest.mark.parametrize("shape", ["matern-1/2", "matern-3/2", "smooth"])
def test_kernels_agree_with_scikit_learn(shape) -> None:
    from sklearn.gaussian_process.kernels import RBF, Matern

    a, b = drawn(6), drawn(5, seed=1)
    squared = ((a[:, None] - b[None]) ** 2).sum(axis=2)
    order = {"matern-1/2": 0.5, "matern-3/2": 1.5}
    known = RBF(0.7) if shape == "smooth" else Matern(0.7, nu=order[shape])
    assert falling(squared, shape, 0.7) == pytest.approx(known(a, b), abs=1e-12)


def test_distances_are_standardised_and_ignore_channels_that_never_move() -> None:
    states = drawn(50, d=4)
    dead = np.column_stack([states * [1, 10, 100, 1], np.full(50, 7.0)])
    moved = dead[:5].copy()
    moved[:, 4] += 1e6
    space = Space.of(States(embedding=dead))
    one = States(embedding=dead[:5]).squared(space)
    assert States(embedding=moved).squared(space) == pytest.approx(one)
    plain = Space.of(States(embedding=states))
    assert States(embedding=states[:5]).squared(plain) == pytest.approx(one)
    assert np.square(space.seen).sum(axis=1).mean() == pytest.approx(1.0)


def test_features_of_formulas_are_used_where_states_say_nothing() -> None:
    states, formulas = np.zeros((80, 2)), drawn(80)
    label = np.sin(2 * formulas[:, 0])
    seen = column(states, label, composition=formulas)
    process = Residual.of(seen.states)(seen)
    assert "with composition" in process.facts()["kernel"]
    new = drawn(30, seed=4)
    mean, _ = process.apply(column(np.zeros((30, 2)), composition=new))
    truth = np.sin(2 * new[:, 0])
    assert np.abs(mean - truth).mean() < 0.4 * np.abs(truth).mean()


def test_the_first_of_equal_kernels_is_kept() -> None:
    seen = problem(1)
    first = Residual.of(seen.states).spectra[4]
    second = replace(first, kernel=LastLayer.of(seen.states).spectrum.kernel)
    assert fit_process(seen, (first, second)).kernel is first.kernel
