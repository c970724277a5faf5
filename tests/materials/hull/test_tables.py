"""A person's own table of phases: read in four formats, bad rows told one by one."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from materials.errors import InputError
from materials.hull import Phase
from materials.hull.tables import SUFFIXES, read_phases

ROWS = [
    {"formula": "Zn", "energy_per_atom": -1.25, "origin": "x", "name": "hcp"},
    {"formula": "ZnS", "energy_per_atom": -2.5, "origin": "x", "name": ""},
]


def write(path: Path, rows: list[dict]) -> Path:
    match path.suffix:
        case ".csv":
            with path.open("w", newline="") as file:
                names = dict.fromkeys(key for row in rows for key in row)
                writer = csv.DictWriter(file, names)
                writer.writeheader()
                writer.writerows(rows)
        case ".json":
            path.write_text(json.dumps(rows))
        case ".jsonl":
            path.write_text("".join(json.dumps(row) + "\n\n" for row in rows))
        case _:
            pq.write_table(pa.Table.from_pylist(rows), path)
    return path


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_format_gives_the_same_phases(suffix, tmp_path):
    found = read_phases(write(tmp_path / f"t{suffix}", ROWS))
    assert found.phases == (Phase("Zn", -1.25, "x", "hcp"), Phase("ZnS", -2.5, "x"))
    assert found.failures == ()


@settings(deadline=None, max_examples=20)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["Zn", "ZnS", "Cu2ZnSnS4"]),
            st.floats(-20, 5),
            st.none() | st.floats(0, 1),
        ),
        min_size=1,
    )
)
def test_phases_survive_writing_and_reading(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("tables") / "t.parquet"
    content = [
        {"formula": f, "energy_per_atom": e, "energy_per_atom_std": s} for f, e, s in rows
    ]
    found = read_phases(write(path, content), origin="mine").phases
    assert found == tuple(Phase(f, e, "mine", std=s or 0.0) for f, e, s in rows)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_bad_rows_are_told_and_the_others_kept(suffix, tmp_path):
    rows = [
        *ROWS,
        {"formula": "Zn(S", "energy_per_atom": -1.0, "origin": "x"},
        {"formula": "S", "energy_per_atom": None, "origin": "x"},
        {"formula": "", "energy_per_atom": -1.0, "origin": "x"},
        {"formula": "S2", "energy_per_atom": -1.0, "origin": ""},
        {"formula": "O", "energy_per_atom": -1.0, "origin": "y"},
    ]
    found = read_phases(write(tmp_path / f"t{suffix}", rows))
    assert [p.formula for p in found.phases] == ["Zn", "ZnS", "O"]
    places, reasons = zip(*found.failures, strict=True)
    assert places == ("row 3", "row 4", "row 5", "row 6")
    assert "not a formula" in reasons[0]
    assert "energy_per_atom of S is empty" in reasons[1]
    assert "not a formula" in reasons[2]
    assert "what computed the energy of S2" in reasons[3]
    filled = read_phases(write(tmp_path / f"t{suffix}", rows), origin="z")
    assert Phase("S2", -1.0, "z") in filled.phases
    assert Phase("O", -1.0, "y") in filled.phases


def test_a_negative_deviation_is_refused(tmp_path):
    rows = [{**ROWS[0], "energy_per_atom_std": -0.1}]
    assert "0 or more" in read_phases(write(tmp_path / "t.json", rows)).failures[0][1]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", "formule,energy_per_atom\n", r"no column 'formula'.*mean 'formule'"),
        ("t.csv", "formula,energy_per_atm\n", r"no column 'energy_per_atom'.*mean"),
        ("t.json", '{"formula": "Zn"}', "expected a list of objects"),
        ("t.json", '[{"formula"', r"t\.json, line 1: not JSON"),
        ("t.jsonl", '{"formula": "Zn"}\n{', r"t\.jsonl, line 2: not JSON"),
        ("t.parquet", "no", "not a Parquet file"),
        ("t.xlsx", "", r"read from \.csv"),
        ("t.csv", b"\xff\xfe\xff", "no column 'formula'"),
        ("t.csv", 'formula,energy_per_atom\nZn,"1\n', "not a CSV file.* in row 2"),
        ("t.csv", "formula,energy_per_atom,formula\n", "'formula' is given 2 times"),
    ],
)
def test_files_that_are_no_tables_say_what_is_wrong(name, content, message, tmp_path):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=message):
        read_phases(path)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match=r"cannot read .*none\.csv: No such file"):
        read_phases(tmp_path / "none.csv")
    with pytest.raises(InputError, match=r"none\.parquet"):
        read_phases(tmp_path / "none.parquet")


def test_what_galena_relax_writes_says_what_computed_it(tmp_path):
    rows = pd.DataFrame(
        {
            "formula": ["ZnS", "ZnO", "MgO"],
            "energy_per_atom": [-3.0, None, -5.0],
            "method": ["EMT ase-3 relaxation", "EMT ase-3 relaxation", "PBE"],
        }
    )
    path = tmp_path / "relaxed.parquet"
    rows.to_parquet(path)
    found = read_phases(path)
    assert [(p.formula, p.origin) for p in found.phases] == [("ZnS", "EMT ase-3")]
    assert [place for place, _ in found.failures] == ["row 2", "row 3"]


def test_a_truth_is_no_energy_and_nothing_is_no_origin(tmp_path):
    path = tmp_path / "odd.json"
    path.write_text(
        '[{"formula": "ZnS", "energy_per_atom": true, "origin": "x"},'
        ' {"formula": "ZnS", "energy_per_atom": -1.0, "origin": NaN}]'
    )
    found = read_phases(path)
    assert not found.phases
    assert "expected a number" in found.failures[0][1]
    assert "nothing says what computed" in found.failures[1][1]
