"""The notebooks in the repository are whole: executed, clean, their links lead somewhere."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import nbformat
import pytest

from campaigns.ledger_tables import SCHEMA_VERSION
from tools.notebooks import LARGEST, clean, english, notebooks, pictures, read, untold

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "notebooks"
ALL = notebooks(FOLDER)
ENGLISH = english(FOLDER)
LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")
MACHINE = re.compile(r"/(?:home|root|tmp|work|Users|usr|opt|var)/")

each = pytest.mark.parametrize("path", ALL, ids=lambda path: path.name)


def test_there_are_seven_and_the_readme_names_them() -> None:
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert [path.name[:2] for path in ENGLISH] == ["01", "02", "03", "04", "05", "06", "07"]
    assert [path.name for path in ALL if f"({path.name})" not in readme] == []


@each
def test_it_is_valid_small_and_of_bearable_length(path: Path) -> None:
    notebook = read(path)
    nbformat.validate(notebook)
    assert path.stat().st_size < 1_500_000
    assert 10 <= len(notebook.cells) <= 25


@each
def test_every_code_cell_was_executed_in_order_without_an_error(path: Path) -> None:
    code = [cell for cell in read(path).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    kinds = {out.output_type for cell in code for out in cell.outputs}
    assert kinds <= {"execute_result", "display_data", "stream"}
    assert any(cell.outputs for cell in code)


@each
def test_nothing_in_it_is_of_one_machine_or_one_run(path: Path) -> None:
    notebook = read(path)
    assert clean(read(path)) == notebook
    for cell in notebook.cells:
        for out in cell.get("outputs", []):
            texts = [out.get("text", ""), *out.get("data", {}).values()]
            shown = [t for t in texts if isinstance(t, str) and len(t) <= LARGEST]
            assert [m[0] for text in shown for m in MACHINE.finditer(text)] == []


@each
def test_it_begins_with_a_title_and_one_sentence_of_aim(path: Path) -> None:
    first = read(path).cells[0]
    assert first.cell_type == "markdown"
    title, blank, aim = first.source.split("\n")
    assert re.fullmatch(rf"# {path.name[:2]} · \S.+", title)
    assert blank == ""
    assert re.fullmatch(r"\*\*[^*]+:\*\* [^.]+\.", aim)


@each
def test_paragraphs_are_one_line_each(path: Path) -> None:
    for cell in read(path).cells:
        if cell.cell_type == "markdown" and "```" not in cell.source:
            for block in cell.source.split("\n\n"):
                lines = block.split("\n")
                assert len(lines) == 1 or all(line.startswith("- ") for line in lines)


@each
def test_its_links_lead_to_files_that_exist(path: Path) -> None:
    targets = [
        m["target"]
        for cell in read(path).cells
        if cell.cell_type == "markdown"
        for m in LINK.finditer(cell.source)
    ]
    files = [t.partition("#")[0] for t in targets if not t.startswith("https://")]
    assert [t for t in files if not (FOLDER / t).exists()] == []


@each
def test_every_picture_has_a_text_for_those_who_cannot_see_it(path: Path) -> None:
    bare = [
        place
        for place, out in pictures(read(path))
        if len(out.metadata.get("image/png", {}).get("alt", "")) < 20
    ]
    assert bare == []


@pytest.mark.parametrize("path", ENGLISH, ids=lambda path: path.name)
def test_it_has_key_numbers(path: Path) -> None:
    keys = [c for c in read(path).cells if "key" in c.metadata.get("tags", [])]
    assert len(keys) >= 2
    assert all(re.search(r"\d", str(cell.outputs)) for cell in keys)


@pytest.mark.parametrize("path", ENGLISH, ids=lambda path: path.name)
def test_its_text_states_no_number_that_did_not_come_out(path: Path) -> None:
    assert untold(read(path)) == []


def test_the_campaign_they_open_needs_no_change_to_be_opened() -> None:
    ledger = (FOLDER / "campaign/ledger.sqlite").as_uri() + "?mode=ro&immutable=1"
    with closing(sqlite3.connect(ledger, uri=True)) as connection:
        found = connection.execute("SELECT value FROM meta WHERE key = 'schema_version'")
        assert found.fetchone() == (str(SCHEMA_VERSION),)
