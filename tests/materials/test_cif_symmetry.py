"""Symmetry of a CIF is read as it is meant, in all its spellings, or refused."""

from __future__ import annotations

import time
from itertools import product

import numpy as np
import pytest
import spglib
from hypothesis import given, settings
from hypothesis import strategies as st

from materials.errors import InputError
from materials.files import ReadCrystal, read_crystals
from materials.space_groups import fits, hall, named, numbered
from materials.symmetry import read_operations

NAME = "_symmetry_space_group_name_H-M "
NUMBER = "\n_symmetry_Int_Tables_number "
GAAS = "Ga1 Ga 0 0 0 1\nAs1 As 0.25 0.25 0.25 1"
CUBIC = "5.65 5.65 5.65 90 90 90"
SLANTING = "5 6 7 90 100 90"
CARBON = "C1 C 0.125 0.125 0.125 1"
BISMUTH = "Bi1 Bi 0.234 0.234 0.234 1"
RHOMBOHEDRAL = "4.7 4.7 4.7 57 57 57"
GALLIUM = "Ga1 Ga 0.1 0.2 0.3 1"


def cif(symmetry: str, sites: str = GAAS, cell: str = CUBIC) -> str:
    names = [f"length_{axis}" for axis in "abc"] + ["angle_alpha", "angle_beta"]
    values = zip([*names, "angle_gamma"], cell.split(), strict=True)
    lines = [f"_cell_{name} {value}" for name, value in values]
    columns = ["label", "type_symbol", *[f"fract_{axis}" for axis in "xyz"], "occupancy"]
    loop = ["loop_", *[f"_atom_site_{column}" for column in columns]]
    return "\n".join(["data_x", *lines, symmetry, *loop, sites, ""])


def operations(*texts: str, tag: str = "_symmetry_equiv_pos_as_xyz") -> str:
    return "\n".join(["loop_", tag, *[f"'{text}'" for text in texts]])


def read(tmp_path, text: str) -> ReadCrystal:
    (tmp_path / "a.cif").write_text(text)
    (crystal,) = read_crystals([tmp_path / "a.cif"])
    return crystal


def formula(tmp_path, text: str) -> str:
    crystal = read(tmp_path, text)
    assert crystal.error is None
    return crystal.structure.composition.formula


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (cif(NAME + "'F d -3 m Z'" + NUMBER + "227", CARBON, "3.57 " * 3 + "90 90 90"), 8),
        (cif(NAME + "'F d -3 m:2'" + NUMBER + "227", CARBON, "3.57 " * 3 + "90 90 90"), 8),
        (cif(NAME + "'R -3 m :R'" + NUMBER + "166", BISMUTH, RHOMBOHEDRAL), 2),
        (cif(NAME + "'R -3 m'" + NUMBER + "166", BISMUTH, RHOMBOHEDRAL), 2),
        (cif("_space_group_IT_number 166", BISMUTH, RHOMBOHEDRAL), 2),
        (cif(NAME + "'F m 3 m'", "Cu1 Cu 0 0 0 1"), 4),
        (cif(NAME + "'P a 3'", "Cu1 Cu 0 0 0 1"), 4),
        (cif(NAME + "'F -4 3 m (No. 216)'"), 8),
        (cif("_space_group.name_H-M_alt 'F -4 3 m'"), 8),
        (cif("_space_group.IT_number 216"), 8),
        (cif("_space_group_name_H-M_full 'F -4 3 m'"), 8),
        (cif("_Space_Group_Name_H-M_Alt 'F -4 3 m'"), 8),
        (cif("_space_group_name_Hall 'F -4 2 3'"), 8),
        (cif(NAME + "'C m m a'\n_space_group_name_Hall '-C 2a 2'", "Cu1 Cu 0 0 0 1"), 4),
        (cif(operations("x,y,z", "-x,-y,-z", tag="_space_group_symop.operation_xyz")), 3),
        (cif(operations("x,y,z", "-1*x,-1*y,z")), 3),
        (cif(operations("x,y,z", "-x+.5,y+.5,-z")), 4),
        (cif(operations("x,y,z", "x+1./2.,y,z+0.500000000000")), 4),
        (cif("_symmetry_cell_setting triclinic"), 2),
        (cif(""), 2),
    ],
)
def test_as_many_atoms_as_are_meant(tmp_path, text, expected):
    crystal = read(tmp_path, text)
    assert crystal.error is None
    assert len(crystal.structure) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (cif(NAME + "'F d -3 m'" + NUMBER + "227", CARBON), "has the settings 1, 2"),
        (cif(NAME + "'Q 7 k'" + NUMBER + "227"), "(Q 7 k, 227) is not known"),
        (cif(NAME + "'P c m n'" + NUMBER + "14", GALLIUM), "contradicts itself"),
        (cif(NAME + "'P 21/n'\n_space_group_name_Hall '-P 2ybc'"), "contradicts itself"),
        (cif(NUMBER + "225", cell=SLANTING), "does not fit its cell"),
        (cif(operations("x,y,z", "-y,x-y,z"), cell=SLANTING), "do not fit its cell"),
        (cif(operations("x,y,z", "1/2*x,2*y,z")), "do not fit its cell"),
        (cif(operations("x,y,z", "1/2*x,y,z")), "is no symmetry operation"),
        (cif(operations("x,y,z", "x,y,z+1/0")), "is no symmetry operation"),
        (cif("_space_group_ssg_name 'F-43m(0,0,g)'"), "modulated"),
        (cif("_symmetry_cell_setting cubic"), "_symmetry_cell_setting cubic"),
        (cif("_space_group_name_Schoenflies Td^2"), "Td^2"),
    ],
)
def test_what_is_not_clear_is_refused(tmp_path, text, reason):
    assert reason in (read(tmp_path, text).error or "was read")


