from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.pictures.formulas import formula_text
from campaigns.reports import marks
from campaigns.reports.marks import Mark, bare, plain, spans
from campaigns.reports.page import marked_html
from campaigns.symmetry import space_group
from tests.campaigns.reports.pages import Page
from tests.campaigns.views import delafossite, rocksalt, zincblende

PRIVATE = "".join(chr(code) for code in range(0xE000, 0xE010))
ANY = st.text(st.sampled_from("aZ2 <>&\"'/-_()." + PRIVATE), max_size=30)


@given(ANY)
def test_text_from_outside_cannot_pretend_to_be_markup(text):
    shown = plain(text)
    assert not set(shown) & set(PRIVATE)
    assert Page(f"<p>{marked_html(shown)}</p>").tags == [("p", {})]


@given(ANY)
def test_broken_marks_still_make_a_whole_page(text):
    page = Page(f"<p>{marked_html(text)}</p>")  # closes what it opens
    assert "".join(page.words) == bare(text)
    assert not any(tag == "script" for tag, _ in page.tags)


@given(ANY, st.sampled_from([marks.code, marks.english, marks.name, marks.formula]))
def test_marks_change_no_letter(text, mark):
    assert bare(mark(text)) == plain(text)


@pytest.mark.parametrize(
    "target", ["javascript:alert(1)", "data:text/html,x", "http://a.b", "//a.b/c", ""]
)
def test_links_lead_only_where_reports_have_to(target):
    (span,) = spans(marks.link(target, "there"))
    assert span.marks == frozenset()
    assert "href" not in marked_html(marks.link(target, "there"))


def test_links_to_papers_and_neighbours_are_links():
    for target in ("https://doi.org/10.1/x", "crystals.html", "#why"):
        (span,) = spans(marks.link(target, "there"))
        assert (span.marks, span.target) == ({Mark.LINK}, target)


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("SnO2", "SnO<sub>2</sub>"),
        ("Ca(NO3)2", "Ca(NO<sub>3</sub>)<sub>2</sub>"),
        ("Li0.5Na0.5", "Li<sub>0.5</sub>Na<sub>0.5</sub>"),
        ("<b>", "&lt;b&gt;"),
    ],
)
def test_formulas_have_low_numbers(formula, expected):
    html = str(marked_html(marks.formula(formula)))
    assert html.replace('<span translate="no">', "").replace("</span>", "") == expected


def test_symbols_are_set_as_printed():
    assert formula_text("SnO2$") == "SnO$_{2}$"
    assert '<span class="bar">4</span>' in marked_html(marks.space_group("F-43m"))
    html = marked_html(marks.space_group("P6_3mc<"))
    assert "<sub>3</sub>" in html
    assert "&lt;" in html


@pytest.mark.parametrize(
    ("crystal", "symbol"),
    [
        (rocksalt("Mg", "O"), "Fm-3m"),
        (zincblende("Zn", "S"), "F-43m"),
        (delafossite("Cu", "Bi", "N"), "R-3m"),
    ],
)
def test_space_groups_survive_the_noise_of_relaxation(crystal, symbol):
    assert space_group(crystal.copy().perturb(0.005)) == symbol
