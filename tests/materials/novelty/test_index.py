"""What is known is found, in any order and any batches; all else is new."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from materials.errors import InputError
from materials.novelty.comparison import Comparison, Mode, Status
from materials.novelty.index import NoveltyIndex
from materials.novelty.search import NoveltySearch
from materials.table import CrystalTable
from tests.materials.novelty.crystals import (
    BINARY,
    FLUORITE,
    HALITE,
    WURTZITE,
    ZINC_BLENDE,
    decorated,
    flat,
    joined,
    noisy,
    prototypes,
)
from tests.rewriting import rewritings

KNOWN = {"halite": HALITE, "blende": ZINC_BLENDE, "wurtzite": WURTZITE}
ALL = decorated(BINARY)


def index(mode: Mode = Mode.STRUCTURE, **structures: Structure) -> NoveltyIndex:
    some = structures or KNOWN
    return NoveltyIndex.from_flat(
        flat(*some.values()), list(some), comparison=Comparison(mode=mode)
    )


def one(crystals, row):
    return crystals.cut(row, row + 1)


@settings(deadline=None, max_examples=50)
@given(data=st.data(), structure=prototypes, scale=st.floats(0.3, 3.0))
def test_a_copy_is_found_whatever_cell_noise_and_volume(data, structure, scale):
    copy = data.draw(rewritings(structure, noise=0.03))
    copy.scale_lattice(copy.volume * scale)
    (found,) = index(first=structure).find([copy])
    assert (found.status, found.equals) == (Status.KNOWN, "first")
    assert found.reason == "same structure"


def test_each_crystal_is_told_from_the_others():
    found = index().find([*KNOWN.values(), FLUORITE])
    assert [finding.equals for finding in found] == [*KNOWN, None]
    assert found[-1].reason == "no crystal of this composition is known"


def test_a_new_structure_names_the_nearest_known_one():
    (found,) = index(halite=HALITE, wurtzite=WURTZITE).find([ZINC_BLENDE])
    assert found.status is Status.NEW
    assert found.nearest == "wurtzite"
    assert "none of 2 crystals of this composition; the nearest, wurtzite" in found.reason


def test_formula_mode_looks_at_nothing_else():
    (found,) = index(Mode.FORMULA, halite=HALITE).find([WURTZITE])
    assert (found.status, found.equals) == (Status.KNOWN, "halite")
    assert found.reason == "1 crystal of this composition"


def polytype(letters: str) -> Structure:
    """Close-packed layers of one element, stacked ``ABCB…``."""
    at = {"A": (0, 0), "B": (1 / 3, 2 / 3), "C": (2 / 3, 1 / 3)}
    sites = [(*at[x], layer / len(letters)) for layer, x in enumerate(letters)]
    cell = Lattice.hexagonal(2.5, 2.04 * len(letters))
    return Structure(cell, ["Co"] * len(letters), sites)


def test_fingerprints_alone_mistake_long_polytypes_which_the_search_tells_apart():
    one, other = polytype("ABABACAC"), polytype("ABACABAC")
    one_by_search = index(known=one).find([other])[0]
    by_print = index(Mode.FINGERPRINT, known=one).find([other])[0]
    assert by_print.distance == pytest.approx(one_by_search.distance)
    assert by_print.distance < 0.02
    assert by_print.status is Status.KNOWN
    assert one_by_search.status is Status.NEW


@settings(deadline=None, max_examples=20)
@given(data=st.data(), structure=prototypes)
def test_pymatgen_confirms_what_the_search_finds(data, structure):
    copy = data.draw(rewritings(structure, noise=0.01))
    assert index(Mode.PYMATGEN, first=structure).find([copy])[0].equals == "first"


def test_pymatgen_has_the_last_word(monkeypatch):
    """Of two that fit, the nearer is refused here, and so the other is named."""
    refused = []

    def confirmed(given, row, store, known, tolerances):
        refused.append(store.ids[known])
        return len(refused) > 1

    monkeypatch.setattr("materials.novelty.index.confirmed", confirmed)
    stretched = HALITE.copy()
    stretched.lattice = Lattice(HALITE.lattice.matrix @ np.diag([1.05, 1, 1]))
    (found,) = index(Mode.PYMATGEN, near=HALITE, far=stretched).find([HALITE])
    assert (refused, found.equals, found.nearest) == (["near", "far"], "far", "near")


def test_noisy_supercells_are_found_and_may_themselves_be_known():
    assert index(cell=HALITE).find([noisy(HALITE)])[0].equals == "cell"
    assert index(noisy=noisy(HALITE)).find([HALITE, noisy(HALITE)])[0].equals == "noisy"
    assert len(index(noisy=noisy(HALITE))) == 1


def test_what_is_unusable_fails_with_its_reason_and_the_rest_goes_on():
    broken = Structure(Lattice.cubic(3), [{"Zn": 0.5}], [[0, 0, 0]])
    found = index().find([HALITE, broken, WURTZITE])
    assert [x.status for x in found] == [Status.KNOWN, Status.FAILED, Status.KNOWN]
    assert found[1].reason == (
        "crystal 1: site 0 is partly occupied (Zn:0.5); Galena needs ordered crystals"
    )


def test_unusable_known_crystals_are_left_out_and_named():
    broken = Structure(Lattice.cubic(3), [{"Zn": 0.5}], [[0, 0, 0]])
    made = NoveltyIndex.from_flat(flat(broken, HALITE), ["broken", "halite"])
    assert len(made) == 1
    assert "partly occupied" in made.faults[0]
    assert made.find([HALITE])[0].equals == "halite"


def test_tables_and_arrays_make_the_same_index():
    table = CrystalTable.from_structures(KNOWN.values(), ids=list(KNOWN))
    told = []
    made = NoveltyIndex.from_table(table, table, tell=told.append, workers=1)
    assert (len(made), sum(told)) == (6, 6)
    some = [FLUORITE, WURTZITE, ZINC_BLENDE]
    assert [x.equals for x in made.find(some)] == [x.equals for x in index().find(some)]


def test_ids_and_crystals_go_together():
    with pytest.raises(InputError, match="1 ids for 2 crystals"):
        NoveltyIndex.from_flat(flat(HALITE, WURTZITE), ["one"])
    with pytest.raises(InputError, match="1 ids for 2 candidates"):
        NoveltySearch(index()).take(["one"], flat(HALITE, WURTZITE))


@pytest.mark.parametrize("name", ["reach", "near"])
def test_a_comparison_checks_its_numbers(name):
    with pytest.raises(InputError, match=f"{name} is 0, expected a number above 0"):
        Comparison(**{name: 0})


def test_of_equal_candidates_the_first_is_new():
    bigger = WURTZITE.make_supercell([1, 1, 2], in_place=False)
    search = NoveltySearch(index(halite=HALITE))
    found = search.take(["a", "b", "c"], flat(WURTZITE, bigger, HALITE))
    found += search.take(["d"], flat(bigger))
    assert [x.status.value for x in found] == ["new", "duplicate", "known", "duplicate"]
    assert [x.equals for x in found] == [None, "a", "halite", "a"]
    assert found[1].reason == "of an earlier candidate: same structure"


@settings(deadline=None, max_examples=15)
@given(data=st.data(), cuts=st.sets(st.integers(1, len(ALL) - 1), max_size=6))
def test_nothing_depends_on_batches_or_threads(data, cuts):
    known = NoveltyIndex.from_flat(ALL.cut(0, 20), [f"k{row}" for row in range(20)])
    names = [f"c{row}" for row in range(len(ALL))]
    whole = NoveltySearch(known, workers=1).take(names, ALL)
    search = NoveltySearch(known, workers=3)
    ends = [0, *sorted(cuts), len(ALL)]
    parts = [
        found
        for first, last in pairwise(ends)
        for found in search.take(names[first:last], ALL.cut(first, last))
    ]
    assert [x[:2] for x in parts] == [x[:2] for x in whole]
    assert {x.status for x in whole} >= {Status.NEW, Status.KNOWN}


@settings(deadline=None, max_examples=15)
@given(data=st.data())
def test_the_order_of_candidates_and_of_the_known_plays_no_part(data):
    order = data.draw(st.permutations(range(len(ALL))))
    past = data.draw(st.permutations(range(0, len(ALL), 3)))
    plain = NoveltyIndex.from_flat(
        joined([one(ALL, row) for row in sorted(past)]), [str(row) for row in sorted(past)]
    )
    mixed = NoveltyIndex.from_flat(
        joined([one(ALL, row) for row in past]), [str(row) for row in past]
    )
    expected = plain.find_flat(ALL)
    found = mixed.find_flat(joined([one(ALL, row) for row in order]))
    for place, row in enumerate(order):
        assert found[place].status == expected[row].status
        assert found[place].distance == expected[row].distance


def test_a_noisy_supercell_that_was_new_makes_its_plain_cell_a_duplicate():
    search = NoveltySearch(index(fluorite=FLUORITE))
    found = search.take(["a", "noisy", "c"], flat(WURTZITE, noisy(HALITE), HALITE))
    assert [x.equals for x in found] == [None, None, "noisy"]
