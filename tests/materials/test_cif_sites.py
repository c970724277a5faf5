"""Atoms of a CIF: none disappears, none is taken for another; prose is no number."""

from __future__ import annotations

import pytest

from materials.cif_labels import labelled_element
from materials.errors import InputError
from materials.files import ReadCrystal, read_crystals

HEAD = """data_x
{prose}
_cell_length_a 5.65
_cell_length_b 5.65
_cell_length_c 5.65
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'P 1'
loop_
_atom_site_label
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
"""
GAAS = "Ga1 0 0 0 1\nAs1 0.25 0.25 0.25 1"


def read(tmp_path, sites: str = GAAS, prose: str = "") -> ReadCrystal:
    text = HEAD.format(prose=prose) + sites + "\n"
    (tmp_path / "a.cif").write_text(text, encoding="utf-8")
    (crystal,) = read_crystals([tmp_path / "a.cif"])
    return crystal


@pytest.mark.parametrize("occupancy", [".", "?", "1.0001", "0.99999999"])
def test_an_occupancy_of_one_but_for_rounding(tmp_path, occupancy):
    crystal = read(tmp_path, GAAS[:-1] + occupancy)
    assert crystal.error is None
    assert crystal.structure.composition.formula == "Ga1 As1"


@pytest.mark.parametrize(
    ("label", "element"),
    [
        *[("CaM2", "Ca"), ("AlT1", "Al"), ("OA1", "O"), ("KA", "K"), ("HA", "H")],
        *[("SiT1m", "Si"), ("OBm", "O"), ("OCo", "O"), ("CA", "Ca"), ("Ga3+", "Ga")],
    ],
)
def test_labels_of_mineralogists(label, element):
    assert labelled_element(label, "_atom_site_label") == element


@pytest.mark.parametrize("label", ["OH", "OW", "NH4", "Vac", "Wat", "CAM2", "SiAl", "Nq"])
def test_labels_of_more_than_one_meaning(label):
    with pytest.raises(InputError, match="unknown element"):
        labelled_element(label, "_atom_site_label")


def test_deuterium_and_hydrogen_are_one_element_to_a_formula(tmp_path):
    sites = "D1 0 0 0 1\nH1 0.5 0 0 1\nO1 0 0.5 0 1"
    assert read(tmp_path, sites, "_chemical_formula_sum 'D H O'").error is None
    assert "cut short" in read(tmp_path, sites, "_chemical_formula_sum 'D H2 O'").error


@pytest.mark.parametrize(
    "prose",
    [
        "# volumes in Å³, areas in Å²",
        "_publ_section_title 'x² in Å³'",
        '_publ_section_title "of 10² files"',
        "#" + "-" * 700,
        f"_publ_section_title '{'q' * 700}'",
        "# see\u2028data_y",
        "_publ_section_title 'a\x0cloop_\x85_cell_length_a 0 '",
        "# a\x1c_cell_length_a 99 \x0c_cell_length_b 99",
    ],
)
def test_prose_is_no_number(tmp_path, prose):
    assert read(tmp_path, prose=prose).error is None


@pytest.mark.parametrize("odd", ["0.５", "'0.５'", '"1²"'])
def test_numbers_in_other_digits_are_refused_quoted_too(tmp_path, odd):
    assert "write numbers in ASCII" in read(tmp_path, f"Ga1 {odd} 0 0 1").error


def test_a_site_outside_a_loop_is_one_site(tmp_path):
    head = HEAD.format(prose="").partition("loop_")[0]
    (tmp_path / "a.cif").write_text(
        head + "_atom_site_label Cu1\n_atom_site_fract_x 0.25\n_atom_site_fract_y 0.25\n"
        "_atom_site_fract_z 0.25\n"
    )
    (crystal,) = read_crystals([tmp_path / "a.cif"])
    assert crystal.structure.frac_coords.tolist() == [[0.25, 0.25, 0.25]]
    assert crystal.structure.composition.formula == "Cu1"
