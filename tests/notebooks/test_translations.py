"""Notebook 01 in other languages is the English one, said by the catalogues."""

from __future__ import annotations

import gettext
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.words import Words
from tools.messages import found
from tools.notebook_text import TRANSLATED, blocks, messages_of
from tools.notebooks import read
from tools.translate_notebook import SOURCE, is_current, places, translated

ROOT = Path(__file__).resolve().parents[2]
LINES = st.sampled_from(
    ["", "# Title", "A paragraph, 2 eV.", "- an item", "```console", "```", "1. first"]
)


@given(st.lists(LINES).map("\n".join))
def test_blocks_put_together_again_are_the_source(source: str) -> None:
    assert "".join((mark or "") + text for mark, text in blocks(source)) == source


def test_code_is_no_message() -> None:
    source = "Run:\n\n```console\n$ galena\n```\n\n- an item"
    assert [t for mark, t in blocks(source) if mark is not None] == ["Run:", "an item"]


def test_translators_get_every_paragraph_and_alt_text() -> None:
    wanted = set(messages_of(ROOT / TRANSLATED))
    assert len(wanted) > 20
    assert wanted <= {message.id for message in found()}


def test_messages_hold_no_braces_which_would_be_placeholders() -> None:
    assert [m for m in messages_of(ROOT / TRANSLATED) if "{" in m or "}" in m] == []


def test_all_text_is_said_in_the_other_language() -> None:
    class Marked(gettext.NullTranslations):
        def gettext(self, message: str) -> str:
            return f"«{message}»"

    english = read(SOURCE)
    new = translated(english, Words("es", Marked()))
    assert new.metadata["lang"] == "es"
    assert 'lang="es"' in "".join(cell.source for cell in new.cells)
    for old, cell in zip(english.cells, new.cells, strict=True):
        if cell.cell_type == "markdown":
            said = [t for mark, t in blocks(cell.source) if mark is not None]
            assert all(text.startswith("«") and text.endswith("»") for text in said)
        elif "alt" in old.metadata:
            assert cell.metadata.alt == f"«{old.metadata.alt}»"


@pytest.mark.parametrize("language", places())
def test_they_are_current(language: str) -> None:
    assert is_current(places()[language]), "run python tools/translate_notebook.py"
