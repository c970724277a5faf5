"""Structure types: blind to how a crystal is written, true to who occupies them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Structure

from materials.candidates.prototypes import decorate
from materials.candidates.structure_types import TypeLimits, prototypes_from, without
from materials.candidates.types_file import read_types, write_types
from materials.errors import InputError
from materials.provenance import Provenance
from materials.table import CrystalTable
from tests.few_crystals import known, perovskite, types
from tests.rewriting import rewritings


def by_id() -> dict[str, str]:
    return {o.crystal_id: t.prototype.label for t in types() for o in t.occupants}


def test_the_few_crystals_have_the_types_of_the_textbook():
    found = {frozenset(o.crystal_id for o in t.occupants) for t in types()}
    assert found == {
        frozenset({"NaCl", "MgO", "CaO"}),
        frozenset({"GaAs", "InP", "GaP", "ZnS"}),
        frozenset({"CaF2"}),
        frozenset({"SrTiO3", "BaZrS3", "KMgF3"}),
        frozenset({"CuInSe2", "CuGaS2"}),
        frozenset({"Si"}),
    }
    counts = [t.count for t in types()]
    assert counts == sorted(counts, reverse=True)


def test_a_label_says_formula_size_group_and_crystal():
    assert by_id()["BaZrS3"] == "ABC3_n5_221:SrTiO3"
    assert by_id()["InP"] == "AB_n2_216:GaAs"


@settings(deadline=None, max_examples=25)
@given(data=st.data(), name=st.sampled_from(sorted(known())))
def test_a_crystal_is_of_its_type_however_it_is_written(data, name):
    crystal = known()[name]
    other = data.draw(rewritings(crystal.get_primitive_structure()))
    (found,) = prototypes_from([("one", crystal), ("two", other)], TypeLimits(max_sites=16))
    assert found.count == 2


@pytest.mark.parametrize("name", sorted(known()))
def test_decorated_with_its_elements_a_type_is_the_crystal_again(name):
    kind = next(t for t in types() if t.prototype.label == by_id()[name])
    occupant = next(o for o in kind.occupants if o.crystal_id == name)
    again = decorate(kind.prototype, occupant.elements)
    assert StructureMatcher().fit(again, known()[name])
    assert StructureMatcher().fit(occupant.structure(), known()[name])
    primitive = known()[name].get_primitive_structure()
    assert occupant.volume == pytest.approx(primitive.volume, rel=1e-6)
    assert occupant.formula == known()[name].reduced_formula


@pytest.mark.parametrize("kind", types(), ids=lambda t: t.prototype.label)
def test_renamings_that_change_nothing_change_nothing(kind):
    elements = ("Li", "Fe", "Te")[: kind.prototype.n_species]
    crystal = decorate(kind.prototype, elements)
    for way in kind.same:
        other = decorate(kind.prototype, [elements[i] for i in way])
        assert StructureMatcher().fit(crystal, other)
    assert tuple(range(kind.prototype.n_species)) in kind.same
    assert len(kind.same) == (2 if kind.prototype.label.startswith("AB_") else 1) or (
        kind.prototype.label.startswith("ABC2") and len(kind.same) == 2
    )


def test_orbits_are_those_of_the_prototype():
    for kind in types():
        prototype = kind.prototype
        sites = sorted(site for orbit in prototype.orbits for site in orbit)
        assert sites == list(range(prototype.n_sites))
        counts = Counter()
        for orbit, species in zip(prototype.orbits, prototype.orbit_species, strict=True):
            counts[species] += len(orbit)
            assert len({prototype.structure[i].specie for i in orbit}) == 1
        assert (
            tuple(counts[i] for i in range(prototype.n_species)) == prototype.stoichiometry
        )


def test_limits_leave_crystals_out():
    few = prototypes_from(known().items(), TypeLimits(n_species=(3,), max_sites=5))
    assert [t.prototype.label for t in few] == ["ABC3_n5_221:SrTiO3"]


def test_a_type_survives_its_hidden_first_crystal_in_another_geometry():
    left = without(types(), {"SrTiO3", "CuGaS2", "CaF2"})
    ids = {o.crystal_id for t in left for o in t.occupants}
    assert ids == set(known()) - {"SrTiO3", "CuGaS2", "CaF2"}
    (cubic,) = (t for t in left if t.prototype.label.startswith("ABC3"))
    assert cubic.prototype.label == "ABC3_n5_221:BaZrS3"
    lattice = cubic.prototype.structure.lattice
    assert lattice.a == pytest.approx(4.99)
    assert not any("CaF2" in t.prototype.label for t in left)


def test_a_hidden_later_crystal_leaves_the_type_as_it_is():
    (cubic,) = (t for t in without(types(), {"KMgF3"}) if t.prototype.n_sites == 5)
    assert cubic.prototype.label == "ABC3_n5_221:SrTiO3"
    assert [o.crystal_id for o in cubic.occupants] == ["SrTiO3", "BaZrS3"]


def test_a_distorted_crystal_is_another_type():
    tilted = perovskite("Ca", "Ti", "O")
    tilted.translate_sites([0], [0.0, 0.0, 0.06])
    found = prototypes_from([("a", perovskite("Sr", "Ti", "O")), ("b", tilted)])
    assert len(found) == 2


def test_types_come_back_from_their_file(tmp_path):
    path = tmp_path / "types.parquet"
    write_types(path, types(), origin=Provenance(source="textbook"))
    again = read_types(path)
    assert [t.prototype for t in again] == [t.prototype for t in types()]
    for old, new in zip(types(), again, strict=True):
        assert new.same == old.same
        assert new.prototype.orbits == old.prototype.orbits
        assert new.prototype.orbit_species == old.prototype.orbit_species
        assert new.prototype.spacegroup == old.prototype.spacegroup
        for was, now in zip(old.occupants, new.occupants, strict=True):
            assert (now.crystal_id, now.elements) == (was.crystal_id, was.elements)
            np.testing.assert_allclose(now.lattice, was.lattice, atol=1e-5)
            np.testing.assert_allclose(now.frac_coords, was.frac_coords, atol=1e-6)


def test_files_of_another_kind_and_damaged_ones_are_refused(tmp_path):
    plain = tmp_path / "plain.parquet"
    CrystalTable.from_structures([known()["Si"]]).write(plain)
    with pytest.raises(InputError, match="no column 'structure_type'"):
        read_types(plain)
    broken = tmp_path / "broken.parquet"
    CrystalTable.from_structures(
        [known()["Si"]],
        properties={"structure_type": ["A"], "species": ["Si"], "symmetry": ["{"]},
    ).write(broken)
    with pytest.raises(InputError, match="type A is damaged"):
        read_types(broken)
    with pytest.raises(InputError, match="no structure types"):
        write_types(tmp_path / "none.parquet", ())


def test_amounts_are_those_of_a_formula_unit():
    (kind,) = (t for t in types() if t.prototype.label.startswith("ABC2"))
    assert kind.prototype.stoichiometry == (2, 2, 4)
    assert kind.amounts == (1, 1, 2)
    renamed = replace(kind.occupants[0], elements=("Cu", "In", "Se"))
    assert renamed.formula_with(("Zn", "Sn", "P")) == "ZnSnP2"


def test_a_crystal_without_symmetry_is_a_type_too():
    rng = np.random.default_rng(3)
    odd = Structure(
        [[5, 0, 0], [1, 6, 0], [0.5, 1.2, 7]], ["Li", "O", "F"], rng.random((3, 3))
    )
    (found,) = prototypes_from([("odd", odd)])
    assert found.prototype.spacegroup == 1