def test_a_name_is_its_own_setting(tmp_path):
    """P 21/n is not P 21/c, whatever the number says; nor is P c m n P n m a."""
    for name, number, cell, operation in [
        ("P 21/n", "14", SLANTING, [0.4, 0.7, 0.2]),
        ("P 21/c", "14", SLANTING, [0.9, 0.7, 0.2]),
        ("P c m n", "62", "5 6 7 90 90 90", [0.1, 0.3, 0.3]),
    ]:
        crystal = read(tmp_path, cif(f"{NAME}'{name}'{NUMBER}{number}", GALLIUM, cell))
        apart = crystal.structure.frac_coords - operation
        assert np.abs(apart - apart.round()).max(axis=1).min() < 1e-6


@settings(max_examples=60, deadline=None)
@given(number=st.integers(1, 530), standard=st.integers(1, 230))
def test_every_setting_is_found_by_its_names(number, standard):
    kind = spglib.get_spacegroup_type(number)
    own = spglib.get_symmetry_from_database(number)
    for found in (hall(kind.hall_symbol), named(kind.international_full)):
        assert any(
            np.array_equal(setting.symmetry().rotations, own["rotations"])
            and np.allclose(setting.symmetry().shifts, own["translations"])
            for setting in found
        )
        assert {setting.number for setting in found} == {kind.number}
    assert {setting.number for setting in numbered(standard)} == {standard}


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        *[("P2(1)/c", "P21/c"), ("P 2(1) 2(1) 2(1)", "P212121"), ("P2(1)", "P21")],
        *[("P6(3)mc", "P63mc"), ("I4(1)/a:2", "I41/a:2"), ("P 2(1)/c (14)", "P21/c")],
        *[("P 2~1~/n", "P21/n"), ("P 2 (3)", "P2"), ("P 3 (143)", "P3"), ("P4(75)", "P4")],
        ("F d -3 m (origin choice 2)", "Fd-3m:2"),
        ("F 41/d -3 2/m (origin choice 1)", "Fd-3m:1"),
        ("P n n n, origin choice 2", "Pnnn:2"),
        ("F d -3 m O1", "Fd-3m:1"),
        ("F m -3 m S", "Fm-3m"),
        ("P 4/n m m O2", "P4/nmm:2"),
        ("R -3 2/m (hexagonal axes)", "R-3m:H"),
        ("R -3 m (rhombohedral setting)", "R-3m:R"),
    ],
)
def test_brackets_and_words(name, plain):
    assert named(name) == named(plain) != ()


def test_a_choice_that_a_group_does_not_have_is_not_known():
    assert named("P 1" + " " * 1_000_000 + "1") == ()
    assert named("P m m m (origin choice 2)") == named("P 1 (origin 1) x") == ()


@given(st.text("P2346()~1 /origin choice", max_size=25))
def test_any_name_is_known_or_not(name):
    assert all(1 <= setting.number <= 230 for setting in named(name))


def test_blanks_in_hall_symbols_count():
    found = [hall(symbol)[0].number for symbol in ("P 32", "P 3 2", 'P 3 2"')]
    assert found == [145, 149, 150]


@given(st.text("xyz0123456789.,/*+- ", max_size=30))
def test_operations_are_read_or_refused(text):
    try:
        symmetry = read_operations([text])
    except InputError:
        return
    assert abs(np.linalg.det(symmetry.rotations[0])) == pytest.approx(1.0)
    assert fits(symmetry, np.zeros((3, 3)))


def test_large_cells_go_the_quick_way(tmp_path):
    places = list(product(range(20), range(20), range(10)))
    rows = [
        f"Si{i} Si {x / 20} {y / 20} {z / 10 + 0.02} 1"
        for i, (x, y, z) in enumerate(places)
    ]
    sites = "\n".join(rows)
    started = time.process_time()
    assert formula(tmp_path, cif(NAME + "'P 1'", sites, "60 60 30 90 90 90")) == "Si4000"
    found = formula(tmp_path, cif(NUMBER + "2", sites, "60 60 30 90 90 90"))
    assert found == "Si8000"
    assert time.process_time() - started < 12  # 2 s; pymatgen's way takes half a minute
    partly = cif(NUMBER + "2", sites[:-1] + "0.5", "60 60 30 90 90 90")
    assert "more than 5000 places" in read(tmp_path, partly).error


def test_a_large_cell_is_what_pymatgen_makes_of_it(tmp_path, monkeypatch):
    text = cif(
        NAME + "'P 63 m c'",
        "Zn1 Zn 0.3333 0.6667 0 1\nS1 S 0.3333 0.6667 0.37 1",
        "3.8 3.8 6.2 90 90 120",
    )
    slow = read(tmp_path, text).structure
    monkeypatch.setattr("materials.cif._PLAIN", 1)
    assert read(tmp_path, text).structure == slow
    assert len(slow) == 4
