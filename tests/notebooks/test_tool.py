"""Numbers are compared as numbers, words as words; what differs by machine is not kept."""

from __future__ import annotations

import nbformat.v4 as v4
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat import NotebookNode

from tools.notebooks import LARGEST, clean, differences, text_differences, untold

NUMBERS = st.floats(-1e4, 1e4).map(lambda x: round(x, 3))
LOOSE = {"absolute": 1e9}
WORDS = st.lists(st.sampled_from(["ZnS", "True", "NaN", "band_gap", "±", "eV"]), min_size=1)


@given(words=WORDS, numbers=st.lists(NUMBERS, min_size=1))
def test_a_text_agrees_with_itself_however_it_is_spaced(
    words: list[str], numbers: list[float]
) -> None:
    one = "  ".join([*words, *map(str, numbers)])
    assert text_differences(one, " \n".join(one.split())) == []


@given(
    number=NUMBERS,
    absolute=st.floats(0.001, 0.5),
    relative=st.floats(0, 0.5),
    share=st.floats(-3, 3),
)
def test_a_number_may_differ_by_the_tolerance_and_no_more(
    number: float, absolute: float, relative: float, share: float
) -> None:
    now = number + share * (absolute + relative * abs(number))
    if 0.99 < abs(share) < 1.01:
        return  # as it is written, either is right
    found = text_differences(
        f"gap {number:.9f} eV",
        f"gap {now:.9f} eV",
        {"absolute": absolute, "relative": relative},
    )
    assert (found == []) == (abs(share) < 1)


@pytest.mark.parametrize(
    ("kept", "now"),
    [
        ("Ba2SnS3 -0.007", "Ba2SnS3 0.007"),  # the other side of the hull
        ("+0.043 eV/atom", "+0.053 eV/atom"),
        ("gap 1.840", "gap 1.870"),
        ("24 left", "25 left"),
        ("1,500 asked", "1,501 asked"),
        ("AB_hP12_194_af_bf:AABC", "AB_hP12_195_af_bf:AABC"),
        ("Ca2SnS3-36176104", "Ca2SnS3-36176105"),
    ],
)
def test_what_would_change_a_conclusion_is_a_difference(kept: str, now: str) -> None:
    assert text_differences(kept, now)


@pytest.mark.parametrize(
    ("kept", "now"),
    [
        ("0.009 1.840", "0.012 1.855"),
        ("shares 0.94", "shares 0.95"),  # one unit of the last digit is rounding
        ("1.51e-07", "1.52e-07"),
        ("MAE 388.0 GPa", "MAE 391.0 GPa"),
    ],
)
def test_what_rounding_explains_is_none(kept: str, now: str) -> None:
    assert text_differences(kept, now) == []


def test_whole_numbers_may_differ_where_a_tolerance_is_named() -> None:
    assert text_differences("52 ± 7", "53 ± 7", {"absolute": 1}) == []
    assert text_differences("52 ± 7", "59 ± 7", {"absolute": 1})


@given(words=WORDS, other=st.sampled_from(["GaAs", "False"]))
def test_another_word_is_a_difference(words: list[str], other: str) -> None:
    assert text_differences(" ".join(words), " ".join([*words[:-1], other]), LOOSE)
    assert text_differences(" ".join(words), " ".join([*words, other]), LOOSE)


def code(source: str, text: str, **metadata: object) -> NotebookNode:
    out = v4.new_output("execute_result", {"text/plain": text}, execution_count=7)
    return v4.new_code_cell(source, outputs=[out], execution_count=7, metadata=metadata)


def test_key_cells_alone_are_compared_and_with_their_tolerance() -> None:
    kept = v4.new_notebook(
        cells=[
            code("a", "gap 1.00"),
            code("b", "gap 1.00", tags=["key"], tolerance={"absolute": 0.2}),
            code("c", "gap 1.00", tags=["key"]),
        ]
    )
    now = v4.new_notebook(
        cells=[code("a", "gap 9.00"), code("b", "gap 1.10"), code("c", "gap 1.10")]
    )
    assert differences(kept, kept) == []
    assert differences(kept, now) == ["cell 3: 1.10, kept is 1.00"]


def test_a_key_cell_that_failed_is_a_difference_and_no_crash() -> None:
    kept, now = (v4.new_notebook(cells=[code("a", "1", tags=["key"])]) for _ in range(2))
    now.cells[0].outputs = [v4.new_output("error", ename="InputError", evalue="no file")]
    assert "InputError" in differences(kept, now)[0]
    assert differences(now, kept)


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("A gap of 1.2 eV, and 1,500 were asked.", []),
        ("A gap of 1.3 eV.", ["cell 1: 1.3"]),
        ("# 07 · Title\n\nSee [notebook 04](04.ipynb), Cu2S, `x = 9`, and 3 more.", []),
        ("17 of them.", ["cell 1: 17"]),
        ("105,455 formulas.", []),
    ],
)
def test_numbers_in_the_text_are_those_that_came_out(text: str, missing: list[str]) -> None:
    told = v4.new_markdown_cell(text, metadata={"stated": ["105,455"]})
    cells = [told, code("n = 1500", "gap 1.18\nleft 3")]
    assert untold(v4.new_notebook(cells=cells)) == missing


def test_other_cells_are_another_notebook() -> None:
    kept, now = (v4.new_notebook(cells=[code(source, "1")]) for source in ("a", "b"))
    assert differences(kept, now)


def test_keeping_drops_noise_and_gives_pictures_their_text() -> None:
    cell = code("x", "<Figure at 0x7f00aa>, /tmp/tmpab12cd/phosphides", alt="A curve.")
    cell.metadata["execution"] = {"iopub.execute_input": "2026-01-01"}
    cell.outputs += [
        v4.new_output("stream", name="stderr", text="Warning"),
        v4.new_output("display_data", {"image/png": "AAAA"}),
        v4.new_output("display_data", {"text/html": "x" * (LARGEST + 1)}),
        v4.new_output(
            "display_data",
            {"application/vnd.jupyter.widget-view+json": {}, "text/plain": ""},
        ),
    ]
    notebook = v4.new_notebook(cells=[v4.new_markdown_cell("# Title"), cell])
    notebook.metadata["language_info"] = {"name": "python", "version": "3.11.7"}
    kept = clean(notebook)
    code_cell = kept.cells[1]
    assert kept.metadata["language_info"] == {"name": "python"}
    assert code_cell.execution_count == code_cell.outputs[0].execution_count == 1
    assert "execution" not in code_cell.metadata
    assert code_cell.outputs[0].data["text/plain"] == "<Figure>, work/phosphides"
    assert len(code_cell.outputs) == 3
    assert code_cell.outputs[1].metadata["image/png"]["alt"] == "A curve."
    assert len(code_cell.outputs[2].data["text/html"]) < 200
