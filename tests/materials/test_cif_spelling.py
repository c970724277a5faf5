"""CIF in the spellings that the standard allows and programs write."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from materials.cif_text import plain_text
from materials.files import ReadCrystal, read_crystals

TEXT = """data_x
_cell_length_a 5.65
_cell_length_b 5.65
_cell_length_c 5.65
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M
;F -4 3 m
;
loop_
_atom_site_label
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Ga1 0 0 0
As1 0.25 -0.25 -0.75
"""
FIELD = "_publ_section_title\n;\n{}\n;\n"


def read(tmp_path, text: str) -> ReadCrystal:
    (tmp_path / "a.cif").write_text(text, encoding="utf-8")
    (crystal,) = read_crystals([tmp_path / "a.cif"])
    return crystal


def with_tags(change) -> str:
    return "\n".join(
        change(line) if line.lower().startswith(("_", "loop_", "data_")) else line
        for line in TEXT.splitlines()
    )


@pytest.mark.parametrize(
    "text",
    [
        with_tags(str.upper),
        with_tags(str.title),
        TEXT.replace("_cell_", "_cell.").replace("_atom_site_", "_atom_site."),
        TEXT.replace("data_x", "data_x_powder_pattern"),
        TEXT.replace("data_x\n", "DATA_ _diffrn_ambient_temperature 295\n"),
        TEXT.replace("data_x\n", "data_x\n" + FIELD.format("a\n data_y\nDATA_\nloop_\n_x")),
        TEXT.replace("data_x\n", "data_x\n" + FIELD.format("data_")),
        TEXT.replace("data_x\n", "data_x\n_note '_CELL_LENGTH_A data_' # _Cell_Length_A\n"),
        TEXT.replace("-0.25", "\N{MINUS SIGN}0.25").replace("-0.75", "\N{EN DASH}0.75"),
        TEXT.replace("F -4 3 m", "F 4\N{COMBINING OVERLINE} 3 m"),
        TEXT.replace("F -4 3 m", "F \N{MINUS SIGN}4 3 m"),
    ],
)
def test_the_same_crystal(tmp_path, text):
    crystal = read(tmp_path, text)
    assert crystal.error is None
    assert crystal.structure == read(tmp_path, TEXT).structure
    assert len(crystal.structure) == 8


def test_a_rotoinversion_is_no_rotation(tmp_path):
    """What is not ASCII was dropped: a bar, and R -3 was R 3 without inversion."""
    head, sites = TEXT.split("Ga1")
    text = head.replace("F -4 3 m", "R 3\N{COMBINING OVERLINE}").replace(
        "gamma 90", "gamma 120"
    )
    crystal = read(tmp_path, f"{text}Ga1{sites.replace('As1 0.25', 'As1 0.1')}")
    assert len(crystal.structure) == 3 + 18


def test_two_spellings_of_one_tag_are_refused(tmp_path):
    again = "data_x\n_Cell_Length_A 9\n"
    assert "are one tag" in read(tmp_path, TEXT.replace("data_x\n", again)).error
    harmless = "data_x\n_Audit_x 1\n_audit_X 2\n"
    assert read(tmp_path, TEXT.replace("data_x\n", harmless)).error is None


@settings(max_examples=200)
@given(st.text("data_DAT;'\"# \n\t\u2212\u0305loopLO1.", max_size=60))
def test_there_is_one_block_whatever_is_in_it(prose):
    lines = plain_text(f"data_x\n{prose}\n").splitlines()
    assert lines[0] == "data_crystal"
    in_field = False
    for line in lines:
        in_field ^= line.startswith(";")
        assert not (in_field and line.lstrip().startswith("data_"))


def test_quotes_without_an_end_take_no_time():
    line = "_a " + " 'b" * 200 + " " * 7000
    started = time.process_time()
    plain_text("data_x\n" + f"{line}\n" * 100)
    assert time.process_time() - started < 0.5


def test_what_is_said_stays():
    text = "data_x\n_a 'B_C' _D \"_E' \" # _F\n;G\n _H\n;\nloop_ _i x_Y\n"
    assert plain_text(text) == (
        "data_crystal\n_a 'B_C' _d \"_E' \" # _F\n;G\n _H\n;\nloop_ _i x_Y\n"
    )
