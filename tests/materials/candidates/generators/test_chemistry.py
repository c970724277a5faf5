"""Substitution, swaps, alloys and random crystals: the chemistry each is for."""

from __future__ import annotations

import sys
from fractions import Fraction
from itertools import islice

import numpy as np
import pytest
from pymatgen.analysis.structure_matcher import StructureMatcher

from materials.candidates.exchange import CARRIED, exchanged, rescaled
from materials.candidates.fitted_volume import fitted_volume
from materials.candidates.generators.alloys import AlloyGenerator, AlloySettings
from materials.candidates.generators.substitution import (
    SubstitutionGenerator,
    SubstitutionSettings,
)
from materials.candidates.generators.swaps import SwapGenerator, SwapKind, SwapSettings
from materials.candidates.generators.symmetric import (
    SymmetricGenerator,
    SymmetricSettings,
    random_crystal,
)
from materials.candidates.likelihood import ion_table
from materials.candidates.structure_types import prototypes_from
from materials.candidates.systems import Scope
from materials.errors import InputError, MissingExtraError
from tests.few_crystals import chalcopyrite, halite, known, perovskite, types


def within(*elements: str, seed: int = 0) -> Scope:
    return Scope(elements=elements, n_species=(len(elements),), seed=seed)


def test_substitution_puts_ions_where_their_like_were():
    (first, *_) = SubstitutionGenerator(types(), within("Ag", "In", "S")).stream()
    assert first.formula == "InAgS2"
    assert first.parent in ("CuInSe2", "CuGaS2")
    assert StructureMatcher().fit(first.structure, chalcopyrite("Ag", "In", "S"))


def test_its_score_is_the_product_of_conditional_probabilities():
    generator = SubstitutionGenerator(
        prototypes_from([("parent", chalcopyrite("Cu", "In", "Se"))]),
        within("Ag", "Ga", "S"),
    )
    table = ion_table()
    pairs = ((("Ag", 1), ("Cu", 1)), (("Ga", 3), ("In", 3)), (("S", -2), ("Se", -2)))
    log = sum(table.between(new, old) for new, old in pairs)
    assert len(generator.ranking(("S", "Ga", "Ag"))) == 1
    for share, there in ((0.999, True), (1.001, False)):
        cut = SubstitutionSettings(min_probability=float(np.exp(log) * share))
        one = SubstitutionGenerator(
            prototypes_from([("parent", chalcopyrite("Cu", "In", "Se"))]),
            within("Ag", "Ga", "S"),
            cut,
        )
        assert bool(len(one.ranking(("S", "Ga", "Ag")))) is there


def test_the_likeliest_parent_gives_the_geometry():
    parents = prototypes_from(
        [("far", perovskite("K", "Mg", "F")), ("near", perovskite("Sr", "Ti", "O"))]
    )
    first = next(SubstitutionGenerator(parents, within("Ca", "Zr", "O")).stream())
    assert (first.formula, first.parent) == ("CaZrO3", "near")


def test_metals_have_no_ions_to_substitute():
    alloy = prototypes_from([("a", halite("Na", "K"))])
    scope = Scope(elements=("Zn", "S"), n_species=(2,))
    with pytest.raises(InputError, match="nothing to substitute"):
        SubstitutionGenerator(alloy, scope)
    with pytest.raises(InputError, match="nothing to swap in"):
        SwapGenerator(alloy, scope)


def swaps(*elements: str, kind: SwapKind) -> SwapGenerator:
    return SwapGenerator(types(), within(*elements), SwapSettings(kinds=(kind,)))


def test_one_element_for_another_of_the_same_charge():
    found = list(swaps("In", "As", kind=SwapKind.ONE).stream())
    assert {one.parent for one in found} <= {"GaAs", "InP"}
    assert [one.formula for one in found] == ["InAs"]


def test_two_elements_whose_charges_compensate():
    found = list(swaps("La", "Al", "O", kind=SwapKind.TWO).stream())
    assert {one.parent for one in found} == {"SrTiO3"}
    assert {one.formula for one in found} == {"LaAlO3"}
    assert list(swaps("La", "Al", "O", kind=SwapKind.ONE).stream()) == []


def test_two_indium_for_zinc_and_tin():
    found = list(swaps("Zn", "Sn", "P", kind=SwapKind.SPLIT).stream())
    assert {one.formula for one in found} == {"ZnSnP2"}
    assert {one.parent for one in found} <= {"InP", "GaP"}
    fits = [
        StructureMatcher().fit(c.structure, chalcopyrite("Zn", "Sn", "P")) for c in found
    ]
    assert any(fits[:2])


def test_splits_never_unbalance_charges():
    assert list(swaps("Zn", "Cd", "P", kind=SwapKind.SPLIT).stream()) == []
    ratios = {one.formula for one in swaps("Na", "Al", "O", kind=SwapKind.SPLIT).stream()}
    assert ratios == {"NaAlO2"}  # from CaO and MgO: 1 + 3 = 2 * 2


def test_an_exchanged_crystal_keeps_a_part_of_its_types_deviation():
    occupant = next(o for t in types() for o in t.occupants if o.crystal_id == "GaAs")
    crystal = exchanged(occupant, {"Ga": "In"})
    deviation = known()["GaAs"].volume / fitted_volume(known()["GaAs"])
    found = crystal.volume / fitted_volume(crystal)
    assert found == pytest.approx(deviation**CARRIED, rel=1e-3)
    assert crystal.volume / 2 == pytest.approx(6.058**3 / 8, rel=0.1)  # InAs as measured
    whole = rescaled(crystal, occupant.structure(), carried=1.0)
    assert whole.volume / fitted_volume(whole) == pytest.approx(deviation, rel=1e-3)


