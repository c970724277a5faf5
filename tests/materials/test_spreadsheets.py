"""CSV of any spreadsheet gives the same rows, to whoever reads it."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from materials.errors import InputError
from materials.hull.tables import read_phases
from materials.known import formula_entries
from materials.numerals import decimal_sign, number
from materials.spreadsheets import parse_sheet, read_sheet, read_text_frame

CELLS = st.text(st.sampled_from('ab1.,; \t"\n é'), max_size=5).map(str.strip)
ROWS = st.lists(st.lists(CELLS, min_size=2, max_size=2), max_size=5)


@settings(deadline=None, max_examples=60)
@given(
    rows=ROWS,
    separator=st.sampled_from([",", ";", "\t"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]),
    stated=st.booleans(),
    spare=st.integers(0, 3),
)
def test_rows_are_the_same_in_every_dialect(
    rows: list[list[str]],
    separator: str,
    encoding: str,
    stated: bool,
    spare: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    text = io.StringIO()
    text.write(f"sep={separator}\r\n" * stated)
    writer = csv.writer(text, delimiter=separator)
    writer.writerow(["formula", " gäp"])
    writer.writerows([*row, *[""] * spare] for row in rows)
    path = tmp_path_factory.mktemp("t") / "t.csv"
    path.write_bytes(text.getvalue().encode(encoding))
    sheet = read_sheet(path)
    assert sheet.headings == ("formula", "gäp")
    kept = [tuple(row) for row in rows if any(row)]
    plain = [tuple(c.replace("\r\n", "\n") for c in cells) for _, cells in sheet.rows]
    assert plain == kept
    frame, found = read_text_frame(path)
    assert found == separator
    assert [row for row in frame.itertuples(index=False, name=None) if any(row)] == kept


@given(st.text(max_size=80))
def test_no_text_is_too_odd(text: str) -> None:
    sheet = parse_sheet(text)
    assert all(any(cell.strip() for cell in cells) for _, cells in sheet.rows)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("formula,gap,gap\nSi,1,2\n", "the column 'gap' is given 2 times"),
        ("formula,gap\nSi,1,2\n", "more cells|3 cells where there are 2"),
        ("formula,gap\nSi,1\nGe,0,,7\n", "more cells|4 cells where there are 2"),
        ('formula,gap\nSi,"1\nGe,2\n', "never ends|EOF inside string"),
    ],
)
@pytest.mark.parametrize("read", [read_sheet, read_text_frame])
def test_what_cannot_be_told_apart_is_refused(read, text, message, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read(path)


@pytest.mark.parametrize("text", ["", "\n\n", "formula,gap\n", "formula"])
def test_without_rows_there_are_none(text: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text)
    assert read_sheet(path).rows == ()
    assert len(read_text_frame(path)[0]) == 0


def test_phases_and_formulas_of_a_german_spreadsheet(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    text = "sep=;\r\nformula; energy_per_atom;name\r\nZn;-1,25;größte\r\nZnS;-2.500;\r\n"
    path.write_bytes(text.encode("cp1252"))
    table = read_phases(path, origin="x")
    assert [(p.formula, p.energy_per_atom, p.name) for p in table.phases] == [
        ("Zn", -1.25, "größte")
    ]
    ((row, reason),) = table.failures
    assert row == "row 2"
    assert "its point may part thousands" in reason
    assert list(formula_entries(path)) == [("row 0", "Zn"), ("row 1", "ZnS")]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_number_that_python_writes_is_the_same(value: float) -> None:
    text = repr(value)
    assert number(text, ".") == value
    if "e" in text or len(text.partition(".")[2]) != 3:
        assert number(text.replace(".", ","), ",") == value


def test_cells_that_can_be_read_in_one_way_decide() -> None:
    assert decimal_sign(";", ["1,5", "1.234", "", "x"]) == ","
    assert decimal_sign(";", ["1.5", "1.234"]) == "."
    assert decimal_sign(";", ["1.234"]) == ","
    assert decimal_sign("\t", ["1.234"]) == ""
    assert decimal_sign("\t", ["0,234"]) == ","
    assert decimal_sign(",", ["1,5"]) == "."
    assert math.isnan(number(" n/a", "."))
    for text, sign in [("1,234", "."), ("1.234", ","), ("1.2.3", "."), ("a", ".")]:
        with pytest.raises(ValueError, match=r"decimal sign|expected a number"):
            number(text, sign)
