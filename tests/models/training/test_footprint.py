from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from materials.errors import InputError
from models.training.footprint import Effort


def test_energy_and_carbon_are_those_of_the_formula():
    effort = Effort("cpu-core", n_devices=12, memory=64.0, hours=12.0)
    assert effort.watts == pytest.approx(12 * 12.0 + 64 * 0.3725)
    assert effort.kilowatt_hours == pytest.approx(3.36, abs=0.01)
    assert effort.grams == pytest.approx(1597, abs=2)


@given(st.floats(0.01, 100), st.integers(1, 8))
def test_twice_the_hours_cost_twice_as_much(hours, n):
    once, twice = (Effort("h200", n, 128.0, h) for h in (hours, 2 * hours))
    assert twice.grams == pytest.approx(2 * once.grams)
    assert once.watts > n * 700


def test_nonsense_is_refused():
    with pytest.raises(InputError, match="Did you mean 'h100'"):
        Effort("h10", 1, 8.0, 1.0)
    with pytest.raises(InputError, match="above zero"):
        Effort("h100", 1, 8.0, 0.0)
