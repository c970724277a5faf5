"""Draws: deviations kept, errors alike where candidates are alike."""

from __future__ import annotations

import numpy as np
import pytest

from campaigns.acquisition import thompson_draws
from campaigns.acquisition.batches import likeness
from materials.errors import InputError

N = 30_000


@pytest.fixture
def points() -> np.ndarray:
    return np.random.default_rng(1).standard_normal((6, 3))


def test_draws_without_likeness_are_independent() -> None:
    mean, std = np.array([1.0, -2.0]), np.array([0.5, 2.0])
    drawn = thompson_draws(mean, std, np.random.default_rng(0), draws=N)
    np.testing.assert_allclose(drawn.mean(axis=0), mean, atol=0.05)
    np.testing.assert_allclose(np.cov(drawn.T), np.diag(std**2), atol=0.08)


def test_draws_follow_likeness_of_embeddings(points: np.ndarray) -> None:
    std = np.linspace(0.5, 2.0, 6)
    drawn = thompson_draws(
        np.zeros(6), std, np.random.default_rng(0), draws=N, embedding=points, length=1.5
    )
    expected = std[:, None] * std[None] * likeness(points, points, 1.5)
    np.testing.assert_allclose(np.cov(drawn.T), expected, atol=0.25)
    np.testing.assert_allclose(drawn.std(axis=0), std, rtol=0.02)


def test_draws_follow_a_covariance_even_a_singular_one() -> None:
    root = np.array([[1.0, 0.0], [2.0, 0.0], [0.5, 1.0]])
    drawn = thompson_draws(
        np.zeros(3), np.ones(3), np.random.default_rng(0), draws=N, covariance=root @ root.T
    )
    np.testing.assert_allclose(np.cov(drawn.T), root @ root.T, atol=0.1)
    np.testing.assert_allclose(drawn[:, 1], 2 * drawn[:, 0], atol=1e-6)


def test_the_same_seed_gives_the_same_draw_however_many_candidates_follow() -> None:
    many = np.random.default_rng(2).standard_normal((20_000, 4))
    a, b = (
        thompson_draws(
            np.zeros(n),
            np.ones(n),
            np.random.default_rng(5),
            embedding=many[:n],
            length=1.0,
        )
        for n in (20_000, 9_000)
    )
    np.testing.assert_allclose(a[:, :9_000], b, atol=1e-9)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"covariance": np.eye(3)}, r"\(2, 2\), got \(3, 3\)"),
        ({"covariance": [[1.0, 0.0], [0.5, 1.0]]}, "symmetric"),
        ({"covariance": [[1.0, 2.0], [2.0, 1.0]]}, "negative eigenvalue"),
        ({"embedding": np.zeros((3, 1))}, r"\(2, d\), got \(3, 1\)"),
        ({"embedding": np.zeros((2, 1)), "covariance": np.eye(2)}, "not both"),
    ],
)
def test_what_does_not_fit_is_refused(given: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        thompson_draws([0.0, 0.0], [1.0, 1.0], np.random.default_rng(0), **given)
