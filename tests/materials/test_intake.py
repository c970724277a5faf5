"""Crystals come out of whatever people hold them in, the same and by name."""

from __future__ import annotations

import json
from pathlib import Path

import ase.io
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from ase import Atoms
from ase.build import bulk
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure
from pymatgen.io.ase import AseAtomsAdaptor

from materials.errors import InputError
from materials.files import read_crystals
from materials.intake import Crystals, crystals_of
from materials.schema import CRYSTAL_COLUMNS
from materials.table import CrystalTable

SALT = Structure.from_spacegroup(
    "Fm-3m", Lattice.cubic(5.64), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]]
)
SILICON = bulk("Si", "diamond", a=5.43)
WAYS = (
    "structure",
    "atoms",
    "dict",
    "file",
    "folder",
    "parquet",
    "table",
    "frame",
    "cells",
)


def held(way: str, structure: Structure, folder: Path) -> object:
    """One crystal, held in one way."""
    folder.mkdir(exist_ok=True)
    atoms = AseAtomsAdaptor.get_atoms(structure, msonable=False)
    table = CrystalTable.from_structures([structure], ids=["salt"])
    if way == "file":
        structure.to(filename=str(folder / "salt.cif"))
        return folder / "salt.cif"
    if way == "folder":
        structure.to(filename=str(folder / "POSCAR"), fmt="poscar")
        return str(folder)
    if way == "parquet":
        table.write(folder / "salt.parquet")
        return folder / "salt.parquet"
    return {
        "structure": structure,
        "atoms": Atoms(atoms),
        "dict": structure.as_dict(),
        "table": table,
        "frame": pd.DataFrame({"material_id": ["salt"], "structure": [structure]}),
        "cells": table.to_pandas(),
    }[way]


def same(found: Structure, structure: Structure) -> bool:
    return bool(
        found.composition == structure.composition
        and np.isclose(found.volume, structure.volume, rtol=1e-4)
        and len(found) == len(structure)
    )


@pytest.mark.parametrize("way", WAYS)
def test_one_crystal_however_it_is_held(way: str, tmp_path: Path) -> None:
    found = crystals_of(held(way, SALT, tmp_path / "held"))
    assert found.failures == {}
    (crystal,) = found.good.values()
    assert same(crystal, SALT)


