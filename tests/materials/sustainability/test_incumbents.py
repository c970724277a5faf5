from __future__ import annotations

import pytest

from materials.errors import InputError
from materials.known import reduced_formula
from materials.sustainability.assessment import assess
from materials.sustainability.incumbents import (
    INCUMBENTS,
    find_incumbent,
    incumbent_formula,
)


def test_names_and_formulas_are_told_apart() -> None:
    names = [n.lower() for i in INCUMBENTS for n in (i.name, *i.also)]
    assert len(names) == len(set(names))
    reduced = [reduced_formula(i.formula) for i in INCUMBENTS]
    assert len(reduced) == len(set(reduced))


@pytest.mark.parametrize("incumbent", INCUMBENTS, ids=lambda i: i.name)
def test_each_has_a_gap_with_a_source_and_can_be_assessed(incumbent) -> None:
    assert 0.1 < incumbent.gap < 7.0
    assert incumbent.gap_source
    assert incumbent.uses
    assert assess(incumbent.formula).index.central is not None
    assert find_incumbent(incumbent.name) is incumbent
    assert find_incumbent(incumbent.formula) is incumbent


@pytest.mark.parametrize(
    ("name", "formula"),
    [
        ("CIGS", "CuIn0.7Ga0.3Se2"),
        ("igzo", "InGaZnO4"),
        ("Gallium Arsenide", "GaAs"),
        ("As2Ga2", "GaAs"),
        ("galena", "PbS"),
        ("4H-SiC", "SiC"),
        ("ZnSe", "ZnSe"),  # not in use here, but a formula
    ],
)
def test_names(name: str, formula: str) -> None:
    assert incumbent_formula(name) == formula


def test_a_formula_is_taken_as_written() -> None:
    assert find_incumbent("INSB") is None
    assert find_incumbent("InSb") is not None


def test_neither_name_nor_formula() -> None:
    with pytest.raises(InputError, match="Did you mean 'CIGS'"):
        incumbent_formula("CIGSx")
