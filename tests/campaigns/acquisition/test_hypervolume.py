"""Hypervolume: exact against counting, drawing and BoTorch."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.acquisition import (
    expected_hypervolume_improvement,
    expected_improvement,
    hypervolume,
    log_expected_hypervolume_improvement,
    pareto_front,
)
from campaigns.acquisition.hypervolume import boxes
from materials.errors import InputError

GRID = 6


@st.composite
def whole_points(draw: st.DrawFn, *, least: int = 0) -> np.ndarray:
    """Up to eight points of two to four objectives on a small grid, with many ties."""
    m = draw(st.integers(2, 4))
    row = st.tuples(*[st.integers(0, GRID)] * m)
    points = draw(st.lists(row, min_size=least, max_size=8))
    return np.array(points, dtype=float).reshape(-1, m)


def cells(points: np.ndarray) -> np.ndarray:
    """Which unit cells of the grid some point dominates."""
    m = points.shape[1]
    corners = np.stack(np.meshgrid(*[np.arange(GRID)] * m, indexing="ij"), axis=-1) + 1
    taken = np.zeros([GRID] * m, dtype=bool)
    for point in points:
        taken |= (corners <= point).all(axis=-1)
    return taken


@settings(deadline=None)
@given(points=whole_points())
def test_the_volume_is_the_number_of_dominated_cells(points: np.ndarray) -> None:
    reference = np.zeros(points.shape[1])
    assert hypervolume(points, reference) == pytest.approx(cells(points).sum(), abs=1e-9)


@settings(deadline=None)
@given(points=whole_points())
def test_boxes_cover_every_free_cell_once(points: np.ndarray) -> None:
    m = points.shape[1]
    front = pareto_front(points[(points > 0).all(axis=1)])
    lower, upper = boxes(front.reshape(-1, m), np.zeros(m))
    corners = np.stack(np.meshgrid(*[np.arange(GRID)] * m, indexing="ij"), axis=-1)
    times = np.zeros([GRID] * m, dtype=int)
    for low, high in zip(lower, upper, strict=True):
        times += ((corners >= low) & (corners + 1 <= high)).all(axis=-1)
    assert (times == ~cells(points)).all()


def test_boxes_stay_few() -> None:
    rng = np.random.default_rng(0)
    for m, most in ((2, 101), (3, 201)):
        directions = np.abs(rng.standard_normal((100, m)))
        front = directions / np.linalg.norm(directions, axis=1, keepdims=True)
        assert len(boxes(pareto_front(front), np.zeros(m))[0]) <= most


@given(points=whole_points(least=1))
def test_the_front_is_what_nothing_dominates(points: np.ndarray) -> None:
    front = pareto_front(points)
    better = (points[:, None] >= points[None]).all(-1) & (
        points[:, None] > points[None]
    ).any(-1)
    expected = np.unique(points[~better.any(axis=0)], axis=0)
    assert sorted(map(tuple, front)) == sorted(map(tuple, expected))


@settings(deadline=None, max_examples=40)
@given(points=whole_points(), seed=st.integers(0, 99))
def test_a_sure_prediction_gains_what_it_adds(points: np.ndarray, seed: int) -> None:
    m = points.shape[1]
    new = np.random.default_rng(seed).uniform(-1, GRID + 1, (3, m))
    reference = np.zeros(m)
    gains = expected_hypervolume_improvement(new, np.zeros((3, m)), points, reference)
    for row, gain in zip(new, gains, strict=True):
        with_it = hypervolume(np.vstack([points, row[None]]), reference)
        assert gain == pytest.approx(with_it - hypervolume(points, reference), abs=1e-9)


@pytest.mark.parametrize("m", [2, 3, 4])
def test_the_expectation_is_the_mean_of_draws(m: int) -> None:
    rng = np.random.default_rng(m)
    front, reference = rng.random((8, m)), np.full(m, -0.1)
    mean, std = rng.random(m) * 1.2, rng.random(m) * 0.3 + 0.05
    before = hypervolume(front, reference)
    half = rng.standard_normal((800, m))
    gains = [
        hypervolume(np.vstack([front, y[None]]), reference) - before
        for y in mean + std * np.concatenate([half, -half])
    ]
    error = np.std(gains) / np.sqrt(len(gains))
    found = expected_hypervolume_improvement([mean], [std], front, reference)[0]
    assert found == pytest.approx(np.mean(gains), abs=5 * error)


def test_one_objective_is_expected_improvement() -> None:
    mean, std = [[0.3], [2.0]], [[0.5], [0.1]]
    found = expected_hypervolume_improvement(mean, std, [[1.0], [0.2]], [0.0])
    expected = expected_improvement([0.3, 2.0], [0.5, 0.1], 1.0)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("m", [2, 3])
def test_botorch_agrees(m: int) -> None:
    botorch = pytest.importorskip("botorch")
    torch = pytest.importorskip("torch")
    from botorch.acquisition.multi_objective import analytic
    from botorch.utils.multi_objective.box_decompositions.non_dominated import (
        NondominatedPartitioning,
    )

    rng = np.random.default_rng(7)
    front, reference = rng.random((12, m)), np.full(m, -0.2)
    mean, std = rng.random((50, m)) * 1.5, rng.random((50, m)) * 0.4 + 0.01

    class Posterior:
        def __init__(self, rows):
            self.mean = torch.tensor(mean)[rows][:, None]
            self.variance = torch.tensor(std)[rows][:, None] ** 2

    class Told(botorch.models.model.Model):
        """Predictions by row number."""

        num_outputs = m

        def posterior(self, X, **_):
            return Posterior(X[:, 0, 0].long())

    corner = torch.tensor(reference)
    acquisition = analytic.ExpectedHypervolumeImprovement(
        Told(), corner, NondominatedPartitioning(corner, Y=torch.tensor(front))
    )
    theirs = acquisition(torch.arange(50, dtype=torch.double)[:, None, None]).numpy()
    ours = expected_hypervolume_improvement(mean, std, front, reference)
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-12)


def test_the_hopeless_are_still_ordered() -> None:
    mean = -np.array([[1.0, 1.0], [10.0, 10.0], [100.0, 100.0]])
    found = log_expected_hypervolume_improvement(
        mean, np.full((3, 2), 0.1), [[1.0, 1.0]], [0.0, 0.0]
    )
    assert np.isfinite(found).all()
    assert (np.diff(found) < 0).all()


def test_what_lies_below_the_reference_does_not_count() -> None:
    assert hypervolume([[2.0, -1.0], [1.0, 1.0]], [0.0, 0.0]) == 1.0
    assert hypervolume(np.empty((0, 2)), [0.0, 0.0]) == 0.0


def test_shapes_that_do_not_fit_are_named() -> None:
    with pytest.raises(InputError, match="3 objectives and a reference of 2"):
        hypervolume([[1.0, 1.0, 1.0]], [0.0, 0.0])
    with pytest.raises(InputError, match="2 objectives and a reference of 3"):
        expected_hypervolume_improvement([[1.0, 1.0]], [[1.0, 1.0]], [], [0.0, 0.0, 0.0])
    with pytest.raises(InputError, match="finite numbers"):
        hypervolume([[1.0, 1.0]], [0.0, np.inf])
