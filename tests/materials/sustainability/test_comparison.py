from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from materials.errors import InputError
from materials.sustainability.assessment import assess
from materials.sustainability.comparison import (
    COMPARABLE,
    AxisComparison,
    Comparison,
    better_than,
    better_than_many,
    column_better,
)
from materials.sustainability.incumbents import INCUMBENTS
from materials.sustainability.index import Weights
from tests.compositions import formulas

NAMES = st.sampled_from([incumbent.name for incumbent in INCUMBENTS])


@settings(deadline=None, max_examples=40)
@given(st.lists(formulas(), min_size=1, max_size=4), NAMES)
def test_many_at_once_decide_as_one_by_one(several: list[str], incumbent: str) -> None:
    many = better_than_many(several, incumbent, COMPARABLE)
    assert many.shape == (len(several), len(COMPARABLE))
    for row, formula in zip(many, several, strict=True):
        one = better_than(formula, incumbent, COMPARABLE)
        expected = [{True: 1, False: 0, None: -1}[found.better] for found in one.rows]
        assert row.tolist() == expected


@settings(deadline=None, max_examples=60)
@given(formulas(), formulas())
def test_two_are_never_better_than_each_other(one: str, other: str) -> None:
    forth, back = (better_than(*pair, COMPARABLE) for pair in ((one, other), (other, one)))
    for there, here in zip(forth.rows, back.rows, strict=True):
        assert not (there.better and here.better)
        assert (there.better is None) == (here.better is None)


@given(NAMES)
def test_nothing_is_better_than_itself(name: str) -> None:
    assert better_than(name_formula(name), name, COMPARABLE).better is not True


def name_formula(name: str) -> str:
    return next(i.formula for i in INCUMBENTS if i.name == name)


@pytest.mark.parametrize(
    ("formula", "incumbent", "axis", "better"),
    [
        ("Cu2ZnSnS4", "CdTe", "toxicity", True),
        ("Cu2ZnSnS4", "CdTe", "supply_risk", True),
        ("Cu2ZnSnS4", "CdTe", "companion", True),
        ("Cu2ZnSnS4", "CdTe", "conflict", False),  # tin
        ("Cu2ZnSnS4", "CdTe", "criticality", False),  # copper is strategic in the EU
        ("ZnO", "GaAs", "toxicity", True),
        ("ZnO", "GaAs", "carbon", True),
        ("ZnO", "Si", "carbon", None),  # silicon has no embodied greenhouse gas here
        ("CH3NH3PbI3", "CdTe", "carbon", None),  # a third of its mass has data
        ("Si", "GaAs", "companion", True),
        ("Ag", "Cu", "recycling", False),
        ("Cu", "Cd", "recycling", True),  # higher is better
        ("RaPo", "CdTe", "overall", None),
        ("Cu2ZnSnS4", "CdTe", "overall", True),
    ],
)
def test_the_facts_decide(
    formula: str, incumbent: str, axis: str, better: bool | None
) -> None:
    assert better_than(formula, incumbent, (axis,)).better is better


def test_rows_say_what_decided() -> None:
    found = better_than("GaN", "CdTe", ("supply_risk", "carbon", "overall"))
    assert found.row("supply_risk").columns == ("hhi_production", "hhi_reserves")
    assert found.row("supply_risk").unit == "burden 0–1"
    carbon = found.row("carbon")
    assert carbon.unit == "kg CO2e/kg"
    assert carbon.value == pytest.approx(205.0)
    assert carbon.coverage == pytest.approx(assess("GaN").columns["carbon"].coverage)
    assert carbon.incumbent_value == assess("CdTe").columns["carbon"].value
    assert found.row("overall").value == pytest.approx(assess("GaN").index.central)
    with pytest.raises(InputError, match="no axis 'cost'"):
        found.row("cost")


def test_differences_below_the_resolution_are_no_better() -> None:
    assert better_than("CdTe0.99", "CdTe", ("carbon",)).better is False
    assert better_than("CdTe0.5", "CdTe", ("carbon",)).better is True


def test_weights_decide_what_is_better_overall() -> None:
    assert better_than("CdTe", "Si", ("overall",)).better is False
    critical = Weights.parse(
        "toxicity=0,supply_risk=0,recycling=0,companion=0,criticality=9"
    )
    assert better_than("CdTe", "Si", ("overall",), weights=critical).better is True


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ((True, True), True),
        ((True, None), None),
        ((None, False), False),
        ((True, False), False),
        ((), True),
    ],
)
def test_unknown_spoils_a_yes_but_not_a_no(
    verdicts: tuple[bool | None, ...], expected: bool | None
) -> None:
    rows = tuple(
        AxisComparison(
            axis="cost",
            columns=(),
            unit="",
            value=None,
            incumbent_value=None,
            coverage=0.0,
            incumbent_coverage=0.0,
            better=verdict,
        )
        for verdict in verdicts
    )
    assert Comparison(formula="A", incumbent="B", rows=rows).better is expected


def test_columns_are_judged_like_axes_of_one_column() -> None:
    one, other = assess("Cu2ZnSnS4"), assess("CdTe")
    assert column_better(one.columns["carbon"], other.columns["carbon"]) is True
    assert column_better(one.columns["recycling"], other.columns["recycling"]) is True
    assert column_better(one.columns["conflict"], other.columns["conflict"]) is False
    silicon = assess("Si").columns["carbon"]
    assert column_better(silicon, other.columns["carbon"]) is None


def test_errors_name_what_is_wrong() -> None:
    with pytest.raises(InputError, match="Did you mean 'toxicity'"):
        better_than("GaAs", "CdTe", ("toxcity",))
    with pytest.raises(InputError, match=r"neither an incumbent .* Did you mean 'CdTe'"):
        better_than("GaAs", "CdTeq")
    with pytest.raises(InputError, match="'Qq' is not a chemical formula"):
        better_than_many(["GaAs", "Qq"], "CdTe")


def test_ten_thousand_formulas_take_seconds_at_most() -> None:
    several = [f"Cu{i % 97 + 1}Zn{i % 89 + 1}SnS{i % 83 + 1}" for i in range(10_000)]
    begun = time.perf_counter()
    found = better_than_many(several, "CdTe", ("toxicity", "supply_risk"))
    assert time.perf_counter() - begun < 5.0
    assert np.isin(found, (-1, 0, 1)).all()
