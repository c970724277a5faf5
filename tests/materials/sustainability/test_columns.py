from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from materials.errors import InputError
from materials.sustainability.assessment import assess
from materials.sustainability.columns import AXES, COLUMNS, KEYS, Column, by_key, places
from materials.sustainability.facts import load_facts
from materials.sustainability.fractions import element_amounts
from materials.sustainability.table import columns_of, worst_of
from tests.compositions import formulas


@given(
    st.sampled_from(COLUMNS),
    st.lists(st.floats(0.0, 1e6, allow_subnormal=False), min_size=2, max_size=9),
)
def test_burdens_are_monotone_and_within_0_and_1(
    column: Column, found: list[float]
) -> None:
    values = np.sort(np.array(found))
    burdens = column.burden(values)
    assert (burdens >= 0).all()
    assert (burdens <= 1).all()
    step = -np.diff(burdens) if column.higher_is_better else np.diff(burdens)
    assert (step >= 0).all()


def test_ends_of_scales_are_0_and_1() -> None:
    for column in COLUMNS:
        burdens = column.burden(np.array([column.best, column.worst]))
        np.testing.assert_allclose(burdens, [0.0, 1.0], atol=1e-12)
    assert by_key()["recycling"].higher_is_better
    assert not by_key()["carbon"].higher_is_better


def test_every_axis_has_columns_and_every_column_an_axis() -> None:
    found = [place for axis in AXES for place in places(axis)]
    assert sorted(found) == list(range(len(COLUMNS)))
    with pytest.raises(InputError, match="Did you mean 'supply_risk'"):
        places("supply risk")


@settings(deadline=None, max_examples=60)
@given(formulas())
def test_a_column_is_the_average_by_mass_of_what_is_known(formula: str) -> None:
    found, facts = assess(formula), load_facts()
    for column in COLUMNS:
        if not column.indicators:
            continue
        value = found.columns[column.key]
        known = {
            element: float(fact.value) * column.factor
            for element in found.mass_shares
            if (fact := facts.number(element, *column.indicators)) is not None
        }
        share = sum(found.mass_shares[element] for element in known)
        assert value.coverage == pytest.approx(share, abs=1e-9)
        assert set(value.missing) == set(found.mass_shares) - set(known)
        if not known:
            assert value.value is None
            assert np.isnan(worst_of([formula])[0, KEYS.index(column.key)])
            continue
        total = sum(found.mass_shares[e] * v for e, v in known.items())
        assert value.value == pytest.approx(total / share, rel=1e-9, abs=1e-12)
        assert min(known.values()) - 1e-9 <= value.value <= max(known.values()) + 1e-9
        pick = min if column.higher_is_better else max
        assert value.worst_value == pick(known.values())
        place = KEYS.index(column.key)
        assert worst_of([formula])[0, place] == pytest.approx(value.worst_value)


@settings(deadline=None, max_examples=40)
@given(st.lists(formulas(), min_size=1, max_size=5), st.integers(2, 7))
def test_one_by_one_or_many_at_once_and_whole_multiples_agree(
    several: list[str], times: int
) -> None:
    many = columns_of(several)
    for row, formula in enumerate(several):
        scaled = {k: v * times for k, v in element_amounts(formula).items()}
        one = columns_of(["".join(f"{k}{v:g}" for k, v in scaled.items())])
        np.testing.assert_allclose(one.values[0], many.values[row], rtol=1e-9)
        np.testing.assert_allclose(one.coverage[0], many.coverage[row], atol=1e-9)


@given(st.sampled_from(["Po", "Ra", "Ac", "Np", "Og"]))
def test_elements_without_data_are_unknown_not_good(element: str) -> None:
    found = assess(element)
    for value in found.columns.values():
        assert value.value is None
        assert value.coverage == 0.0
        assert value.missing == (element,)
    assert found.index.central is None
    assert (found.index.low, found.index.high) == (0.0, 1.0)


def test_figures_that_can_be_checked_by_hand() -> None:
    cdte = assess("CdTe")
    shares = {"Cd": 112.414 / 240.014, "Te": 127.6 / 240.014}
    assert cdte.mass_shares == pytest.approx(shares, rel=1e-4)
    carbon = cdte.columns["carbon"]
    assert carbon.value == pytest.approx(shares["Cd"] * 3.0 + shares["Te"] * 21.9, rel=1e-4)
    assert carbon.worst == "Te"
    assert {fact.year for fact in carbon.facts} == {"2008 (pub. 2014)"}
    assert cdte.columns["us_critical"].value == pytest.approx(shares["Te"], rel=1e-4)
    assert cdte.columns["companion"].value == pytest.approx(1.0)
    price = assess("As").columns["cost"]
    assert price.facts[0].source == "WIKI_PRICES"  # USGS has none for arsenic
    assert assess("Cd").columns["cost"].facts[0].source == "USGS_MCS2025"
    assert assess("Si").columns["hhi_production"].facts[0].source == "GAULTOIS2013"
    assert assess("Ga").columns["hhi_production"].facts[0].source == "WMD"
    assert KEYS[0] == "carbon"