@settings(max_examples=15, deadline=None)
@given(ways=st.lists(st.sampled_from(WAYS), min_size=1, max_size=6))
def test_any_mixture_keeps_all_in_order_under_names_of_their_own(
    ways: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("mixed")
    scaled = [SALT.copy() for _ in ways]
    for place, structure in enumerate(scaled):
        structure.scale_lattice(SALT.volume * (1 + place / 10))
    mixture = [
        held(way, structure, folder / str(place))
        for place, (way, structure) in enumerate(zip(ways, scaled, strict=True))
    ]
    found = crystals_of(mixture)
    assert len(found) == len(found.good) == len(ways)  # names are all different
    assert all(map(same, found.good.values(), scaled))


def test_what_is_none_is_named_and_costs_nobody_else() -> None:
    molecule = Atoms("CO", positions=[[0, 0, 0], [0, 0, 1.1]])
    close = Structure(Lattice.cubic(4), ["Na", "Na"], [[0, 0, 0], [0.001, 0, 0]])
    mixed = Structure(Lattice.cubic(4), [{"Na": 0.5, "K": 0.5}], [[0, 0, 0]])
    found = crystals_of(
        [SALT, molecule, SILICON, close, mixed, 7, {"lattice": 1, "sites": 2}]
    )
    assert list(found.good) == ["crystal-0", "crystal-2"]
    assert "molecule" in found.failures["crystal-1"]
    assert "apart" in found.failures["crystal-3"]
    assert "partly occupied" in found.failures["crystal-4"]
    assert "is a int, expected a Structure" in found.failures["crystal-5"]
    assert "cannot be read as a structure" in found.failures["crystal-6"]


def test_names_come_from_mappings_columns_and_indices() -> None:
    frame = pd.DataFrame({"structure": [SALT, SALT]}, index=["a", "b"])
    assert list(crystals_of(frame).good) == ["a", "b"]
    assert list(crystals_of({"x": SALT, "y": SILICON}).good) == ["x", "y"]
    named = pd.DataFrame({"candidate_id": ["q", "q"], "atoms": [SILICON, SILICON]})
    assert list(crystals_of(named).good) == ["q", "q-2"]
    plain = pd.DataFrame({"structure": [SALT, SALT]})
    assert list(crystals_of(plain).good) == ["crystal-0", "crystal-1"]


def test_a_name_made_for_one_is_never_anothers() -> None:
    found = crystals_of([SALT, {"crystal-0": SILICON}])
    assert sorted(found.good) == ["crystal-0", "crystal-0-2"]
    assert found.good["crystal-0"].formula == "Si2"


def test_blank_cells_of_a_frame_are_failures() -> None:
    frame = pd.DataFrame({"structure": [SALT, None, "", "NaCl"]})
    found = crystals_of(frame)
    assert len(found.good) == 1
    assert [*found.failures.values()][1:] == [
        "structure: it is empty",
        "structure: 'NaCl' is a text, expected a Structure",
    ]


@pytest.mark.parametrize(
    ("thing", "told"),
    [
        ("no/such.cif", "no such file"),
        ([], "no crystal in this list"),
        (
            pd.DataFrame({"formula": ["NaCl"]}),
            "no crystals in a DataFrame with the columns",
        ),
    ],
)
def test_what_holds_no_crystal_at_all_is_an_error(thing: object, told: str) -> None:
    with pytest.raises(InputError, match=told):
        crystals_of(thing)


def test_a_near_file_is_named(tmp_path: Path) -> None:
    SALT.to(filename=str(tmp_path / "salt.cif"))
    with pytest.raises(InputError, match=r"Did you mean 'salt\.cif'"):
        crystals_of(tmp_path / "sal.cif")


def test_the_inputs_are_not_changed() -> None:
    mine = SALT.copy()
    mine.translate_sites([0], [1.7, 0, 0], to_unit_cell=False)
    before = mine.frac_coords.copy()
    found: Crystals = crystals_of(mine)
    np.testing.assert_array_equal(mine.frac_coords, before)
    assert found.good["crystal-0"] is not mine


def test_a_crystal_table_as_a_frame_needs_no_provenance() -> None:
    table = CrystalTable.from_structures([SALT, SALT], ids=["a", "b"])
    frame = pa.Table.from_batches(list(table.batches())).to_pandas()
    bare = frame[list(CRYSTAL_COLUMNS)].assign(gap=1.0)
    for given_frame in (frame, bare, bare.assign(source="mine")):
        found = crystals_of(given_frame)
        assert list(found.good) == ["a", "b"]
        assert same(found.good["a"], SALT)
    with pytest.raises(InputError, match="column 'lattice' is"):
        crystals_of(bare.assign(lattice="x"))


@pytest.mark.parametrize("text", [SALT.to(fmt="cif"), "a" * 5000])
def test_a_text_in_the_place_of_a_path_is_told_so(text: str) -> None:
    with pytest.raises(InputError, match=r"is the text of a file|is no path"):
        crystals_of(text)


@pytest.mark.parametrize("odd", [np.eye(3), np.array(3), SALT[0]])
def test_odd_things_in_a_column_are_failures(odd: object) -> None:
    found = crystals_of(pd.DataFrame({"structure": pd.Series([SALT, odd], dtype=object)}))
    assert (len(found.good), len(found.failures)) == (1, 1)
    assert not crystals_of([odd]).good


@pytest.mark.parametrize("nothing", ["", "  "])
def test_an_empty_name_is_not_this_folder(tmp_path, monkeypatch, nothing):
    monkeypatch.chdir(tmp_path)
    SALT.to(filename="a.cif")
    with pytest.raises(InputError, match="an empty name"):
        crystals_of(nothing)
    (crystal,) = read_crystals([nothing])
    assert "an empty name" in crystal.error


@pytest.mark.parametrize("pbc", [[1, 1, 1], [True, 1, True]])
def test_periodic_in_ones_is_periodic(tmp_path, pbc):
    plain = SALT.as_dict()
    plain["lattice"]["pbc"] = pbc
    (tmp_path / "a.json").write_text(json.dumps(plain))
    (crystal,) = read_crystals([tmp_path / "a.json"])
    assert crystal.error is None
    plain["lattice"]["pbc"] = [1, 0, 1]
    (tmp_path / "a.json").write_text(json.dumps(plain))
    (crystal,) = read_crystals([tmp_path / "a.json"])
    assert "periodic in 2 of 3" in crystal.error


def test_an_empty_document_type_expands_to_nothing(tmp_path):
    ase.io.write(tmp_path / "a.xsd", SALT.to_ase_atoms(), format="xsd")
    text = (tmp_path / "a.xsd").read_text()
    body = text.partition("?>")[2] if text.startswith("<?xml") else text
    for kind, read in [
        ("<!DOCTYPE XSD []>", True),
        ("<!DOCTYPE XSD [<!ENTITY a 'b'>]>", False),
    ]:
        (tmp_path / "a.xsd").write_text(f"<?xml version='1.0'?>\n{kind}\n{body}")
        (crystal,) = read_crystals([tmp_path / "a.xsd"])
        assert (crystal.error is None) == read
