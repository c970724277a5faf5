"""The fast hull: the same numbers as pymatgen's, for any phases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from pymatgen.analysis.phase_diagram import PDEntry, PhaseDiagram
from pymatgen.core import Composition

from materials.errors import InputError
from materials.hull import (
    MixedOriginsError,
    Phase,
    ReferenceHull,
    energy_above_hull,
    energy_above_hull_many,
    mixing,
)
from materials.hull.linear import lowest_mixture
from materials.hull.mixing import best_mixtures
from tests.materials.hull.systems import (
    formula_of,
    questions,
    random_amounts,
    random_phases,
)

ELEMENTAL = [Phase("Zn", -1.0, "x"), Phase("S", -2.0, "x")]


def by_pymatgen(phases: list[Phase], asked: list[str]) -> np.ndarray:
    """eV/atom of the hull, one diagram for each chemical system."""
    entries = [
        PDEntry(c, p.energy_per_atom * c.num_atoms, p.name)
        for p in phases
        for c in [Composition(p.formula)]
    ]
    diagrams: dict[str, PhaseDiagram] = {}
    energies = []
    for formula in asked:
        target = Composition(formula)
        name = target.chemical_system
        if name not in diagrams:
            inside = set(target.elements)
            diagrams[name] = PhaseDiagram(
                [e for e in entries if set(e.composition.elements) <= inside]
            )
        energies.append(diagrams[name].get_hull_energy_per_atom(target))
    return np.array(energies)


@pytest.fixture
def no_other_solver(monkeypatch):
    monkeypatch.setattr(mixing, "_by_solver", lambda *_: pytest.fail("not solved"))


def test_equals_pymatgen_on_random_compositions(no_other_solver):
    random = np.random.default_rng(5)
    elements = ("Cu", "Ga", "In", "N", "O", "S", "Sn", "Zn")
    phases = random_phases(random, elements, 250)
    asked = [formula_of(random_amounts(random, elements, most=5)) for _ in range(400)]
    found = ReferenceHull(phases).judge(asked, np.zeros(len(asked)), origin="x")
    np.testing.assert_allclose(
        -found.energy_above_hull, by_pymatgen(phases, asked), rtol=0, atol=1e-9
    )


def by_linear_programming(phases: list[Phase], formula: str) -> float:
    target = Composition(formula)
    symbols = [e.symbol for e in target.elements]
    inside = [
        p for p in phases if {e.symbol for e in Composition(p.formula)} <= set(symbols)
    ]
    columns = np.array(
        [[Composition(p.formula).get_atomic_fraction(s) for s in symbols] for p in inside]
    )
    costs = np.array([p.energy_per_atom for p in inside])
    wanted = np.array([target.get_atomic_fraction(s) for s in symbols])
    return lowest_mixture(columns, costs, wanted)[1]


@settings(deadline=None, max_examples=60)
@given(questions())
def test_equals_linear_programming_on_degenerate_systems(question):
    phases, asked = question
    hull = ReferenceHull(phases)
    found = hull.judge(asked, [0.0] * len(asked), origin="x")
    for i, formula in enumerate(asked):
        wanted = by_linear_programming(phases, formula)
        assert -found.energy_above_hull[i] == pytest.approx(wanted, abs=1e-8)


@settings(deadline=None, max_examples=40)
@given(questions())
def test_the_mixture_adds_up_to_the_composition_and_to_the_energy(question):
    phases, (formula, *_) = question
    hull = ReferenceHull(phases)
    found = hull.judge([formula], [0.0], origin="x")
    mixed: dict[str, float] = {}
    energy = 0.0
    for place, part in zip(found.products[0], found.fractions[0], strict=True):
        assert part >= 0.0
        if place < 0:
            continue
        phase = hull.phases[place]
        energy += part * phase.energy_per_atom
        for element, share in Composition(phase.formula).fractional_composition.items():
            mixed[element.symbol] = mixed.get(element.symbol, 0.0) + part * share
    target = Composition(formula)
    assert {e: x for e, x in mixed.items() if x > 1e-9} == pytest.approx(
        {e.symbol: target.get_atomic_fraction(e) for e in target}, abs=1e-8
    )
    assert energy == pytest.approx(-found.energy_above_hull[0], abs=1e-8)


def test_ties_and_planes_are_solved_without_help(no_other_solver):
    random = np.random.default_rng(3)
    elements = ("Cu", "Ga", "O", "S", "Zn")
    for _ in range(30):
        phases = [Phase(e, -1.0, "x") for e in elements]
        for _ in range(40):
            formula = formula_of(random_amounts(random, elements, most=5))
            phases.append(Phase(formula, float(random.choice([-1.5, -1.25, -1.0])), "x"))
        asked = [formula_of(random_amounts(random, elements, most=5)) for _ in range(5)]
        found = ReferenceHull(phases).judge(asked, [0.0] * 5, origin="x")
        assert (found.energy_above_hull >= 1.0 - 1e-9).all()  # the elements lie at -1
        assert (found.energy_above_hull <= 1.5 + 1e-9).all()  # and nothing below -1.5
        assert found.fractions.sum(axis=1) == pytest.approx(np.ones(5))


@settings(deadline=None, max_examples=40)
@given(questions())
def test_no_phase_lies_below_the_hull_it_is_part_of(question):
    phases, _ = question
    found = ReferenceHull(phases).judge(
        [p.formula for p in phases], [p.energy_per_atom for p in phases], origin="x"
    )
    assert (found.energy_above_hull >= -1e-8).all()


def test_the_general_solver_takes_over_where_steps_run_out():
    random = np.random.default_rng(2)
    compounds = random.dirichlet(np.ones(4), 30)
    compounds[compounds < 0.15] = 0.0
    compounds /= compounds.sum(axis=1, keepdims=True)
    formation = random.normal(-0.5, 0.3, 30)
    targets = random.dirichlet(np.ones(4), 20)
    targets[:8, 1] = 0.0
    targets /= targets.sum(axis=1, keepdims=True)
    quick = best_mixtures(compounds, formation, targets)
    slow = best_mixtures(compounds, formation, targets, max_steps=0)
    np.testing.assert_allclose(slow.energy, quick.energy, atol=1e-9)
    assert (quick.energy < -0.1).any()
    parts = np.vstack([compounds, np.zeros(4), np.eye(4)[::-1]])
    for found in (quick, slow):
        products = np.where(found.products >= 0, found.products, 36 + found.products)
        products[found.products == -1] = 30
        mixed = np.einsum("nk,nke->ne", found.amounts, parts[products])
        np.testing.assert_allclose(mixed, targets, atol=1e-8)


def test_only_elements_decompose_into_elements():
    found = energy_above_hull(Phase("ZnS3", -1.0, "x"), ELEMENTAL)
    assert found.energy_above_hull == pytest.approx(-1.0 + 1.75)
    assert found.decomposition == pytest.approx({"S": 0.75, "Zn": 0.25})


def test_answers_come_in_the_order_of_the_questions():
    phases = [*ELEMENTAL, Phase("O", -4.0, "x"), Phase("ZnO", -5.0, "x")]
    asked = ["ZnS", "O", "ZnO2", "S", "Zn2SO", "ZnO"]
    together = ReferenceHull(phases).judge(asked, [0.0] * 6, origin="x")
    for i, formula in enumerate(asked):
        alone = energy_above_hull(Phase(formula, 0.0, "x"), phases)
        assert together.energy_above_hull[i] == pytest.approx(alone.energy_above_hull)
        assert together.decomposition(i) == pytest.approx(alone.decomposition)


def test_a_row_that_cannot_be_judged_says_why_and_the_others_go_on():
    asked = [Phase(f, -1.0, "x") for f in ("ZnS", "Zn(S", "ZnTe", "S")]
    asked[3] = Phase("S", float("nan"), "x")
    found = energy_above_hull_many(asked, ELEMENTAL)
    assert found.energy_above_hull[0] == pytest.approx(0.5)
    assert np.isnan(found.energy_above_hull[1:]).all()
    assert found.errors[0] is None
    assert "not a formula" in found.errors[1]
    assert "no elemental phase of Te" in found.errors[2]
    assert "energy of S is nan" in found.errors[3]
    assert found.decomposition(1) == {}


def test_origins_are_kept_apart():
    hull = ReferenceHull(ELEMENTAL)
    with pytest.raises(MixedOriginsError, match=r"ZnS is from PBE.*from x"):
        hull.judge(["ZnS"], [-1.0], origin="PBE")
    with pytest.raises(MixedOriginsError, match="2 origins"):
        ReferenceHull([*ELEMENTAL, Phase("ZnS", -1.0, "PBE")])
    mixed = [Phase("ZnS", -1.0, "x"), Phase("S", -1.0, "PBE")]
    with pytest.raises(MixedOriginsError, match="2 origins"):
        energy_above_hull_many(mixed, ELEMENTAL)


def test_the_lowest_of_one_composition_counts():
    phases = [*ELEMENTAL, *(Phase(f, e, "x") for f, e in [("ZnS", -2), ("Zn2S2", -3)])]
    hull = ReferenceHull([*phases, Phase("ZnS", -2.5, "x", "third")])
    assert len(hull.phases) == 3
    assert hull.judge(["ZnS"], [-3.0], origin="x").energy_above_hull[0] == pytest.approx(0)


def test_phases_of_elements_without_reference_are_left_out():
    hull = ReferenceHull([*ELEMENTAL, Phase("ZnO", -9.0, "x")])
    assert hull.elements == ("S", "Zn")
    assert [p.formula for p in hull.phases] == ["Zn", "S"]


def test_other_energies_make_another_hull():
    hull = ReferenceHull([*ELEMENTAL, Phase("ZnS", -2.0, "x")])
    lower = hull.with_energies(np.array([-1.0, -2.0, -4.0]))
    for found, expected in ((hull, 1.0), (lower, 3.0)):
        columns = found.judge(["ZnS"], [-1.0], origin="x")
        assert columns.energy_above_hull[0] == pytest.approx(expected)
    with pytest.raises(InputError, match="energies of shape"):
        hull.with_energies(np.zeros(2))


@pytest.mark.parametrize("bad", [[[0.5, 0.6]], [[1.5, -0.5]], [[np.nan, 1.0]], [[1.0]]])
def test_fractions_must_be_compositions(bad):
    with pytest.raises(InputError, match="fractions"):
        ReferenceHull(ELEMENTAL).mixtures(np.array(bad))


def test_lists_of_unequal_length_are_refused():
    with pytest.raises(InputError, match="one energy per formula"):
        ReferenceHull(ELEMENTAL).judge(["Zn", "S"], [0.0], origin="x")


def test_nothing_asked_nothing_answered():
    assert len(energy_above_hull_many([], ELEMENTAL)) == 0
    assert len(ReferenceHull([]).judge(["Zn"], [0.0], origin="x")) == 1
