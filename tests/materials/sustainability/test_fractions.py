from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Composition, Lattice, Structure

from materials.errors import InputError
from materials.sustainability.fractions import (
    atom_fractions,
    atomic_numbers,
    element_amounts,
    mass_fractions,
    spelled,
    symbols,
)

AMOUNTS = st.dictionaries(
    st.sampled_from([s for s in symbols() if s]),
    st.one_of(st.integers(1, 99), st.floats(0.01, 9.99).map(lambda x: round(x, 2))),
    min_size=1,
    max_size=6,
)


def written(amounts: dict[str, float]) -> str:
    return "".join(
        symbol + ("" if amount == 1 else str(amount)) for symbol, amount in amounts.items()
    )


@settings(deadline=None)
@given(AMOUNTS)
def test_plain_formulas_are_read_as_pymatgen_reads_them(amounts: dict[str, float]) -> None:
    text = written(amounts)
    expected = Composition(text)
    assert element_amounts(text) == pytest.approx(expected.get_el_amt_dict())
    share = mass_fractions(atom_fractions([text]))[0]
    assert share.sum() == pytest.approx(1.0)
    for element in expected:
        assert share[element.Z] == pytest.approx(expected.get_wt_fraction(element))


@pytest.mark.filterwarnings("ignore:No Pauling electronegativity")
@settings(deadline=None)
@given(AMOUNTS, st.integers(2, 9))
def test_only_ratios_count(amounts: dict[str, float], times: int) -> None:
    many = {symbol: amount * times for symbol, amount in amounts.items()}
    both = atom_fractions([Composition(amounts), Composition(many)])
    np.testing.assert_allclose(both[0], both[1], atol=1e-9)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ca(NO3)2", {"Ca": 1, "N": 2, "O": 6}),
        ("CuIn0.7Ga0.3Se2", {"Cu": 1, "In": 0.7, "Ga": 0.3, "Se": 2}),
        ("CH3NH3PbI3", {"C": 1, "H": 6, "N": 1, "Pb": 1, "I": 3}),
        (" D2O ", {"H": 2, "O": 1}),
        ("Li.5CoO2", {"Li": 0.5, "Co": 1, "O": 2}),
    ],
)
def test_other_spellings(text: str, expected: dict[str, float]) -> None:
    assert element_amounts(text) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["", "Xx", "gaas", "Ga-As", "Ga0", "GaAs3.4.5", "42"])
def test_what_is_no_formula_is_told(text: str) -> None:
    with pytest.raises(InputError, match="is not a chemical formula"):
        atom_fractions(["GaAs", text])


def test_crystals_and_charged_compositions_count_by_element() -> None:
    salt = Structure.from_spacegroup(
        "Fm-3m", Lattice.cubic(5.6), ["Na+", "Cl-"], [[0, 0, 0], [0.5, 0.5, 0.5]]
    )
    expected = atom_fractions(["NaCl"])
    np.testing.assert_allclose(atom_fractions([salt]), expected)
    assert spelled(salt) == "NaCl"
    assert spelled(" Na2Cl2 ") == "Na2Cl2"


def test_places_are_atomic_numbers() -> None:
    assert symbols()[31] == "Ga"
    assert atomic_numbers()["As"] == 33
    assert "D" not in atomic_numbers()
