"""The hull: signs, invariances, and refusals to compare what cannot be compared."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from materials.errors import InputError
from materials.screens.hull import MixedOriginsError, Phase, energy_above_hull

ELEMENTAL = [Phase("Zn", -1.0, "x"), Phase("S", -2.0, "x")]
energies = st.floats(-4.0, 0.0)


def test_a_compound_alone_is_measured_from_its_elements():
    found = energy_above_hull(Phase("ZnS", -2.5, "x"), ELEMENTAL)
    assert found.energy_above_hull == pytest.approx(-1.0)
    assert found.formation_energy_per_atom == pytest.approx(-1.0)
    assert found.decomposition == pytest.approx({"S": 0.5, "Zn": 0.5})


def test_fractions_of_the_mixture_count_atoms():
    competing = [*ELEMENTAL, Phase("ZnS2", -3.0, "x", name="pyrite")]
    found = energy_above_hull(Phase("Zn2S2", -2.0, "x"), competing)
    assert found.decomposition == pytest.approx({"Zn": 0.25, "pyrite": 0.75})
    assert found.energy_above_hull == pytest.approx(-2.0 - (0.25 * -1.0 + 0.75 * -3.0))


def test_the_phase_competes_with_itself_only_if_listed():
    phase = Phase("ZnS", -2.5, "x")
    assert energy_above_hull(phase, [*ELEMENTAL, phase]).energy_above_hull == pytest.approx(
        0
    )


def test_an_element_is_compared_with_its_lowest_form():
    competing = [Phase("Zn", -1.0, "x"), Phase("Zn", -1.2, "x", name="hcp")]
    found = energy_above_hull(Phase("Zn4", -1.1, "x"), competing)
    assert found.energy_above_hull == pytest.approx(0.1)
    assert found.decomposition == {"hcp": 1.0}


@given(compound=energies, rivals=st.lists(energies, max_size=3), shift=st.floats(-5, 5))
def test_a_common_shift_of_an_element_changes_nothing(compound, rivals, shift):
    formulas = ["ZnS2", "Zn2S", "ZnS"]

    def result(offset: float):
        moved = [
            Phase("Zn", -1.0 + offset, "x"),
            Phase("S", -2.0, "x"),
            *(
                Phase(f, e + offset * part, "x")
                for f, e, part in zip(formulas, rivals, (1 / 3, 2 / 3, 1 / 2), strict=False)
            ),
        ]
        return energy_above_hull(Phase("ZnS", compound + offset / 2, "x"), moved)

    there, here = result(shift), result(0.0)
    assert there.energy_above_hull == pytest.approx(here.energy_above_hull, abs=1e-9)
    assert there.formation_energy_per_atom == pytest.approx(
        here.formation_energy_per_atom, abs=1e-9
    )


@given(compound=energies, rivals=st.lists(energies, min_size=1, max_size=4), extra=energies)
def test_another_competitor_never_helps(compound, rivals, extra):
    formulas = ["ZnS", "ZnS2", "Zn2S", "Zn3S"]
    competing = [
        *ELEMENTAL,
        *(Phase(f, e, "x") for f, e in zip(formulas, rivals, strict=False)),
    ]
    phase = Phase("ZnS", compound, "x")
    before = energy_above_hull(phase, competing)
    after = energy_above_hull(phase, [*competing, Phase("Zn3S2", extra, "x")])
    assert after.energy_above_hull >= before.energy_above_hull - 1e-9
    assert sum(after.decomposition.values()) == pytest.approx(1.0)
    assert before.energy_above_hull >= before.formation_energy_per_atom - 1e-9


def test_phases_of_other_elements_are_passed_over():
    competing = [*ELEMENTAL, Phase("ZnO", -9.0, "x")]
    found = energy_above_hull(Phase("ZnS", -2.5, "x"), competing)
    assert found == energy_above_hull(Phase("ZnS", -2.5, "x"), ELEMENTAL)


def test_energies_of_two_origins_are_never_compared():
    with pytest.raises(MixedOriginsError, match=r"from x.*from PBE"):
        energy_above_hull(Phase("ZnS", -2.5, "x"), [*ELEMENTAL, Phase("ZnO", -3, "PBE")])


def test_a_missing_element_is_named():
    with pytest.raises(InputError, match="no elemental phase of S among"):
        energy_above_hull(Phase("ZnS", -2.5, "x"), ELEMENTAL[:1])
    with pytest.raises(InputError, match="no elemental phase of S, Zn"):
        energy_above_hull(Phase("ZnS", -2.5, "x"), [])


@pytest.mark.parametrize(
    ("phase", "message"),
    [
        (Phase("ZnS", float("nan"), "x"), "energy of ZnS is nan"),
        (Phase("Zn(S", -1.0, "x"), r"'Zn\(S' is not a formula"),
        (Phase("", -1.0, "x"), "'' is not a formula"),
    ],
)
def test_unusable_phases_are_refused(phase, message):
    with pytest.raises(InputError, match=message):
        energy_above_hull(phase, ELEMENTAL)
    with pytest.raises(InputError, match=message):
        energy_above_hull(Phase("ZnS", -2.5, "x"), [*ELEMENTAL, phase])
