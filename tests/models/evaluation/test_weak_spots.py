from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.evaluation.held import Rows
from models.evaluation.weak_spots import chemistry, gap_ranges, sizes, weak_spots, worst

SYMBOLS = {"H": 1, "C": 6, "N": 7, "O": 8, "Na": 11, "S": 16, "Cl": 17, "Fe": 26, "Cu": 29,
           "La": 57, "Au": 79, "U": 92}  # fmt: skip


def counts(*formulas: str) -> np.ndarray:
    """Rows of element counts; a formula is symbols with spaces between."""
    found = np.zeros((len(formulas), 119), dtype=np.int64)
    for row, formula in enumerate(formulas):
        for symbol in formula.split():
            found[row, SYMBOLS[symbol]] += 1
    return found


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("Cu", {"elements"}),
        ("Fe O O", {"oxides", "with Cr, Mn, Fe, Co or Ni"}),
        ("Na Cl", {"halides without oxygen"}),
        ("Na Cl O", {"oxides"}),
        ("Cu S", {"S, Se, Te without oxygen or halogen"}),
        ("La N", {"N, P, As, Sb without O, S or halogen", "with rare earths"}),
        ("Cu Au", {"metals only"}),
        ("U H", {"with hydrogen", "with actinides"}),
        ("Na O H", {"oxides", "with hydrogen"}),
    ],
)
def test_compounds_fall_into_their_classes(formula, expected):
    classes = chemistry(counts(formula))
    assert {name for name, rows in classes.items() if rows[0]} == expected


@given(st.lists(st.one_of(st.just(0.0), st.floats(0, 20)), min_size=1))
def test_every_gap_lies_in_one_range(gaps):
    inside = np.stack(list(gap_ranges(np.array(gaps)).values()))
    assert (inside.sum(axis=0) == 1).all()


@given(st.lists(st.integers(1, 400), min_size=1))
def test_every_size_lies_in_one_range(n_sites):
    inside = np.stack(list(sizes(np.array(n_sites)).values()))
    assert (inside.sum(axis=0) == 1).all()


def held(formulas: list[str], gap: np.ndarray) -> Rows:
    found = counts(*formulas)
    crystals = tuple((None, None, None) for _ in formulas)
    return Rows("t", "", crystals, found, {"band_gap": gap}, np.array([""] * len(gap)))


def test_errors_are_those_of_the_group_alone():
    rows = held(["Na Cl"] * 30 + ["Fe O"] * 30 + ["Cu"] * 5, np.ones(65))
    values = {"band_gap": np.concatenate([np.full(30, 1.1), np.full(30, 3.0), np.ones(5)])}
    groups = weak_spots(values, rows, ["band_gap"])
    found = {group.name: group.mae["band_gap"].value for group in groups}
    assert found["halides without oxygen"] == pytest.approx(0.1)
    assert found["oxides"] == found["Fe"] == pytest.approx(2.0)
    assert "Cu" not in found  # five crystals say nothing
    assert found["0.5 – 1.5"] == pytest.approx((30 * 0.1 + 30 * 2.0) / 65)
    elements = [group.name for group in worst(groups, "element", "band_gap", 3)]
    assert set(elements[:2]) == {"Fe", "O"}
    assert elements[2] in {"Na", "Cl"}


def test_a_group_without_labels_has_no_figure():
    gap = np.where(np.arange(60) < 30, 1.0, np.nan)
    rows = held(["Na Cl"] * 30 + ["Fe O"] * 30, gap)
    groups = weak_spots({"band_gap": np.zeros(60)}, rows, ["band_gap"])
    assert {g.name: g.mae["band_gap"] for g in groups}["oxides"] is None
    assert "Fe" not in [g.name for g in worst(groups, "element", "band_gap", 9)]