def test_alloys_lie_between_their_end_members():
    found = list(AlloyGenerator(types(), within("Ga", "In", "P")).stream())
    assert {one.parent for one in found} == {"GaP+InP"}
    assert {one.formula for one in found} == {"InGaP2", "InGa3P4", "In3GaP4"}
    ends = [known()[name].volume / 8 for name in ("GaP", "InP")]
    for one in found:
        counts = one.structure.composition
        x = counts["In"] / (counts["In"] + counts["Ga"])
        each = one.structure.volume / len(one.structure)
        assert each == pytest.approx((1 - x) * ends[0] + x * ends[1], rel=1e-6)


def test_shares_and_sizes_of_alloys_are_as_set():
    settings = AlloySettings(
        min_share=0.2, max_share=0.5, steps=4, max_sites=8, orderings=2
    )
    assert settings.shares == (Fraction(1, 4), Fraction(1, 2))
    found = list(AlloyGenerator(types(), within("Ga", "In", "P"), settings).stream())
    shares = [
        one.structure.composition["In"] / one.structure.composition["P"] for one in found
    ]
    assert sorted(shares) == [0.25, 0.25, 0.5, 0.5]
    assert max(len(one.structure) for one in found) <= 8
    assert shares[:2] in ([0.25, 0.5], [0.5, 0.25])  # the evenest of each share first


def test_end_members_of_different_types_are_nothing_to_alloy():
    ends = prototypes_from([("a", known()["NaCl"]), ("b", known()["GaAs"])])
    with pytest.raises(InputError, match="nothing to alloy"):
        AlloyGenerator(ends, within("Na", "Ga", "Cl"))


def test_random_crystals_are_of_their_formula_and_group():
    pytest.importorskip("pyxtal", reason="an extra")
    for seed in range(4):
        crystal, group = random_crystal("ZnSnP2", 16, np.random.default_rng(seed))
        assert crystal.reduced_formula == "ZnSnP2"
        assert len(crystal) <= 16
        found = crystal.get_space_group_info(symprec=0.05)[1]
        assert found >= min(group, 2) or group == 1


def test_random_crystals_of_given_formulas_and_seeds():
    pytest.importorskip("pyxtal", reason="an extra")
    settings = SymmetricSettings(formulas=("ZnSnP2", "ZnP2"), per_formula=2)
    scope = Scope(elements=("Zn", "Sn", "P"), n_species=(2, 3))
    found = [one.formula for one in SymmetricGenerator(scope, settings).stream()]
    assert sorted(found) == ["ZnP2", "ZnP2", "ZnSnP2", "ZnSnP2"]
    other = Scope(elements=("Zn", "Sn", "P"), n_species=(2, 3), seed=1)
    first, second = (
        next(SymmetricGenerator(where, settings).stream()) for where in (scope, other)
    )
    assert first.structure != second.structure


def test_without_formulas_charges_decide():
    pytest.importorskip("pyxtal", reason="an extra")
    generator = SymmetricGenerator(within("Zn", "Sn", "P"), SymmetricSettings(max_amount=3))
    formulas = generator.ranking(("P", "Zn", "Sn")).formulas
    assert "ZnSnP2" in formulas
    assert "ZnSnP" not in formulas


def test_without_pyxtal_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyxtal", None)
    with pytest.raises(MissingExtraError, match=r"galena-materials\[pyxtal\]"):
        SymmetricGenerator(within("Zn", "S"))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: SubstitutionSettings(min_probability=0.0), "between 0 and 1"),
        (lambda: SwapSettings(kinds=()), "at least one"),
        (lambda: SwapSettings(orderings=0), "orderings is at least 1, got 0"),
        (lambda: AlloySettings(min_share=0.6, max_share=0.5), "must not exceed"),
        (lambda: AlloySettings(steps=1), "steps is at least 2"),
        (lambda: AlloySettings(min_share=0.3, max_share=0.4), "no multiple of 1/4"),
        (lambda: AlloySettings(max_sites=0), "max_sites is at least 1"),
        (lambda: SymmetricSettings(per_formula=0), "per_formula is at least 1"),
        (
            lambda: SymmetricSettings(formulas=("Zn9Sn9P9O9",), max_sites=3),
            "more than the 3",
        ),
        (lambda: SymmetricSettings(formulas=("Xy2",)), "Xy2"),
    ],
)
def test_settings_that_make_no_sense_are_refused(build, message):
    with pytest.raises(InputError, match=message):
        build()


def test_formulas_outside_the_scope_are_refused():
    pytest.importorskip("pyxtal", reason="an extra")
    with pytest.raises(InputError, match="GaN is outside the scope"):
        SymmetricGenerator(within("Zn", "S"), SymmetricSettings(formulas=("GaN",)))


def test_where_nobody_knows_two_end_members_there_is_no_alloy():
    scope = Scope(elements=("Zn", "Sn", "P", "Cu"), n_species=(3,))
    assert list(islice(AlloyGenerator(types(), scope).stream(), 1)) == []
