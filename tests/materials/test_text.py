from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from materials.text import read_texts

SALT = Structure.from_spacegroup(
    "Fm-3m", Lattice.cubic(5.69), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]]
)
CIF = SALT.to(fmt="cif")
JSON = SALT.to(fmt="json")


@pytest.mark.parametrize("text", [CIF, JSON, f"\n  {JSON}", f"\ufeff{JSON}"])
def test_both_ways_to_write_a_crystal_are_told_apart(text: str) -> None:
    (read,) = read_texts([text])
    assert read.error is None
    assert read.structure is not None
    assert read.structure.composition.reduced_formula == "NaCl"
    assert len(read.structure) == 8


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "empty"),
        (" \n", "empty"),
        (None, "nothing"),
        (float("nan"), "nothing"),
        (7, "int"),
        ({"lattice": []}, "dict"),
        ("{", "JSON"),
        (json.dumps({"a": 1}), ""),
        ("data_x\n_cell_length_a 3", ""),
        (CIF + "\n" + CIF.replace("data_NaCl", "data_again"), "2 crystals"),
        (CIF.replace("Na0  1", "Na0  0.5").replace("  1\n", "  0.5\n"), ""),
    ],
)
def test_what_is_no_crystal_says_why(text: object, told: str) -> None:
    (read,) = read_texts([text])
    assert read.structure is None
    assert read.error
    assert "\n" not in read.error
    assert told in read.error


@settings(deadline=None, max_examples=15)
@given(st.lists(st.sampled_from([CIF, JSON, "", "data_", "{", None]), max_size=6))
def test_every_row_stands_for_itself(texts: list[str | None]) -> None:
    found = read_texts(texts)
    assert [read.name for read in found] == [f"row {i}" for i in range(len(texts))]
    assert [read.error is None for read in found] == [text in (CIF, JSON) for text in texts]


@given(st.text(max_size=40))
@settings(deadline=None, max_examples=25)
def test_no_text_raises(text: str) -> None:
    (read,) = read_texts([text])
    assert (read.structure is None) != (read.error is None)
