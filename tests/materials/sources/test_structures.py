"""Crystals survive every notation; what is no crystal says why."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from materials.errors import InputError
from materials.sources.structures import from_jarvis, from_optimade, from_pymatgen
from tests.strategies import structures

GAAS = Structure.from_spacegroup(
    "F-43m", Lattice.cubic(5.65), ["Ga", "As"], [[0, 0, 0], [0.25, 0.25, 0.25]]
).get_primitive_structure()


def optimade(structure: Structure) -> dict:
    elements = sorted({site.specie.symbol for site in structure})
    return {
        "lattice_vectors": structure.lattice.matrix.tolist(),
        "cartesian_site_positions": structure.cart_coords.tolist(),
        "species_at_sites": [f"{site.specie.symbol}1" for site in structure],
        "species": [
            {"name": f"{e}1", "chemical_symbols": [e], "concentration": [1.0]}
            for e in elements
        ],
        "dimension_types": [1, 1, 1],
        "structure_features": [],
    }


def jarvis(structure: Structure, *, cartesian: bool) -> dict:
    coords = structure.cart_coords if cartesian else structure.frac_coords
    return {
        "lattice_mat": structure.lattice.matrix.tolist(),
        "coords": coords.tolist(),
        "elements": [site.specie.symbol for site in structure],
        "abc": list(structure.lattice.abc),
        "angles": list(structure.lattice.angles),
        "cartesian": cartesian,
        "props": [""] * len(structure),
    }


def same(one: Structure, other: Structure) -> None:
    np.testing.assert_allclose(one.lattice.matrix, other.lattice.matrix, atol=1e-9)
    assert one.atomic_numbers == other.atomic_numbers
    apart = one.frac_coords - other.frac_coords
    np.testing.assert_allclose(apart - np.rint(apart), 0, atol=1e-7)
    assert (one.frac_coords >= 0).all()
    assert (one.frac_coords < 1).all()


@settings(deadline=None, max_examples=30)
@given(structure=structures(), cartesian=st.booleans())
def test_crystals_come_back_as_they_were_sent(structure, cartesian):
    same(from_optimade(optimade(structure)), structure)
    same(from_jarvis(jarvis(structure, cartesian=cartesian)), structure)
    same(from_pymatgen(structure.as_dict()), structure)


def test_jarvis_tools_agrees():
    core = pytest.importorskip("jarvis.core.atoms", reason="jarvis-tools is not installed")
    atoms = core.Atoms.from_dict(jarvis(GAAS, cartesian=False))
    same(from_jarvis(atoms.to_dict()), atoms.pymatgen_converter())


def test_species_may_go_unlisted():
    plain = optimade(GAAS)
    plain["species"] = None
    plain["species_at_sites"] = [site.specie.symbol for site in GAAS]
    same(from_optimade(plain), GAAS)


def changed(**fields) -> dict:
    return {**copy.deepcopy(optimade(GAAS)), **fields}


def half(**fields) -> list[dict]:
    return [{**optimade(GAAS)["species"][0], **fields}, optimade(GAAS)["species"][1]]


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        (changed(lattice_vectors=None), "'lattice_vectors' is missing"),
        (changed(cartesian_site_positions=None), "'cartesian_site_positions' is missing"),
        (changed(species_at_sites=None), "'species_at_sites' is missing"),
        (changed(species_at_sites=[]), "species_at_sites is"),
        (changed(species_at_sites="GaAs"), "species_at_sites is 'GaAs'"),
        (changed(dimension_types=[1, 1, 0]), "not periodic in three directions"),
        (changed(lattice_vectors=[[1, 2], [3, 4]]), "lattice_vectors has the shape"),
        (changed(lattice_vectors=[["a"] * 3] * 3), "not an array of numbers"),
        (changed(lattice_vectors=[[None] * 3] * 3), "lattice_vectors"),
        (
            changed(cartesian_site_positions=[[0, 0, 0]]),
            r"shape \(1, 3\), expected \(2, 3\)",
        ),
        (changed(cartesian_site_positions=[[0, 0, 0]] * 2), "0.00 Å apart"),
        (changed(structure_features=["disorder"]), "'disorder'"),
        (changed(structure_features=["implicit_atoms"]), "'implicit_atoms'"),
        (changed(structure_features=["site_attachments"]), "'site_attachments'"),
        (changed(structure_features=["assemblies"]), "'assemblies'"),
        (changed(species="Ga"), "species is 'Ga'"),
        (changed(species=["Ga"]), "species has 'Ga'"),
        (changed(species=half(chemical_symbols=["As", "P"])), "As/P in parts"),
        (changed(species=half(concentration=[0.5])), "in parts"),
        (changed(species=half(chemical_symbols=["vacancy"])), "'vacancy'"),
        (changed(species=half(chemical_symbols=["X"])), "'X'"),
        (changed(species=half(attached=["H"])), "in parts"),
        (changed(species_at_sites=["Ga1", "Zz"]), "'Zz' at site 1"),
    ],
)
def test_optimade_entries_say_what_is_wrong(attributes, reason):
    with pytest.raises(InputError, match=reason):
        from_optimade(attributes)


@pytest.mark.parametrize(
    ("atoms", "reason"),
    [
        (None, "expected a record of jarvis-tools"),
        ({}, "no 'lattice_mat'"),
        ({**jarvis(GAAS, cartesian=False), "elements": ["Ga", "?"]}, r"'\?' at site 1"),
        ({**jarvis(GAAS, cartesian=False), "coords": [[0, 0]]}, "coords has the shape"),
        ({**jarvis(GAAS, cartesian=False), "lattice_mat": [[0] * 3] * 3}, "volume"),
    ],
)
def test_jarvis_entries_say_what_is_wrong(atoms, reason):
    with pytest.raises(InputError, match=reason):
        from_jarvis(atoms)


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("na", "structure is 'na'"),
        ({}, "not one of pymatgen"),
        ({"lattice": {"matrix": [[1]]}, "sites": []}, "not one of pymatgen"),
        (
            Structure(Lattice.cubic(4), [{"Ga": 0.5, "In": 0.5}], [[0] * 3]).as_dict(),
            "partly",
        ),
    ],
)
def test_pymatgen_entries_say_what_is_wrong(entry, reason):
    with pytest.raises(InputError, match=reason):
        from_pymatgen(entry)
