"""Validity filters: what they let through, and what they say about the rest."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Composition, Element, Lattice, Structure

from materials.errors import InputError
from materials.screens.validity import (
    SUPPLEMENT,
    Alloys,
    ChargeRules,
    OxidationStates,
    Rejection,
    Valence,
    allowed_elements,
    charge_neutrality,
    electronegativity_order,
    findings,
    first_rejection,
    minimum_distance,
)
from tests.rewriting import rewritings
from tests.strategies import compositions, structures


def crystal(formula: str) -> Structure:
    """A made-up crystal of that composition."""
    species = [e for e, n in Composition(formula).items() for _ in range(int(n))]
    return Structure(
        Lattice.cubic(5.0 * len(species)),
        species,
        [[i / len(species)] * 3 for i in range(len(species))],
    )


@pytest.mark.parametrize(
    "formula",
    ["NaCl", "ZnS", "CuGaS2", "Cu2ZnSnS4", "CaTiO3", "FeS2", "Si", "Cu2O", "Sb2Se3", "SiC"],
)
def test_sound_compounds_pass(formula):
    filters = [charge_neutrality(), electronegativity_order()]
    assert first_rejection(crystal(formula), filters) is None


@pytest.mark.parametrize(
    ("formula", "value"),
    [
        ("Na2Cl", "nearest total charge +1 per formula unit"),
        ("NaS2", "nearest total charge -1 per formula unit"),
        ("CuZn", "metals only"),
        ("NaHe", "He has no oxidation states"),
    ],
)
def test_unbalanced_compositions_are_rejected_with_their_charge(formula, value):
    found = charge_neutrality()(crystal(formula))
    assert found == Rejection("charge_neutrality", value, found.limit)


def test_rules_open_the_filter_one_by_one():
    def passes(formula: str, rules: ChargeRules) -> bool:
        return charge_neutrality(rules)(crystal(formula)) is None

    assert not passes("Fe3O4", ChargeRules())
    assert passes("Fe3O4", ChargeRules(valence=Valence.MIXED))
    assert not passes("Na2Cl", ChargeRules(valence=Valence.MIXED))
    assert not passes("Ti2O3", ChargeRules())
    assert passes("Ti2O3", ChargeRules(states=OxidationStates.OBSERVED))
    assert not passes("CuZn", ChargeRules())
    assert passes("CuZn", ChargeRules(alloys=Alloys.ACCEPT))
    assert not passes("Na2Cl", ChargeRules(alloys=Alloys.ACCEPT))


def test_the_strongest_attractor_must_be_an_anion():
    for formula in ("BrCl5", "CCl4", "NCl3"):
        assert electronegativity_order()(crystal(formula)) is None
    assert charge_neutrality()(crystal("AuP")) is None
    found = electronegativity_order()(crystal("AuP"))  # gold is +3 only, and attracts more
    assert found.value == "no neutral choice follows P < Au"


def neutral_choices(composition: dict[str, int]) -> list[dict[str, int]]:
    """By trying all: every choice of one state for each element that adds up to zero."""
    states = [
        sorted(
            {q for q in (*Element(s).common_oxidation_states, *SUPPLEMENT.get(s, ())) if q}
        )
        for s in composition
    ]
    return [
        dict(zip(composition, choice, strict=True))
        for choice in itertools.product(*states)
        if sum(q * n for q, n in zip(choice, composition.values(), strict=True)) == 0
    ]


@settings(deadline=None, max_examples=150)
@given(composition=compositions(max_elements=4))
def test_verdicts_are_those_of_trying_every_choice(composition):
    structure = crystal("".join(f"{s}{n}" for s, n in composition.items()))
    rules = ChargeRules()
    if len(composition) == 1 or all(Element(s).is_metal for s in composition):
        return
    reduced = structure.composition.reduced_composition.get_el_amt_dict()
    choices = neutral_choices({s: int(n) for s, n in reduced.items()})
    assert (charge_neutrality(rules)(structure) is None) == bool(choices)
    ordered = any(
        max(Element(s).X for s, q in choice.items() if q > 0)
        < min(Element(s).X for s, q in choice.items() if q < 0)
        for choice in choices
    )
    assert (electronegativity_order(rules)(structure) is None) == ordered


@settings(deadline=None, max_examples=30)
@given(data=st.data(), structure=structures(min_length=3.0))
def test_distances_ignore_how_the_crystal_is_written(data, structure):
    accept = minimum_distance(0.75)
    other = accept(data.draw(rewritings(structure)))
    assert (other is None) == (accept(structure) is None)


def test_distance_names_the_pair_and_counts_periodic_images():
    chain = Structure(Lattice.orthorhombic(1.5, 8, 8), ["Zn"], [[0, 0, 0]])
    found = minimum_distance()(chain)
    assert found.filter == "minimum_distance"
    assert found.value == "Zn-Zn 1.50 Å"
    assert found.limit.startswith("at least 1.")
    close = Structure(Lattice.cubic(8), ["Zn", "S"], [[0, 0, 0], [0.1, 0, 0]])
    assert minimum_distance()(close).value in {"Zn-S 0.80 Å", "S-Zn 0.80 Å"}


def test_two_atoms_in_one_place_are_too_close():
    same = Structure(Lattice.cubic(8), ["Zn", "S"], [[0, 0, 0], [0, 0, 0]])
    assert "0.00 Å" in minimum_distance()(same).value


def test_a_lone_atom_in_a_large_cell_passes():
    assert minimum_distance()(Structure(Lattice.cubic(20), ["Zn"], [[0, 0, 0]])) is None


@pytest.mark.parametrize("fraction", [0.0, -1.0, 2.0, float("nan")])
def test_senseless_fractions_are_refused(fraction):
    with pytest.raises(InputError, match="fraction"):
        minimum_distance(fraction)


def test_elements_are_checked_against_both_lists():
    zinc_blende = crystal("ZnS")
    assert allowed_elements()(zinc_blende) is None
    assert allowed_elements(["Zn", "S"])(zinc_blende) is None
    assert allowed_elements(["Zn"])(zinc_blende).value == "S"
    assert allowed_elements(forbidden=["Zn", "S"])(zinc_blende).value == "S Zn"
    rejection = allowed_elements(["Zn", "S"], ["Pb"])(crystal("PbS"))
    assert rejection == Rejection("allowed_elements", "Pb", "of S Zn without Pb")


def test_contradictory_or_unknown_elements_are_refused():
    with pytest.raises(InputError, match="Pb: both allowed and forbidden"):
        allowed_elements(["Pb"], ["Pb"])
    with pytest.raises(InputError, match="'Zx' is not an element"):
        allowed_elements(["Zx"])


def test_the_first_rejection_is_the_one_that_counts():
    asked = []

    def ask(name, verdict):
        def accept(structure):
            asked.append(name)
            return verdict

        return accept

    no = Rejection("second", "1", "0")
    filters = [ask("first", None), ask("second", no), ask("third", no)]
    assert first_rejection(crystal("ZnS"), filters) is no
    assert asked == ["first", "second"]
    assert first_rejection(crystal("ZnS"), []) is None


@pytest.mark.parametrize("formula", ["ZnS", "Fe2O3", "CuFeS2", "Cu2ZnSnS4", "Na3PO4"])
def test_a_pass_tells_charges_that_add_up(formula):
    composition = crystal(formula).composition
    for question in (charge_neutrality(), electronegativity_order()):
        found = question.measure(crystal(formula))
        charges = dict(
            re.fullmatch(r"([A-Z][a-z]?)(.+)", c).groups() for c in found.value.split()
        )
        assert found.passed
        assert sum(int(q) * composition[e] for e, q in charges.items()) == 0
        assert set(charges) == {e.symbol for e in composition}


def test_findings_stop_at_the_first_that_fails():
    filters = [allowed_elements(["Zn", "S"]), charge_neutrality(), minimum_distance(0.5)]
    passed = findings(crystal("ZnS"), filters)
    assert [f.filter for f in passed] == [f.name for f in filters]
    assert all(f.passed for f in passed)
    failed = findings(crystal("Zn2S"), filters)
    assert [f.passed for f in failed] == [True, False]
    again = first_rejection(crystal("Zn2S"), filters)
    assert again == Rejection(failed[-1].filter, failed[-1].value, failed[-1].limit)
