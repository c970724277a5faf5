from __future__ import annotations

import numpy as np
import pytest

from models.training.targets import MASS_RANGE, TARGETS, derived, unit


def test_a_metal_is_what_has_no_gap():
    found = derived("is_metal", np.array([0.0, 0.3, np.nan]))
    np.testing.assert_array_equal(found, [1.0, 0.0, np.nan])


@pytest.mark.parametrize("name", ["log10_electron_mass", "log10_hole_mass"])
def test_absurd_masses_are_unknown(name):
    low, high = MASS_RANGE
    found = derived(name, np.array([0.1, low / 2, high * 2, np.nan, -1.0, np.inf, 10.0]))
    np.testing.assert_allclose(found, [-1, np.nan, np.nan, np.nan, np.nan, np.nan, 1])


def test_other_columns_are_taken_as_they_are():
    column = np.array([1.0, np.nan])
    np.testing.assert_array_equal(derived("my_column", column), column)
    assert unit("my_column") == ""
    assert unit("band_gap") == TARGETS["band_gap"].unit == "eV"
