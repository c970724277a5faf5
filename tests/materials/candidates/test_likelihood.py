"""Likelihoods: pymatgen's, laid out; charges that chemists know."""

from __future__ import annotations

import math

import numpy as np
import pytest
from pymatgen.analysis.structure_prediction.substitution_probability import (
    SubstitutionProbability,
)
from pymatgen.core import Species

from materials.candidates.charges import likely_charges, neutral_charges
from materials.candidates.likelihood import NEVER_SEEN, element_weights, ion_table


@pytest.fixture(scope="module")
def published():
    return SubstitutionProbability()


@pytest.mark.parametrize(
    ("new", "old"),
    [(("Ga", 3), ("In", 3)), (("Ca", 2), ("Ti", 4)), (("S", -2), ("O", -2))],
)
def test_told_ions_have_pymatgens_probabilities(published, new, old):
    theirs = published.cond_prob(Species(*new), Species(*old))
    # the added ions raise the occurrence of their kin by a little
    assert ion_table().between(new, old) == pytest.approx(math.log(theirs), abs=0.01)


def test_probabilities_of_what_may_stand_for_an_ion_add_up_to_one():
    sums = np.exp(ion_table().log_probability).sum(axis=0)
    np.testing.assert_allclose(sums, 1.0)


def test_ions_that_the_table_lacks_are_likest_to_their_kin():
    table = ion_table()
    assert table.index("Xe", 9) is None
    phosphide = ("P", -3)
    assert table.between(("As", -3), phosphide) > table.between(("O", -2), phosphide)
    assert table.between(phosphide, phosphide) > table.between(("As", -3), phosphide)


def test_elements_are_likest_to_themselves_and_their_group():
    weights = element_weights()
    np.testing.assert_array_equal(weights, weights.T)
    assert (weights.diagonal() >= weights.max(axis=1)).all()
    ga, al, o, he = 31, 13, 8, 2
    assert weights[ga, al] > weights[ga, o]
    assert weights[he, o] == NEVER_SEEN


@pytest.mark.parametrize(
    ("amounts", "charges"),
    [
        ((("Ca", 1), ("Ti", 1), ("O", 3)), (2, 4, -2)),
        ((("Zn", 1), ("Sn", 1), ("P", 2)), (2, 4, -3)),
        ((("Cu", 1), ("In", 1), ("Se", 2)), (1, 3, -2)),
        ((("Mg", 2), ("Si", 1)), (2, -4)),
        ((("Y", 1), ("Al", 2)), None),
        ((("Na", 1), ("Ca", 1)), None),
    ],
)
def test_charges_are_those_of_the_textbook(amounts, charges):
    assert likely_charges(amounts) == charges


def test_every_choice_of_charges_is_neutral_and_in_order():
    amounts = (("Fe", 3), ("Mn", 1), ("S", 6))
    choices = neutral_charges(amounts)
    assert len(choices) > 1
    for choice in choices:
        assert sum(q * n for q, (_, n) in zip(choice, amounts, strict=True)) == 0
        assert choice[2] < 0 < min(choice[:2])


def test_anions_are_never_less_electronegative_than_cations():
    assert (3, -2) not in neutral_charges((("As", 2), ("Te", 3)))  # X is 2.18 and 2.1
    assert (3, -2) in neutral_charges((("As", 2), ("Se", 3)))
