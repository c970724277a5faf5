"""Doubt about the hull, against what drawing energies shows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from materials.errors import InputError
from materials.hull import Phase, ReferenceHull
from materials.hull.probability import (
    distance_std,
    probability_within,
    simulated_probability_within,
)

PHASES = [
    Phase("Zn", -1.0, "x", std=0.02),
    Phase("S", -2.0, "x", std=0.03),
    Phase("ZnS", -2.5, "x", std=0.05),
]
distances = st.floats(-0.5, 0.5)
deviations = st.floats(1e-3, 0.5)


@given(distance=distances, std=deviations)
def test_a_probability_falls_with_distance_and_is_half_at_the_margin(distance, std):
    near, far = probability_within([distance, distance + 0.01], std)
    assert 0.0 <= far <= near <= 1.0
    assert probability_within(0.05, std) == pytest.approx(0.5)
    assert probability_within(distance, std) == pytest.approx(
        1.0 - probability_within(0.1 - distance, std), abs=1e-12
    )


def test_without_doubt_it_is_certain():
    found = probability_within(np.array([0.04, 0.05, 0.06, np.nan]), 0.0)
    np.testing.assert_array_equal(found, [1.0, 1.0, 0.0, np.nan])
    assert np.isnan(probability_within(np.nan, 0.1))
    with pytest.raises(InputError, match="0 or more"):
        probability_within(0.1, -0.1)


def drawn(formula: str, energy: float, std: float, *, margin: float, n: int = 40_000):
    """By brute force: every energy is drawn, the hull of two mixtures by hand."""
    random = np.random.default_rng(7)
    zn, s, zns = (p.energy_per_atom + p.std * random.standard_normal(n) for p in PHASES)
    hull = np.minimum(2 / 3 * zns + 1 / 3 * s, (zn + 2 * s) / 3)  # of ZnS2
    assert formula == "ZnS2"
    return float(((energy + std * random.standard_normal(n) - hull) <= margin).mean())


@pytest.mark.parametrize("energy", [-2.4, -2.3, -2.25])
def test_the_closed_form_is_what_drawing_shows(energy):
    hull = ReferenceHull(PHASES)
    columns = hull.judge(["ZnS2"], [energy], origin="x")
    std = distance_std(columns, 0.04)
    assert std[0] == pytest.approx(np.sqrt(0.04**2 + (0.05 * 2 / 3) ** 2 + 0.01**2))
    closed = probability_within(columns.energy_above_hull, std)[0]
    brute = drawn("ZnS2", energy, 0.04, margin=0.05)
    assert closed == pytest.approx(brute, abs=0.01)
    simulated = simulated_probability_within(hull, ["ZnS2"], np.array([energy]), 0.04)[0]
    assert simulated == pytest.approx(brute, abs=0.02)


def test_rivals_near_the_hull_lower_the_chance_which_only_drawing_sees():
    rivals = [Phase(f"Zn{n}S{n + 1}", -2.47, "x", std=0.1) for n in range(4, 12)]
    hull = ReferenceHull([*(replace(p, std=0.1) for p in PHASES), *rivals])
    columns = hull.judge(["ZnS"], [-2.5], origin="x")
    closed = probability_within(columns.energy_above_hull, distance_std(columns, 0.01))[0]
    simulated = simulated_probability_within(hull, ["ZnS"], np.array([-2.5]), 0.01)[0]
    assert simulated < closed - 0.05


def test_a_simulation_repeats_itself_and_keeps_errors_apart():
    hull = ReferenceHull(PHASES)
    formulas, energies = ["ZnS2", "ZnO"], np.array([-2.3, -2.0])
    first, second = (
        simulated_probability_within(hull, formulas, energies, 0.04, n_samples=20, seed=3)
        for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)
    assert np.isnan(first[1])
    with pytest.raises(InputError, match="n_samples"):
        simulated_probability_within(hull, formulas, energies, 0.04, n_samples=0)
