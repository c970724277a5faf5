from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from materials.errors import InputError
from models.measured.hurdle import Hurdle, Parts, Width, grow

WIDTH = Width(0.1, 0.1)
RNG = np.random.default_rng(0)
FEATURES = RNG.normal(size=(300, 4)).astype(np.float32)
GAP = np.where(FEATURES[:, 0] > 0, 1.0 + np.abs(FEATURES[:, 1]), 0.0)
SHARES = st.floats(0, 1)
SIZES = st.floats(0, 12)


def parts(probability: float, overall: float, gapped: float) -> Parts:
    return Parts(*(np.array([x]) for x in (probability, overall, gapped)))


@pytest.fixture(scope="module")
def grown() -> Hurdle:
    return grow(FEATURES, GAP)


@given(SHARES, SIZES, SIZES)
def test_below_the_hurdle_zero_above_it_between_both(probability, overall, gapped):
    (gap,) = parts(probability, overall, gapped).gap()
    if probability < 0.5:
        assert gap == 0.0
    else:
        assert min(overall, gapped) <= gap <= max(overall, gapped)


@given(st.integers(0, 20).map(lambda n: n / 20), SIZES, SIZES)
def test_the_spread_is_that_of_draws(probability, overall, gapped):
    """Draw truths from what the parts claim and measure their distance."""
    found = parts(probability, overall, gapped)
    has = np.linspace(0, 1, 20_000, endpoint=False) < probability
    sides = np.where(np.arange(20_000) % 2, 1.0, -1.0)  # two points of deviation w
    truth = np.where(has, gapped + sides * WIDTH.at(np.array(gapped)), 0.0)
    expected = np.sqrt(np.mean(np.square(truth - found.gap())))
    assert found.spread(WIDTH)[0] == pytest.approx(expected, rel=0.02, abs=0.05)


def test_width_is_the_line_that_made_the_errors():
    gap = np.linspace(0.5, 8, 200)
    width = Width.fit(gap, (0.2 + 0.1 * gap) * np.where(np.arange(200) % 2, 1, -1))
    assert width.offset == pytest.approx(0.2)
    assert width.slope == pytest.approx(0.1)
    assert (Width(0.0, 0.0).at(gap) > 0).all()


def test_it_learns_metals_and_sizes(grown):
    rng = np.random.default_rng(1)
    new = rng.normal(size=(300, 4)).astype(np.float32)
    truth = np.where(new[:, 0] > 0, 1.0 + np.abs(new[:, 1]), 0.0)
    found = grown.parts(new).gap()
    assert ((found > 0) == (truth > 0)).mean() > 0.95
    assert np.abs(found - truth).mean() < 0.15


def test_unknown_features_are_no_obstacle(grown):
    found = grown.parts(np.full((2, 4), np.nan, np.float32))
    assert np.isfinite(found.gap()).all()


def test_same_rows_and_seed_same_bytes(grown):
    assert grow(FEATURES, GAP).files() == grown.files()
    assert grow(FEATURES, GAP, seed=1).files() != grown.files()


def test_files_hold_the_trees(grown):
    again = Hurdle.from_files(grown.files())
    np.testing.assert_array_equal(again.parts(FEATURES).gap(), grown.parts(FEATURES).gap())


@pytest.mark.parametrize("broken", [b"", b"tree", b"\x1f\x8b\x08broken"])
def test_broken_files_are_refused(grown, broken):
    with pytest.raises(InputError, match="again"):
        Hurdle.from_files(grown.files() | {"gate": broken}).parts(FEATURES)


def test_text_that_is_no_tree_is_refused(grown):
    broken = Hurdle("no tree", grown.overall, grown.gapped)
    with pytest.raises(InputError, match="again"):
        broken.parts(FEATURES)


@pytest.mark.parametrize("gap", [np.zeros(300), np.ones(300)])
def test_metals_and_others_are_both_needed(gap):
    with pytest.raises(InputError, match="both"):
        grow(FEATURES, gap)
