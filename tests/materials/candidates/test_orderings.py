"""Orderings: the published counts, each once, the even ones first."""

from __future__ import annotations

from itertools import combinations

import pytest
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Lattice, Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

from materials.candidates.orderings import orderings
from materials.errors import InputError
from tests.few_crystals import sphalerite

FCC = Structure.from_spacegroup("Fm-3m", Lattice.cubic(4), ["Cu"], [[0] * 3])
FCC = FCC.get_primitive_structure()
INP = sphalerite("In", "P", 5.87).get_primitive_structure()


@pytest.mark.parametrize(("size", "count"), [(2, 2), (3, 6), (4, 19), (5, 28), (6, 80)])
def test_face_centred_superstructures_are_as_many_as_published(size, count):
    # Hart & Forcade, Phys. Rev. B 77, 224115 (2008), table IV
    found = [
        one
        for second in range(1, size)
        for one in orderings(FCC, "Cu", numbers=(size - second, second), max_sites=size)
        if len(one.structure) == size
    ]
    assert len(found) == count


def test_no_two_orderings_are_the_same_crystal():
    found = [
        one.filled("Zn", "Sn") for one in orderings(INP, "In", numbers=(1, 1), max_sites=8)
    ]
    assert len(found) == 7
    matcher = StructureMatcher(scale=False, stol=0.1)
    assert not any(matcher.fit(a, b) for a, b in combinations(found, 2))


def test_the_even_orderings_of_sphalerite_are_those_of_chemistry():
    found = orderings(INP, "In", numbers=(1, 1), max_sites=8)
    even = [one for one in found if one.unevenness == 0]
    groups = {
        SpacegroupAnalyzer(one.filled("Zn", "Sn")).get_space_group_symbol() for one in even
    }
    assert groups == {"P-4m2", "I-42d"}  # copper-gold and chalcopyrite
    assert found[: len(even)] == even


@pytest.mark.parametrize("numbers", [(1, 1), (2, 1), (1, 3), (4, 2)])
def test_shares_are_as_asked(numbers):
    found = orderings(INP, "In", numbers=numbers, max_sites=12)
    assert found
    for one in found:
        crystal = one.filled("Zn", "Sn")
        counts = crystal.composition
        assert counts["Sn"] * numbers[0] == counts["Zn"] * numbers[1]
        assert counts["P"] == counts["Zn"] + counts["Sn"]
        assert one.share == pytest.approx(numbers[1] / sum(numbers))
        assert len(crystal) <= 12
        # all cells hold the parent's lattice, undistorted
        assert crystal.volume / len(crystal) == pytest.approx(INP.volume / 2)
        assert crystal.get_distance(0, 0, [1, 0, 0]) > 0
        shortest = min(n.nn_distance for n in crystal.get_neighbors(crystal[0], 3.0))
        assert shortest == pytest.approx(5.87 * 3**0.5 / 4, rel=1e-6)


def test_an_ordering_that_repeats_comes_in_its_own_cell():
    sizes = [
        len(one.structure) for one in orderings(INP, "In", numbers=(1, 1), max_sites=8)
    ]
    assert sizes.count(4) == 2
    for one in orderings(INP, "In", numbers=(1, 1), max_sites=8):
        crystal = one.filled("Zn", "Sn")
        assert len(crystal.get_primitive_structure()) == len(crystal)


@pytest.mark.parametrize(
    ("element", "numbers", "message"),
    [("Ga", (1, 1), "InP has no Ga"), ("In", (1, 0), "a part of at least 1")],
)
def test_what_cannot_be_shared_is_refused(element, numbers, message):
    with pytest.raises(InputError, match=message):
        orderings(INP, element, numbers=numbers, max_sites=8)
