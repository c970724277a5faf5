"""Limits hold before a parser is asked, and say what to do."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import ase.io
import numpy as np
import pytest
from ase.build import bulk
from ase.db import connect
from hypothesis import given
from hypothesis import strategies as st

from materials import bounds, documents, poscar, readers, stores
from materials.bounds import LONGEST_WORD, check_lines, printable, shortened, whole_number
from materials.errors import InputError
from materials.files import ReadCrystal, read_crystals
from tests.broken_files import CIF, POSCAR, as_dict

NACL = bulk("NaCl", "rocksalt", a=5.64)


def read(path) -> list[ReadCrystal]:
    return list(read_crystals([path]))


@given(st.text())
def test_printable_text_is_one_line_that_steers_nothing(text):
    shown = printable(text)
    assert shown.isprintable()
    assert printable(shown) == shown


@given(st.text(alphabet="abc ", max_size=600))
def test_shortened_text_begins_as_before(text):
    short = shortened(text)
    assert len(short) <= bounds.LONGEST_REASON + 1
    assert text.startswith(short.removesuffix("…"))


@pytest.mark.parametrize(
    ("text", "number"),
    [("12", 12), (" 7\n", 7), ("9" * 16, None), ("1_0", None), ("٣", None), ("-1", None)],
)
def test_counts_are_written_in_ten_digits(text, number):
    assert whole_number(text) == number


def test_long_words_and_lines_are_named_by_line():
    check_lines(["a" * LONGEST_WORD, "a b " * 1000])
    with pytest.raises(InputError, match="line 2 has a word of 513"):
        check_lines(["a", "a" * (LONGEST_WORD + 1)])
    with pytest.raises(InputError, match="line 1 has 8194 characters"):
        check_lines(["a " * 4097])


def test_a_file_larger_than_is_read_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(readers, "LARGEST_FILE", 100)
    (tmp_path / "a.cif").write_text(CIF)
    assert "at most 0 MiB are read" in read(tmp_path / "a.cif")[0].error


def test_a_large_yaml_file_is_asked_for_as_json(tmp_path, monkeypatch):
    monkeypatch.setattr(documents, "_LARGEST_YAML", 100)
    (tmp_path / "a.yaml").write_text(json.dumps(as_dict()))
    assert read(tmp_path / "a.yaml")[0].error.endswith("write it as JSON")


def test_the_header_of_a_grid_is_read_however_long_the_grid(tmp_path, monkeypatch):
    for module in (readers, poscar):
        monkeypatch.setattr(module, "LARGEST_CRYSTAL", 2 * len(POSCAR))
    (tmp_path / "CHGCAR").write_text(POSCAR + "\n2 2 2\n" + "1 2 3 4 5\n" * 1000)
    assert read(tmp_path / "CHGCAR")[0].error is None
    (tmp_path / "POSCAR").write_text(POSCAR + "1 2 3 4 5\n" * 1000)
    assert "no blank line" in read(tmp_path / "POSCAR")[0].error


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("POSCAR", "a\n1\n9 0 0\n0 9 0\n0 0 9\nNa Cl\n-9 72036854775809\nDirect\n0 0 0"),
        ("POSCAR", "a\n1\n9 0 0\n0 9 0\n0 0 9\nNa Cl\n1 -1\nDirect\n0 0 0\n"),
        ("a.cube", "\n\n736660\n2 0 4 4\n2 4 0 2\n0 6 2 0"),
        ("a.cube", "\n\n+99_999_999 0 0 0\n2 0 4 4\n2 4 0 2\n0 6 2 0"),
        ("a.cfg", "Number of particles=478348\nA=1\n"),
        ("a.cfg", "Number of particles = 1\n  entry_count = 99999999999999999999\n"),
    ],
)
def test_a_promise_that_a_file_cannot_keep_is_not_believed(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    (crystal,) = read(tmp_path / name)
    assert "promises" in crystal.error


def test_a_damaged_row_of_a_database_spares_the_others(tmp_path):
    base = connect(tmp_path / "a.db")
    for _ in range(3):
        base.write(NACL)
    with closing(sqlite3.connect(tmp_path / "a.db")) as file:
        file.execute("UPDATE systems SET positions = 'gone' WHERE id = 2")
        file.commit()
    errors = [crystal.error for crystal in read(tmp_path / "a.db")]
    assert errors[::2] == [None, None]
    assert "row with id 2 is damaged: 'positions'" in errors[1]


def test_rows_are_what_ase_reads(tmp_path):
    connect(tmp_path / "a.db").write(NACL)
    (row,) = connect(tmp_path / "a.db").select()
    (frame,) = stores.db_frames(tmp_path / "a.db")
    atoms = frame()
    assert atoms == row.toatoms()


def test_a_table_of_endless_computation_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr(stores, "_LONGEST_QUERY", 0.1)
    with closing(sqlite3.connect(tmp_path / "a.db")) as base:
        base.execute("CREATE TABLE systems (id INTEGER)")
        base.commit()
        endless = (
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT * FROM n"
        )
        with pytest.raises(sqlite3.OperationalError, match="interrupted"):
            stores._rows(base, endless)


def test_a_damaged_frame_of_a_trajectory_spares_the_others(tmp_path):
    path = tmp_path / "a.traj"
    moved = [NACL.copy() for _ in range(3)]
    moved[1].positions[1] = [1.25, 0.5, 0.75]
    ase.io.write(path, moved)
    assert [crystal.error for crystal in read(path)] == [None] * 3
    data = path.read_bytes()
    place = data.index(np.array([1.25, 0.5, 0.75]).tobytes())
    path.write_bytes(data[:place] + np.array([np.nan] * 3).tobytes() + data[place + 24 :])
    errors = [crystal.error for crystal in read(path)]
    assert errors[::2] == [None, None]
    assert "non-finite" in errors[1]


def test_names_and_reasons_cannot_steer_a_terminal(tmp_path):
    path = tmp_path / "a\x1b[31m.cif"
    path.write_text(CIF.replace("  Ga  ", "  \x1b[31mGa  "))
    (crystal,) = read(path)
    assert crystal.name.isprintable()
    assert crystal.error.isprintable()
    assert crystal.path == path


def test_an_lmto_file_is_read(tmp_path):
    text = (
        "HEADER a\nSTRUC ALAT=7.5 PLAT=1 0 0 0 1 0 0 0 1\nCLASS ATOM=Na Z=11\n ATOM=Cl Z=17\n"
        "SITE ATOM=Na POS=0 0 0\n ATOM=Cl POS=0.5 0.5 0.5\n"
    )
    (tmp_path / "ctrl").write_text(text)
    (crystal,) = read(tmp_path / "ctrl")
    assert crystal.structure.composition.reduced_formula == "NaCl"
    assert crystal.structure.volume == pytest.approx((7.5 * 0.529177) ** 3, rel=1e-4)
