from __future__ import annotations

import numpy as np
import pytest

from models.small.domain import QUANTILE, Domain, fit_domain
from models.small.folds import Fold
from tests.models.small.tables import random_rows

ROWS = random_rows(200, 8)
NUMBERS = np.arange(200)
HELD = [NUMBERS[k::4] for k in range(4)]
FOLDS = [Fold(np.setdiff1d(NUMBERS, held), held) for held in HELD]


@pytest.fixture(scope="module")
def domain() -> Domain:
    return fit_domain(ROWS, FOLDS)


def test_what_was_seen_is_at_no_distance(domain):
    np.testing.assert_allclose(domain.distances(ROWS), 0.0, atol=1e-6)


def test_one_in_twenty_held_out_rows_is_beyond_the_limit(domain):
    beyond = 0
    for fold in FOLDS:
        part = Domain(
            domain.centre,
            domain.scale,
            ((ROWS - domain.centre) / domain.scale)[fold.learn],
            domain.limit,
        )
        beyond += (part.distances(ROWS[fold.held]) > domain.limit[0]).sum()
    assert beyond / 200 == pytest.approx(1.0 - QUANTILE, abs=0.01)


def test_what_is_unlike_all_rows_is_beyond_the_limit(domain):
    assert (domain.distances(ROWS + 9.0) > domain.limit[0]).all()


def test_a_feature_that_never_varies_does_no_harm():
    flat = ROWS.copy()
    flat[:, 0] = 3.0
    assert np.isfinite(fit_domain(flat, FOLDS).distances(flat)).all()


def test_it_is_rebuilt_from_its_arrays(domain):
    again = Domain(**domain.arrays())
    np.testing.assert_array_equal(again.distances(ROWS + 1), domain.distances(ROWS + 1))
