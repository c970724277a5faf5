"""The stream of candidates: what decorate makes, each crystal once, however it is cut."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from functools import cache
from itertools import permutations
from math import comb, factorial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Element

from materials.candidates.prototypes import Prototype, aflow_prototypes, decorate
from materials.candidates.stream import CandidateBatch, Decorations
from materials.errors import InputError
from materials.known import reduced_formula
from materials.screens.duplicates import DuplicateIndex

ALL = aflow_prototypes(n_species=(1, 2, 3, 4, 5), max_sites=48)
BY_LABEL = {prototype.label: prototype for prototype in ALL}
ELEMENTS = tuple(Element.from_Z(z).symbol for z in range(1, 104))
HALITE = BY_LABEL["AB_cF8_225_a_b:AB"]
FLUORITE = BY_LABEL["AB2_cF12_225_a_c:AB"]
HALF_HEUSLER = BY_LABEL["ABC_cF12_216_b_c_a:ABC"]
CHALCOPYRITE = BY_LABEL["ABC2_tI16_122_a_b_d:ABC"]
FEW = (HALITE, FLUORITE, HALF_HEUSLER, BY_LABEL["A_cF8_227_a:A"])
SOME = ("Zn", "S", "Mg", "O", "Si", "Na")


@cache
def everything() -> Decorations:
    return Decorations(ALL, ELEMENTS, limit=10**9, seed=5)


@cache
def symmetric() -> list[Prototype]:
    """Small prototypes some of whose species can be exchanged."""
    return [
        p
        for p in ALL
        if p.n_sites <= 8
        and len(Decorations([p], SOME[: p.n_species])) < factorial(p.n_species)
    ]


def elements_on(batch: CandidateBatch, row: int) -> tuple[str, ...]:
    """The element on each species of one candidate."""
    prototype = BY_LABEL[batch.prototypes[row]]
    numbers, _, _ = next(batch.crystals.cut(row, row + 1).arrays())
    on = dict.fromkeys(range(prototype.n_species), "")
    for orbit, kind in zip(prototype.orbits, prototype.orbit_species, strict=True):
        (on[kind],) = {Element.from_Z(int(numbers[site])).symbol for site in orbit}
    return tuple(on.values())


def assert_decorated(batch: CandidateBatch) -> None:
    for row, (numbers, frac, lattice) in enumerate(batch.crystals.arrays()):
        prototype = BY_LABEL[batch.prototypes[row]]
        crystal = decorate(prototype, elements_on(batch, row))
        assert numbers.tolist() == list(crystal.atomic_numbers)
        np.testing.assert_array_equal(frac, crystal.frac_coords)
        np.testing.assert_allclose(lattice, crystal.lattice.matrix, rtol=1e-6, atol=1e-6)
        assert batch.formulas[row] == reduced_formula(crystal)


def test_every_prototype_is_decorated_as_decorate_does():
    for prototype in ALL:
        stream = Decorations([prototype], ELEMENTS, limit=1, seed=11)
        assert_decorated(stream.batch(0, 1))


def test_a_random_choice_is_decorated_as_decorate_does():
    assert_decorated(everything().batch(10**8, 10**8 + 1500))


def test_formulas_are_spelled_as_elsewhere():
    stream = everything()
    for first in range(0, 10**9, 10**8):
        batch = stream.batch(first, first + 3000)
        for row, counts in enumerate(batch.crystals.counts()):
            plain = "".join(
                f"{Element.from_Z(int(z)).symbol}{counts[z]}"
                for z in np.flatnonzero(counts)
            )
            assert batch.formulas[row] == reduced_formula(plain)


@pytest.mark.parametrize(
    ("label", "elements", "formula"),
    [
        ("AB_cF8_225_a_b:AB", ("Na", "O"), "Na2O2"),
        ("AB_cF8_225_a_b:AB", ("H", "O"), "H2O2"),
        ("AB_cF8_225_a_b:AB", ("Li", "Na"), "NaLi"),
        ("A_cF8_227_a:A", ("O",), "O2"),
        ("A_cF8_227_a:A", ("He",), "He"),
        ("A2BC4_cF56_227_d_a_e:ABC", ("Si", "Ca", "O"), "Ca(SiO2)2"),
        ("A2BC4_cF56_227_d_a_e:ABC", ("Al", "Mg", "O"), "MgAl2O4"),
        ("A2BC4_cF56_227_d_a_e:ABC", ("He", "Mg", "Ne"), "MgHe2Ne4"),
    ],
)
def test_special_spellings(label, elements, formula):
    batch = Decorations([BY_LABEL[label]], elements).batch(0, 1 if len(elements) < 3 else 6)
    row = next(r for r in range(len(batch)) if elements_on(batch, r) == elements)
    assert batch.formulas[row] == formula == reduced_formula(formula)


@settings(deadline=None, max_examples=60)
@given(data=st.data(), limit=st.none() | st.integers(1, 120), seed=st.integers(0, 9))
def test_however_it_is_cut_the_candidates_are_the_same(data, limit, seed):
    stream = Decorations(FEW, SOME, limit=limit, seed=seed)
    whole = stream.batch(0, len(stream))
    first = data.draw(st.integers(0, len(stream)))
    last = data.draw(st.integers(first, len(stream)))
    part, cut = stream.batch(first, last), whole.crystals.cut(first, last)
    assert part.names == whole.names[first:last]
    assert part.formulas == whole.formulas[first:last]
    assert part.prototypes == whole.prototypes[first:last]
    assert len(part) == len(part.crystals) == last - first
    for name in ("atomic_numbers", "frac_coords", "lattice", "start"):
        np.testing.assert_array_equal(getattr(part.crystals, name), getattr(cut, name))


def test_all_assignments_come_once_in_the_stated_order():
    stream = Decorations([FLUORITE, HALITE], SOME)
    batch = stream.batch(0, len(stream))
    found = [
        (label, tuple(Element(e).Z for e in elements_on(batch, row)))
        for row, label in enumerate(batch.prototypes)
    ]
    pairs = list(permutations(sorted(Element(e).Z for e in SOME), 2))
    once = [pair for pair in pairs if pair[0] < pair[1]]
    assert set(found) == {(FLUORITE.label, p) for p in pairs} | {
        (HALITE.label, p) for p in once
    }
    assert len(set(found)) == len(found) == len(pairs) + len(once)

    def order(one: tuple[str, tuple[int, ...]]) -> tuple[bool, list[int], tuple[int, ...]]:
        label, on = one
        return label == HALITE.label, sorted(on, reverse=True), on

    assert found == sorted(found, key=order)


@pytest.mark.parametrize(
    ("prototype", "ways"),
    [(HALITE, 1), (FLUORITE, 2), (HALF_HEUSLER, 3), (CHALCOPYRITE, 3)],
)
def test_textbook_symmetries_of_species(prototype, ways):
    n = comb(len(SOME), prototype.n_species)
    assert len(Decorations([prototype], SOME)) == n * ways


@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_what_is_left_out_equals_something_that_is_there(data):
    prototype = data.draw(st.sampled_from(symmetric()))
    elements = SOME[: prototype.n_species]
    stream = Decorations([prototype], elements)
    batch = stream.batch(0, len(stream))
    there = {elements_on(batch, row) for row in range(len(batch))}
    index = DuplicateIndex()
    for row, crystal in enumerate(there):
        index.add(str(row), decorate(prototype, crystal))
    left_out = data.draw(
        st.sampled_from([p for p in permutations(elements) if p not in there])
    )
    assert index.find(decorate(prototype, left_out)) is not None


def test_no_name_comes_twice_in_a_whole_list():
    stream = Decorations(aflow_prototypes(), SOME)
    names = stream.batch(0, len(stream)).names
    assert len(set(names)) == len(names) == stream.n_all > 30_000


def test_names_of_a_random_stretch_are_distinct():
    names = everything().batch(0, 100_000).names
    assert len(set(names)) == len(names)


def test_a_name_depends_on_prototype_and_elements_alone():
    def named(stream: Decorations) -> dict[tuple[str, tuple[str, ...]], str]:
        batch = stream.batch(0, len(stream))
        return {
            (label, elements_on(batch, row)): batch.names[row]
            for row, label in enumerate(batch.prototypes)
        }

    all_of_it = named(Decorations(FEW, SOME))
    for other in (
        Decorations(FEW[::-1], SOME[::-1], limit=40, seed=3),
        Decorations([HALF_HEUSLER], SOME[1:4]),
    ):
        some = named(other)
        assert some.items() <= all_of_it.items()


@pytest.mark.parametrize("seed", [0, 1, 77])
def test_a_limit_draws_without_repetition(seed):
    whole = Decorations(FEW, SOME)
    n = len(whole)
    drawn = [
        set(Decorations(FEW, SOME, limit=k, seed=seed).batch(0, k).names)
        for k in (1, 10, n - 1)
    ]
    assert [len(names) for names in drawn] == [1, 10, n - 1]
    assert drawn[0] < drawn[1] < drawn[2] < set(whole.batch(0, n).names)


def test_the_seed_decides_and_nothing_else():
    def names(seed: int) -> list[str]:
        return Decorations(ALL, ELEMENTS, limit=1000, seed=seed).batch(0, 1000).names

    assert names(1) == names(1)
    assert len(set(names(1)) & set(names(2))) < 10


def test_a_limit_no_smaller_than_all_changes_nothing():
    whole = Decorations(FEW, SOME)
    n = len(whole)
    names = whole.batch(0, n).names
    for limit in (n, n + 1, 10**12):
        stream = Decorations(FEW, SOME, limit=limit, seed=4)
        assert len(stream) == n
        assert stream.batch(0, n).names == names


def test_a_choice_is_spread_over_prototypes_in_proportion():
    stream = Decorations((FLUORITE, HALF_HEUSLER), ELEMENTS, limit=20_000, seed=2)
    share = stream.batch(0, 20_000).prototypes.count(FLUORITE.label) / 20_000
    n_fluorites = len(Decorations([FLUORITE], ELEMENTS))
    assert share == pytest.approx(n_fluorites / stream.n_all, abs=0.005)


def test_thousands_of_millions_of_candidates_have_numbers():
    quaternary = [p for p in ALL if p.n_species >= 4]
    stream = Decorations(quaternary, ELEMENTS)
    assert len(stream) > 10**10
    batch = stream.batch(len(stream) - 3, len(stream))
    assert_decorated(batch)
    assert {Element.from_Z(103).symbol} <= set(elements_on(batch, 2))


def test_deuterium_is_hydrogen():
    light, heavy = (Decorations([HALITE], [h, "Na"]).batch(0, 1) for h in ("H", "D"))
    assert light.names == heavy.names
    assert light.formulas == ["NaH"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((), SOME), "no prototypes"),
        (((HALITE, HALITE), SOME), "two prototypes are labelled AB_cF8"),
        ((FEW, ()), "no elements"),
        ((FEW, ("Zn", "Xx", "S")), "'Xx' is not an element"),
        ((FEW, ("Znn", "Xx", "S")), "Did you mean 'Zn'"),
        ((FEW, ("Zn", "S", "Zn")), "Zn and Zn are one element"),
        ((FEW, ("H", "S", "D")), "H and D are one element"),
        ((FEW, ("Zn", "S")), "takes 3 different elements, only 2"),
    ],
)
def test_wrong_spaces_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        Decorations(*arguments)


@pytest.mark.parametrize(
    ("limit", "seed", "message"), [(0, 0, "at least 1"), (-3, 0, "got -3"), (5, -1, "seed")]
)
def test_wrong_limits_and_seeds_are_refused(limit, seed, message):
    with pytest.raises(InputError, match=message):
        Decorations(FEW, SOME, limit=limit, seed=seed)


@pytest.mark.parametrize(("first", "last"), [(-1, 2), (3, 2), (0, 12), (12, 12)])
def test_numbers_outside_the_list_are_refused(first, last):
    with pytest.raises(InputError, match="numbered from 0 up to 11"):
        Decorations(FEW, SOME, limit=11).batch(first, last)


def test_more_species_than_prototypes_have_are_refused():
    rich = replace(HALITE, label="rich", n_species=7)
    with pytest.raises(InputError, match="rich has 7 species, expected at most 6"):
        Decorations([rich], ELEMENTS)


def test_the_ground_floor_loads_no_torch():
    code = (
        "import sys; from materials.candidates.stream import Decorations;"
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
