"""Numbers are compared as numbers, words as words; what differs by machine is not kept."""

from __future__ import annotations

import nbformat.v4 as v4
from hypothesis import given
from hypothesis import strategies as st
from nbformat import NotebookNode

from tools.notebooks import LARGEST, clean, differences, text_differences

NUMBERS = st.floats(-1e4, 1e4).map(lambda x: round(x, 3))
WORDS = st.lists(st.sampled_from(["ZnS", "True", "NaN", "band_gap", "±", "eV"]), min_size=1)


@given(words=WORDS, numbers=st.lists(NUMBERS, min_size=1))
def test_a_text_agrees_with_itself_however_it_is_spaced(
    words: list[str], numbers: list[float]
) -> None:
    one = "  ".join([*words, *map(str, numbers)])
    assert text_differences(one, " \n".join(one.split()), 0.0) == []


@given(number=NUMBERS, tolerance=st.floats(0.001, 0.5), share=st.floats(-3, 3))
def test_a_number_may_differ_by_the_tolerance_and_no_more(
    number: float, tolerance: float, share: float
) -> None:
    allowed = tolerance * max(1.0, abs(number))
    now = number + share * allowed
    if 0.99 < abs(share) < 1.01:
        return  # as it is written, either is right
    found = text_differences(f"gap {number:.9f} eV", f"gap {now:.9f} eV", tolerance)
    assert (found == []) == (abs(share) < 1)


@given(words=WORDS, other=st.sampled_from(["GaAs", "False"]))
def test_another_word_is_a_difference(words: list[str], other: str) -> None:
    assert text_differences(" ".join(words), " ".join([*words[:-1], other]), 1e9)
    assert text_differences(" ".join(words), " ".join([*words, other]), 1e9)


def code(source: str, text: str, **metadata: object) -> NotebookNode:
    out = v4.new_output("execute_result", {"text/plain": text}, execution_count=7)
    return v4.new_code_cell(source, outputs=[out], execution_count=7, metadata=metadata)


def test_key_cells_alone_are_compared_and_with_their_tolerance() -> None:
    kept = v4.new_notebook(
        cells=[
            code("a", "gap 1.00"),
            code("b", "gap 1.00", tags=["key"], tolerance=0.2),
            code("c", "gap 1.00", tags=["key"]),
        ]
    )
    now = v4.new_notebook(
        cells=[code("a", "gap 9.00"), code("b", "gap 1.10"), code("c", "gap 1.10")]
    )
    assert differences(kept, kept) == []
    assert differences(kept, now) == ["cell 3: 1.10, kept is 1.00"]


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
