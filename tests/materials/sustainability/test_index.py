from __future__ import annotations

import dataclasses
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from materials.errors import InputError
from materials.sustainability.assessment import assess
from materials.sustainability.columns import AXES, COLUMNS
from materials.sustainability.facts import Facts, load_facts
from materials.sustainability.index import Burdens, Weights
from materials.sustainability.table import columns_of
from tests.compositions import formulas

ON_SCALE = ("Cu", "Zn", "Ga", "Ge", "Cd", "Te", "In", "Sn", "Ag", "Bi", "Ni")
"""Whose values all lie between the best and the worst of their columns."""

WEIGHTS = st.tuples(*[st.floats(0.01, 9.0)] * len(AXES)).map(
    lambda parts: Weights(**dict(zip(AXES, parts, strict=True)))
)


@settings(deadline=None, max_examples=60)
@given(formulas(), WEIGHTS)
def test_the_centre_lies_between_low_and_high(formula: str, weights: Weights) -> None:
    index = assess(formula, weights=weights).index
    assert 0.0 <= index.low <= index.high <= 1.0 + 1e-12
    if index.central is not None:
        assert index.low - 1e-9 <= index.central <= index.high + 1e-9
        assert index.coverage >= 0.5
    else:
        assert index.coverage < 0.5


@settings(deadline=None, max_examples=40)
@given(formulas(), WEIGHTS, st.floats(0.1, 50.0))
def test_only_ratios_of_weights_count(formula: str, weights: Weights, by: float) -> None:
    scaled = Weights(**{axis: getattr(weights, axis) * by for axis in AXES})
    one, other = (assess(formula, weights=w).index for w in (weights, scaled))
    assert one.low == pytest.approx(other.low)
    assert one.high == pytest.approx(other.high)


@settings(deadline=None, max_examples=25)
@given(
    formulas(st.sampled_from(ON_SCALE)),
    st.sets(st.sampled_from(ON_SCALE)),
    st.sets(st.sampled_from([c.key for c in COLUMNS if c.indicators]), min_size=1),
)
def test_what_is_hidden_turns_up_within_the_interval(
    formula: str, elements: set[str], columns: set[str]
) -> None:
    """Facts of some elements are taken away: the interval must hold what they say."""
    hidden = {i for c in COLUMNS if c.key in columns for i in c.indicators}
    whole = load_facts()
    left = {
        key: fact
        for key, fact in whole.values.items()
        if not (key[0] in elements and key[1] in hidden)
    }
    fewer = Facts(MappingProxyType(left), whole.sources, ())
    known = Burdens.of(columns_of([formula], facts=whole))
    partly = Burdens.of(columns_of([formula], facts=fewer))
    assert (partly.coverage <= known.coverage + 1e-12).all()
    assert (partly.low <= known.low + 1e-9).all()
    assert (partly.high >= known.high - 1e-9).all()


def test_nothing_known_is_the_middle_and_never_good() -> None:
    burdens = Burdens.of(columns_of(["RaPo", "GaAs"]))
    np.testing.assert_allclose(burdens.low[0], 0.0)
    np.testing.assert_allclose(burdens.high[0], 1.0)
    index = burdens.index(Weights())
    assert np.isnan(index.central[0])
    assert np.isfinite(index.central[1])


def test_an_unknown_column_counts_as_the_middle_of_its_scale() -> None:
    silicon = Burdens.of(columns_of(["Si"]))
    place = AXES.index("carbon")
    low, centre, high = silicon.low, silicon.central, silicon.high
    assert (low[0, place], high[0, place]) == (0.0, 1.0)
    assert centre[0, place] == pytest.approx(0.5)


def test_the_formula_in_the_documentation() -> None:
    """GaN: carbon of gallium alone, nitrogen unknown."""
    found = assess("GaN").columns["carbon"]
    c, v = found.coverage, found.value
    assert v == pytest.approx(205.0)

    def burden(x: float) -> float:
        return float(np.clip(np.log10(x) / 4.0, 0.0, 1.0))

    low, high = burden(c * v + (1 - c)), burden(c * v + (1 - c) * 1e4)
    burdens = Burdens.of(columns_of(["GaN"]))
    place = AXES.index("carbon")
    assert burdens.low[0, place] == pytest.approx(low)
    assert burdens.high[0, place] == pytest.approx(high)
    centre = c * burden(v) + (1 - c) * (low + high) / 2
    assert burdens.central[0, place] == pytest.approx(centre)


def test_weights_from_text() -> None:
    weights = Weights.parse("toxicity=3, carbon=0")
    assert weights == dataclasses.replace(Weights(), toxicity=3.0, carbon=0.0)
    assert Weights.parse("") == Weights()
    only = Weights.parse(",".join(f"{axis}=0" for axis in AXES if axis != "cost"))
    assert only.shares()[AXES.index("cost")] == 1.0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("toxcity=1", "Did you mean 'toxicity'"),
        ("toxicity", "write it like toxicity=2"),
        ("toxicity=-1", "expected 0 or a positive number"),
        ("toxicity=nan", "expected 0 or a positive number"),
        (",".join(f"{axis}=0" for axis in AXES), "all weights are 0"),
    ],
)
def test_weights_that_cannot_be_are_told(text: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        Weights.parse(text)
