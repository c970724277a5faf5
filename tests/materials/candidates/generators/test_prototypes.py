"""Ranked decorations: each crystal once, the likely ones first, wherever a stream begins."""

from __future__ import annotations

from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from materials.candidates.generators.prototypes import PrototypeGenerator, PrototypeSettings
from materials.candidates.protocol import Generator
from materials.candidates.prototypes import aflow_prototypes
from materials.candidates.structure_types import TypeLimits, prototypes_from
from materials.candidates.systems import Scope
from materials.errors import InputError
from materials.screens.duplicates import DuplicateIndex

ELEMENTS = ("Ca", "Ti", "O", "Zn", "S")


def perovskite(a: str, b: str, x: str, length: float = 3.9) -> Structure:
    return Structure.from_spacegroup(
        "Pm-3m", Lattice.cubic(length), [a, b, x], [[0.5] * 3, [0] * 3, [0.5, 0, 0]]
    )


def halite(a: str, x: str, length: float = 5.6) -> Structure:
    return Structure.from_spacegroup(
        "Fm-3m", Lattice.cubic(length), [a, x], [[0] * 3, [0.5] * 3]
    )


TYPES = prototypes_from(
    [
        ("st", perovskite("Sr", "Ti", "O")),
        ("ba", perovskite("Ba", "Zr", "S", 4.9)),
        ("nacl", halite("Na", "Cl")),
        ("mgo", halite("Mg", "O", 4.2).get_primitive_structure()),
    ],
    TypeLimits(),
)


def test_types_are_found_counted_and_named():
    assert sorted((t.prototype.label, t.count) for t in TYPES) == [
        ("ABC3_n5_221:st", 2),
        ("AB_n2_225:nacl", 2),
    ]
    halites = next(t for t in TYPES if t.prototype.n_species == 2)
    assert set(halites.same) == {(0, 1), (1, 0)}


def test_the_likely_perovskite_comes_before_its_permutations():
    scope = Scope(elements=("Ca", "Ti", "O"), n_species=(3,))
    found = list(PrototypeGenerator(TYPES, scope).stream())
    assert len(found) == 6
    assert found[0].formula == "CaTiO3"
    sites = {str(s.specie): tuple(s.frac_coords.round(3)) for s in found[0].structure}
    assert len(sites) == 3
    neighbours = found[0].structure.get_neighbors(
        next(s for s in found[0].structure if str(s.specie) == "Ti"), 2.3
    )
    assert len(neighbours) == 6  # titanium, not calcium, in the octahedron


def test_rock_salt_comes_once_for_a_pair():
    scope = Scope(elements=("Zn", "O"), n_species=(2,))
    assert [c.formula for c in PrototypeGenerator(TYPES, scope).stream()] == ["ZnO"]


def test_no_crystal_comes_twice_in_a_system_of_all_shipped_prototypes():
    scope = Scope(elements=("Ca", "O"), n_species=(2,))
    prototypes = aflow_prototypes(n_species=(2,), max_sites=4)
    index, names = DuplicateIndex(), set()
    for candidate in PrototypeGenerator(prototypes, scope).stream():
        names.add(candidate.name)
        index.add(candidate.name, candidate.structure)
    assert len(names) == len(index) > 50


@settings(deadline=None, max_examples=25)
@given(first=st.integers(0, 95), seed=st.integers(0, 3))
def test_candidate_i_is_the_same_wherever_the_stream_begins(first, seed):
    scope = Scope(elements=ELEMENTS, n_species=(2, 3), seed=seed)
    names = [c.name for c in PrototypeGenerator(TYPES, scope).stream()]
    assert len(names) == len(set(names)) == 10 + 10 * 6
    again = PrototypeGenerator(TYPES, scope).stream(first)
    assert [c.name for c in islice(again, 9)] == names[first : first + 9]


def test_unbalanced_compositions_come_last_or_not_at_all():
    scope = Scope(elements=("Ca", "Ti", "O"), n_species=(3,))
    last = [c.formula for c in PrototypeGenerator(TYPES, scope).stream()][-3:]
    balanced = PrototypeGenerator(TYPES, scope, PrototypeSettings(unbalanced=0.0))
    kept = [c.formula for c in balanced.stream()]
    assert kept
    assert not set(last) & set(kept)


def test_it_is_a_generator():
    generator = PrototypeGenerator(TYPES, Scope(elements=ELEMENTS))
    assert isinstance(generator, Generator)
    assert next(generator.stream()).generator == generator.name == "prototypes"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Scope(elements=()), "no elements"),
        (lambda: Scope(elements=("Xx", "O")), "'Xx' is not an element"),
        (lambda: Scope(elements=("Ca", "O"), n_species=(3,)), "only 2 are allowed"),
        (lambda: Scope(elements=("Ca", "O"), n_species=(2, 2)), "different numbers"),
        (lambda: Scope(elements=("Ca", "O"), n_species=(2,), seed=-1), "from 0 up"),
        (lambda: PrototypeSettings(unbalanced=2.0), "from 0 to 1, got 2.0"),
        (
            lambda: PrototypeGenerator(TYPES, Scope(elements=("O",), n_species=(1,))),
            "no prototype has 1 species",
        ),
        (
            lambda: PrototypeGenerator([*TYPES, TYPES[0]], Scope(elements=ELEMENTS)),
            "two prototypes are labelled",
        ),
        (
            lambda: next(PrototypeGenerator(TYPES, Scope(elements=ELEMENTS)).stream(-1)),
            "numbered from 0",
        ),
    ],
)
def test_what_cannot_be_is_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_the_best_of_every_system_come_before_anyones_ninth():
    scope = Scope(elements=ELEMENTS, n_species=(3,))
    prototypes = aflow_prototypes(n_species=(3,), max_sites=4)
    systems = [
        frozenset(e.symbol for e in one.structure.composition)
        for one in islice(PrototypeGenerator(prototypes, scope).stream(), 10 * 8 + 24)
    ]
    assert [len(set(systems[i : i + 8])) for i in range(0, 80, 8)] == [1] * 10
    assert len(set(systems[:80])) == 10
    assert len(set(systems[80:])) == 1  # then 24 more of the first


@pytest.mark.parametrize("first", [79, 85, 103, 104, 150])
def test_later_rounds_begin_where_they_should(first):
    scope = Scope(elements=ELEMENTS, n_species=(3,))
    prototypes = aflow_prototypes(n_species=(3,), max_sites=4)
    names = [c.name for c in PrototypeGenerator(prototypes, scope).stream()]
    assert len(names) > 10 * 8 + 24  # so that there are several rounds
    again = PrototypeGenerator(prototypes, scope).stream(first)
    assert [c.name for c in islice(again, 3)] == names[first : first + 3]
