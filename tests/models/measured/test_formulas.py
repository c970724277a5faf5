from __future__ import annotations

import numpy as np
import pytest

from materials.errors import InputError
from models.measured.formulas import checked_counts, formula_counts, reduced


def test_counts_keep_ratios_down_to_dopants():
    (row,) = formula_counts(["Ag0.5GePb1.75S4"])
    assert row[47] / row[32] == 0.5
    assert row[82] / row[32] == 1.75
    assert row.sum() == row[[47, 32, 82, 16]].sum()


@pytest.mark.parametrize("formula", ["", "Xx2O3", "hello world", "(((", "O-1"])
def test_what_is_no_formula_is_named(formula):
    with pytest.raises(InputError, match="GaAs"):
        formula_counts(["NaCl", formula])


def test_deuterium_is_hydrogen():
    assert formula_counts(["D2O"])[0, 1] == 2 * formula_counts(["D2O"])[0, 8]


def test_equal_compositions_have_one_key():
    assert reduced("Ga2As2") == reduced("GaAs") == reduced("AsGa")


@pytest.mark.parametrize("counts", [np.ones((2, 118)), np.ones(119), np.zeros((1, 119))])
def test_counts_of_another_shape_or_without_atoms_are_refused(counts):
    with pytest.raises(InputError, match="counts"):
        checked_counts(counts.astype(np.int64))
