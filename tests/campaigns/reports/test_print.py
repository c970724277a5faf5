from __future__ import annotations

import dataclasses
import re
import zlib

import pytest

from campaigns.grids import grid_of
from campaigns.reports.build import build
from campaigns.reports.content import (
    Column,
    Figure,
    Labels,
    Listing,
    Paragraph,
    Report,
    Section,
    Table,
)
from campaigns.reports.files import ReportError
from campaigns.reports.marks import english, formula, link, space_group, strong
from campaigns.reports.print import render_pdf, substituted, unprintable
from campaigns.words import LANGUAGES, words
from materials.errors import InputError
from tests.campaigns.reports.told import told_view

LETTERS = "Å ₂ · − – ± ≤ ≥ × ∼ “” «» ñ ç l·l ü ï ó à ò í ú é É Ñ ¿ ¡ ✓ ✗ … € ª º Γ σ"
TYPST = (
    'Text with #panic("code") $math$ *strong* _emph_ <label> @ref // comment '
    '/* more */ \\ #import "@preview/x:1.0.0" `raw` = heading ~ [block] {code}'
)


def report(*blocks, **changes) -> Report:
    made = Report(
        language="en",
        title="a name",
        status="finished",
        lead=("A lead.",),
        sections=(Section("one", "One", blocks or (Paragraph("Text."),)),),
        footer="A footer.",
        labels=Labels("Report", "Skip", "Contents", "Page {page} of {pages}", "{caption}"),
    )
    return dataclasses.replace(made, **changes)


def streams(pdf: bytes) -> bytes:
    """All that a PDF holds, unpacked."""
    parts = [pdf]
    for found in re.finditer(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL):
        try:
            parts.append(zlib.decompress(found[1]))
        except zlib.error:
            continue  # a picture or a font
    return b"\n".join(parts)


@pytest.fixture(scope="module")
def whole() -> bytes:
    view, say = told_view(), words("eu")
    made = build(
        view, say, hits=[], figures={}, thumbnails={}, grid=grid_of("ES"), has_viewer=True
    )
    return render_pdf(made)


def test_the_same_report_is_the_same_bytes(whole):
    assert render_pdf(report()) == render_pdf(report())
    assert b"CreationDate" not in whole


def test_a_reader_with_a_screen_reader_is_served(whole):
    inside = streams(whole)
    assert b"/Lang(eu" in inside.replace(b" ", b"") or b"/Lang (eu" in inside
    assert b"/StructTreeRoot" in inside
    assert b"/Outlines" in inside
    assert b"pdfuaid:part>1<" in inside
    assert b"solar-absorber" in inside


def test_every_letter_of_every_language_can_be_set():
    pdf = render_pdf(report(Paragraph(LETTERS), Paragraph(space_group("F-43m"))))
    assert b"pdfuaid:part>1<" in streams(pdf)  # which is refused where a sign is missing


def test_what_no_font_has_is_given_by_its_number_and_keeps_the_promise():
    pdf = render_pdf(report(Paragraph(english("結晶 🧪\u200d")), title="結晶"))
    assert b"pdfuaid:part>1<" in streams(pdf)
    diagnostic = (
        'error: the text `"🧪"` could not be displayed with font `"x"`\n'
        'error: the text `"\\u{200d}"` could not be displayed with font `"x"`'
    )
    missing = unprintable(diagnostic)
    assert missing == {"🧪", "\u200d"}
    content = {"a": [{"text": "a 🧪\u200d b"}], "n": 1.5}
    assert substituted(content, missing) == {"a": [{"text": "a [U+1F9EA] b"}], "n": 1.5}


@pytest.mark.parametrize(
    "text", [TYPST, "#" * 50, "\\u{0}", "\x00\x1b[31m", '"' * 9, "a" * 400]
)
def test_text_is_never_read_as_markup(text):
    table = Table(text, (Column(text), Column("b")), ((text, english(text)),))
    pdf = render_pdf(report(Paragraph(text), Listing(text), table, title=text or "x"))
    assert pdf.startswith(b"%PDF-")


def test_pictures_keep_what_they_show_in_words():
    from campaigns.pictures.registry import PICTURES

    view, say = told_view(), words("en")
    image = PICTURES["discovery"].file(view, say)
    pdf = streams(
        render_pdf(report(Figure("discovery", image, "A line that rises.", "See.")))
    )
    assert b"A line that rises." in pdf


def test_a_picture_without_words_is_refused():
    with pytest.raises(InputError, match="no text for those who cannot see it"):
        Figure("discovery", b"", "  ", "")


def test_a_picture_that_is_none_is_an_error_with_a_way_out():
    broken = Figure(
        "x", b"\x89PNG\r\n\x1a\n" + bytes(8) + b"\0\0\0\x09" * 9, "Nothing.", ""
    )
    with pytest.raises(ReportError, match=r"report\.html has the same content"):
        render_pdf(report(broken))


def test_marks_reach_the_page():
    texts = (formula("SnO2"), strong("new"), link("https://doi.org/10.1/x", "10.1/x"))
    pdf = streams(render_pdf(report(*(Paragraph(text) for text in texts))))
    assert b"https://doi.org/10.1/x" in pdf
    assert b"crystals.html" not in streams(
        render_pdf(report(Paragraph(link("crystals.html", "turn"))))
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_pages_are_numbered_in_each_language(language):
    labels = Labels(
        "K",
        "S",
        "C",
        words(language)("Page {page} of {pages}", page="{page}", pages="{pages}"),
        "{caption}",
    )
    assert render_pdf(report(language=language, labels=labels)).startswith(b"%PDF-")
