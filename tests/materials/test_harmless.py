import csv
import io
import json
import re

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from materials.harmless import cell, cell_content, cells, escaped_json, on_screen, one_line

OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
HOSTILE = st.text(st.sampled_from("ab=+-@'\t\n\r\x1b\x9b\x7f\u202e\u2066GaAs é₂"))


@given(HOSTILE)
def test_nothing_is_left_that_a_terminal_obeys(text):
    shown = on_screen(text)
    assert not OBEYED.search(shown)
    assert len(shown) == len(text)
    assert "\n" not in one_line(text)


@given(st.text(st.characters(codec="utf-8", exclude_categories=["C"])))
def test_plain_text_stays_as_it_is(text):
    assert on_screen(text.replace("\u2028", "").replace("\u2029", "")) == re.sub(
        "[\u2028\u2029]", "", text
    )


@given(HOSTILE)
def test_json_means_the_same(text):
    written = json.dumps({text: [text]}, ensure_ascii=False)
    shown = escaped_json(written)
    assert json.loads(shown) == {text: [text]}
    assert not OBEYED.search(shown)


@given(HOSTILE)
def test_no_cell_is_a_formula_and_each_can_be_read_back(text):
    assert not cell(text).startswith(("=", "+", "-", "@", "\t", "\r"))
    assert cell_content(cell(text)) == text


@given(st.lists(HOSTILE, min_size=1, max_size=4), st.integers(-9, 9))
def test_a_table_for_a_spreadsheet(texts, number):
    frame = pd.DataFrame({"=id": texts, "n": [number] * len(texts)})
    rows = list(
        csv.reader(io.StringIO(cells(frame).to_csv(index=False, lineterminator="\n")))
    )
    assert rows[0] == ["'=id", "n"]
    assert [row[1] for row in rows[1:]] == [str(number)] * len(texts)
    assert not any(row[0].startswith(("=", "+", "-", "@")) for row in rows[1:])
    assert frame["=id"].tolist() == texts


@pytest.mark.parametrize("kind", ["category", "string"])
def test_texts_of_every_kind_of_column(kind):
    frame = pd.DataFrame({"a": pd.Series(["=1+1", None], dtype=kind)})
    assert cells(frame)["a"].iloc[0] == "'=1+1"
