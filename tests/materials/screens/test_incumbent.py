from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from materials.errors import InputError
from materials.screens.incumbent import better_than_filter
from materials.sustainability import COMPARABLE, better_than
from materials.sustainability.comparison import Unknown

FORMULAS = ("CdS", "Zn2S2", "Cu2ZnSnS4", "PbS", "NaCl", "GaAs", "CdTe", "Si", "AcPo")


def crystal(formula: str) -> Structure:
    """Nothing is looked at but the composition."""
    from pymatgen.core import Composition

    species = [e.symbol for e, n in Composition(formula).items() for _ in range(int(n))]
    sites = [[i / len(species), 0, 0] for i in range(len(species))]
    return Structure(Lattice.cubic(9.0), species, sites)


@given(
    formula=st.sampled_from(FORMULAS),
    incumbent=st.sampled_from(["CdTe", "GaAs", "CuInSe2"]),
    axes=st.lists(st.sampled_from(COMPARABLE), min_size=1, max_size=3, unique=True),
    unknown=st.sampled_from(Unknown),
)
def test_it_accepts_what_is_better_on_every_axis(formula, incumbent, axes, unknown):
    found = better_than(formula, incumbent, axes)
    wanted = {True: True, False: False, None: unknown is Unknown.KEEP}[found.better]
    question = better_than_filter(incumbent, axes, unknown=unknown)
    measured = question.measure(crystal(formula))
    assert measured.passed is wanted
    assert (question(crystal(formula)) is None) is wanted
    for axis in axes:
        assert axis in measured.value
    assert measured.limit == f"better than {incumbent} on {', '.join(axes)}"


def test_nothing_is_better_than_itself():
    assert better_than_filter("CdTe", ["toxicity"])(crystal("CdTe")) is not None


def test_what_has_no_data_is_unknown_and_not_good():
    strict = better_than_filter("CdTe", ["cost"])
    rejection = strict(crystal("AcPo"))
    assert rejection is not None
    assert "cost unknown (data for 0% of the mass)" in rejection.value
    assert (
        better_than_filter("CdTe", ["cost"], unknown=Unknown.KEEP)(crystal("AcPo")) is None
    )


@pytest.mark.parametrize(
    ("incumbent", "on", "told"),
    [
        ("CdTe", ["toxcity"], "toxicity"),
        ("Cdtellurid", ["toxicity"], "Cdtellurid"),
        ("AcPo", ["cost"], "nothing can be compared with AcPo on cost"),
    ],
)
def test_what_does_not_exist_is_told_at_once(incumbent, on, told):
    with pytest.raises(InputError, match=told):
        better_than_filter(incumbent, on)


def test_what_is_known_of_a_part_of_the_mass_says_so():
    value = better_than_filter("CdTe", ["toxicity"]).measure(crystal("Cu2ZnSnS4")).value
    (row,) = better_than("Cu2ZnSnS4", "CdTe", ["toxicity"]).rows
    assert row.coverage < 0.99
    assert f"({row.coverage:.0%} of the mass)" in value
    full = better_than_filter("CdTe", ["conflict"]).measure(crystal("Cu2ZnSnS4")).value
    assert "of the mass" not in full
