"""Parity and calibration of any predictions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.text import Text

from campaigns.pictures.predictions import (
    LEVELS,
    calibration,
    parity,
    parity_data,
    reliability,
)
from campaigns.words import words
from materials.errors import InputError

ES = words("es")


def test_deviations_that_are_right_are_inside_the_band():
    rng = np.random.default_rng(3)
    std = rng.uniform(0.1, 2.0, 4000)
    found = reliability(rng.normal(0, std), std)
    assert found["level"].tolist() == LEVELS.tolist()
    inside = found["observed"].between(found["low"], found["high"])
    assert inside.mean() > 0.8
    small = reliability(rng.normal(0, 2 * std), std)
    assert (small["observed"] < small["low"]).all()
    assert (small["n"] == 4000).all()


@settings(max_examples=50, deadline=None)
@given(
    errors=st.lists(st.floats(-5, 5), min_size=1, max_size=30),
    scale=st.floats(0.01, 100),
)
def test_coverage_grows_with_the_level_and_knows_no_unit(errors, scale):
    error, std = np.array(errors), np.ones(len(errors))
    found = reliability(error, std)
    assert found["observed"].is_monotonic_increasing
    assert (found["low"] <= found["high"]).all()
    away = np.abs(np.abs(error)[:, None] - 1e-9) > 0
    scaled = reliability(error * scale, std * scale)
    if away.all():
        np.testing.assert_allclose(
            found["observed"], scaled["observed"], atol=1 / len(error)
        )


def test_rows_without_deviation_or_label_count_for_nothing():
    found = reliability([0.1, np.nan, 0.1, 0.1], [1.0, 1.0, 0.0, np.nan])
    assert (found["n"] == 1).all()
    assert reliability([], [])["observed"].isna().all()
    frame = parity_data([1.0, np.nan, 2.0], [1.5, 1.0, np.nan])
    assert frame["residual"].tolist() == [0.5]
    assert np.isnan(frame["std"]).all()


def test_what_does_not_belong_together_is_refused():
    with pytest.raises(InputError, match="2 of label, 3 of prediction"):
        parity_data([1, 2], [1, 2, 3], [1, 1])
    with pytest.raises(InputError, match="not be negative"):
        parity_data([1], [1], [-0.1])


def said(figure) -> str:
    return " ".join(text.get_text() for text in figure.findobj(Text)).replace("\n", " ")


@pytest.mark.parametrize("n", [1, 50, 5000])
def test_parity_is_drawn_for_few_and_for_many(n):
    label = np.linspace(0, 4, n)
    figure = parity(label, label + 0.125, quantity="Bandlücke", unit="eV", say=ES)
    figure.draw_without_rendering()
    told = said(figure)
    assert "0,125 eV" in told
    assert "Bandlücke" in told
    assert len(figure.axes) == (2 if n > 3000 else 1)


def test_calibration_is_drawn_or_says_why_not():
    rng = np.random.default_rng(4)
    figure = calibration(np.zeros(30), rng.normal(0, 1, 30), np.ones(30), say=words("en"))
    assert "predictions, 30 values" in said(figure)
    empty = calibration([np.nan], [1.0], [1.0], say=words("en"))
    assert "No prediction" in said(empty)
    assert "No prediction" in said(parity([], [], quantity="x", unit="eV", say=words("en")))
