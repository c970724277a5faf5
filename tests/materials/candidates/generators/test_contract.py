"""What every generator promises: numbered candidates, sound crystals, honest names."""

from __future__ import annotations

from functools import cache
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from materials.candidates.generators.alloys import AlloyGenerator
from materials.candidates.generators.prototypes import PrototypeGenerator
from materials.candidates.generators.substitution import (
    SubstitutionGenerator,
    SubstitutionSettings,
)
from materials.candidates.generators.swaps import SwapGenerator
from materials.candidates.generators.symmetric import SymmetricGenerator, SymmetricSettings
from materials.candidates.generators.together import Together
from materials.candidates.protocol import Generated, Generator
from materials.candidates.prototypes import PrototypeSet, aflow_prototypes
from materials.candidates.systems import Scope
from materials.errors import InputError, MissingExtraError
from materials.known import reduced_formula
from materials.screens.duplicates import DuplicateIndex
from tests.few_crystals import known, types

ELEMENTS = ("Zn", "In", "P", "Ga", "S")


def scope(seed: int = 0) -> Scope:
    return Scope(elements=ELEMENTS, n_species=(2, 3), seed=seed)


def make(name: str, seed: int = 0) -> Generator:
    where = scope(seed)
    if name == "prototypes":
        return PrototypeGenerator(types(), where)
    if name == "shipped":
        shipped = aflow_prototypes(n_species=(2, 3), max_sites=4)
        return PrototypeGenerator(shipped, where)
    if name == "encyclopedia":
        which = PrototypeSet.ENCYCLOPEDIA
        return PrototypeGenerator(aflow_prototypes(max_sites=5, which=which), where)
    if name == "substitution":
        return SubstitutionGenerator(
            types(), where, SubstitutionSettings(min_probability=1e-9)
        )
    if name == "swaps":
        return SwapGenerator(types(), where)
    if name == "alloys":
        return AlloyGenerator(types(), where)
    if name == "symmetric":
        try:
            settings = SymmetricSettings(per_formula=2, max_sites=8, max_amount=2)
            return SymmetricGenerator(where, settings)
        except MissingExtraError:
            pytest.skip("PyXtal is not installed")
    return Together([make("prototypes", seed), make("swaps", seed), make("alloys", seed)])


ALL = (
    *("prototypes", "shipped", "encyclopedia", "substitution", "swaps", "alloys"),
    *("symmetric", "together"),
)


@cache
def begun(name: str, seed: int = 0) -> tuple[Generated, ...]:
    return tuple(islice(make(name, seed).stream(), 24))


@pytest.mark.parametrize("name", ALL)
def test_it_fulfils_the_protocol(name):
    assert isinstance(make(name), Generator)
    assert begun(name)


@pytest.mark.parametrize("name", ALL)
def test_candidates_say_what_they_are(name):
    for one in begun(name):
        assert one.formula == reduced_formula(one.structure)
        assert one.name.startswith(f"{one.formula}-")
        assert len(one.name) == len(one.formula) + 11
        assert {e.symbol for e in one.structure.composition} <= set(ELEMENTS)
        assert len(one.structure.composition) in (2, 3)
        if name not in ("shipped", "encyclopedia", "together"):
            assert one.generator == name
        assert one.structure.is_ordered
        # Å3/atom: nothing crushed; and no gas, but for molecules under other elements
        most = 200.0 if name in ("shipped", "encyclopedia") else 80.0
        assert 5.0 <= one.structure.volume / len(one.structure) < most


@pytest.mark.parametrize("name", ALL)
def test_no_name_comes_twice(name):
    names = [one.name for one in begun(name)]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", ALL)
@settings(deadline=None, max_examples=4)
@given(first=st.integers(0, 12))
def test_candidate_i_is_the_same_in_every_stream(name, first):
    expected = begun(name)[first : first + 3]
    again = list(islice(make(name).stream(first), len(expected)))
    assert [one.name for one in again] == [one.name for one in expected]
    for one, other in zip(again, expected, strict=True):
        assert one.structure == other.structure


@pytest.mark.parametrize("name", ALL)
def test_a_negative_number_is_refused(name):
    with pytest.raises(InputError, match="numbered from 0"):
        next(iter(make(name).stream(-1)))


@pytest.mark.parametrize("name", ["prototypes", "substitution", "swaps", "alloys"])
def test_past_the_end_there_is_nothing(name):
    everything = list(make(name).stream())
    assert list(make(name).stream(len(everything))) == []
    assert len(list(make(name).stream(len(everything) - 1))) == 1
    assert list(make(name).stream(10**9)) == []


@pytest.mark.parametrize("name", ["prototypes", "substitution", "swaps", "alloys"])
def test_the_seed_orders_systems_and_nothing_else(name):
    one, other = ({c.name for c in make(name, seed).stream()} for seed in (0, 5))
    assert one == other
    if name != "alloys":  # of which there is one system
        assert [c.name for c in begun(name)] != [c.name for c in begun(name, 5)]


@pytest.mark.parametrize("name", ["prototypes", "substitution", "swaps"])
def test_known_crystals_are_not_made_again(name):
    index = DuplicateIndex()
    for crystal_id, crystal in known().items():
        index.add(crystal_id, crystal)
    found = [index.find(one.structure) for one in make(name).stream()]
    assert not any(found)


@pytest.mark.parametrize("name", ["prototypes", "substitution", "swaps"])
def test_of_one_generator_no_two_are_the_same_crystal(name):
    index = DuplicateIndex()
    for one in make(name).stream():
        if len(one.structure) <= 8 and len(one.structure.composition) == 3:
            same = index.find(one.structure)
            assert same is None or name == "swaps", (one, same)
            index.add(one.name, one.structure)
    assert len(index) > 3


def test_together_take_turns_and_outlive_the_short():
    turns = [one.generator for one in begun("together")]
    assert turns[:6] == ["prototypes", "swaps", "alloys"] * 2
    everything = list(make("together").stream())
    parts = [list(make(name).stream()) for name in ("prototypes", "swaps", "alloys")]
    assert sorted(c.name for c in everything) == sorted(c.name for p in parts for c in p)
    for first in (0, 5, len(everything) // 2, len(everything) - 1):
        rest = [c.name for c in make("together").stream(first)]
        assert rest == [c.name for c in everything[first:]]


def test_nothing_together_is_refused():
    with pytest.raises(InputError, match="no generators"):
        Together([])


def test_a_candidate_has_a_name_and_a_parent():
    one = begun("prototypes")[0]
    with pytest.raises(InputError, match="parent is blank"):
        Generated(one.name, one.formula, one.structure, one.generator, "")
