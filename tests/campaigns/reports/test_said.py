"""Nothing that people read in a report passes the catalogues by."""

from __future__ import annotations

import dataclasses
import gettext
import html
import importlib.util
import re
from pathlib import Path

import pytest

from campaigns.grids import grid_of
from campaigns.pictures.registry import PICTURES
from campaigns.reports import Form, write_report
from campaigns.reports.build import build
from campaigns.reports.content import Figure
from campaigns.reports.crystals import hits_of
from campaigns.reports.markdown import markdown_summary
from campaigns.reports.page import render
from campaigns.words import Words
from tests.campaigns.reports.pages import Page
from tests.campaigns.reports.told import told_view
from tests.campaigns.views import empty_view, make_view
from tests.campaigns.words.pseudo import PSEUDO

TOOLS = Path(__file__).parents[3] / "tools"
WORD = re.compile(r"[^\W\d_]{3,}")
NAMES = {"galena", "gated", "sha", "GPAW", "CHGNet", "CdTe"}  # of software, of a material
NAMES |= {"solar", "absorber"}  # the campaign's own
NAMES |= {"min", "atom"}  # units


def waiting():
    return dataclasses.replace(make_view(calls=20, status="waiting"), n_waiting=3)


def tabled():
    view = make_view()
    oracle = {"kind": "lookup", "table": "t.csv", "source": "PBE"}
    return dataclasses.replace(view, spec=dict(view.spec) | {"oracle": oracle})


def report_of(view, say=PSEUDO):
    hits = hits_of(view)
    figures = {
        name: Figure(name, b"\x89PNG", each.alt(view, say), each.caption(view, say))
        for name, each in PICTURES.items()
        if each.shown(view)
    }
    return build(
        view,
        say,
        hits=hits,
        figures=figures,
        thumbnails={hit.candidate_id: b"\x89PNG" for hit in hits},
        grid=grid_of("ES"),
        has_viewer=True,
    )


def unsaid(text: str) -> list[str]:
    """Words outside all brackets."""
    depth, outside = 0, []
    for character in text:
        depth += (character == "⟦") - (character == "⟧")
        outside.append(character if depth == 0 else " ")
    return WORD.findall("".join(outside))


@pytest.mark.parametrize("make", [told_view, make_view, empty_view, waiting, tabled])
def test_all_that_a_page_says_is_said_in_its_language(make):
    page = Page(render(report_of(make())))
    text = "\n".join(page.said)
    assert set(unsaid(text)) - NAMES == set()
    assert text.count("⟦") > 80


def test_what_mlflow_shows_is_said_too():
    view = told_view()
    view = dataclasses.replace(view, spec=dict(view.spec) | {"description": ""})
    lines = [re.sub("<[^>]+>.*?</[^>]+>", "", markdown_summary(view, PSEUDO))]
    own = {f.rstrip("0123456789") for f in view.shortlist["formula"]}
    own |= {*view.shortlist["prototype"], *view.spec["elements"]["allowed"]}
    left = {word for word in unsaid("\n".join(lines)) if not chemical(word)}
    assert left - own - NAMES == set()


def chemical(word: str) -> bool:
    """Whether a word is made of symbols of elements alone."""
    return re.fullmatch(r"(?:[A-Z][a-z]?)+", word) is not None


def test_a_report_is_in_the_language_it_was_asked_in(tmp_path, monkeypatch):
    monkeypatch.setattr("campaigns.reports.writing.PICTURES", {})
    view = told_view()
    html = write_report(view, tmp_path, PSEUDO, forms=(Form.HTML,)).html.read_text()
    assert Page(html).all("html") == [{"lang": "es"}]


class Listening(gettext.NullTranslations):
    """Remembers what it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: set[str] = set()

    def gettext(self, message):
        self.asked.add(message)
        return message

    def ngettext(self, one, many, n):
        self.asked |= {one, many}
        return one if n == 1 else many


def test_all_that_is_said_is_found_by_the_extraction():
    catalogue = Listening()
    say = Words("es", catalogue)
    for view in (told_view(), make_view(), empty_view(), waiting(), tabled()):
        report_of(view, say)
        markdown_summary(view, say)
    ids = [message.id for message in extraction().found()]
    known = {each for one in ids for each in (one if isinstance(one, tuple) else (one,))}
    assert catalogue.asked - known == set()
    assert len(catalogue.asked) > 200


def extraction():
    spec = importlib.util.spec_from_file_location("messages", TOOLS / "messages.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_markdown_would_obey_is_text():
    evil = "[x](javascript:alert(1)) ![y](https://x.example/p.png) <b> | `c` *d*\n# e"
    view = told_view()
    view = dataclasses.replace(view, spec=dict(view.spec) | {"description": evil})
    text = markdown_summary(view)
    assert "](javascript" not in text
    assert "![y" not in text
    assert "<b>" not in text
    assert html.unescape(text).count("[x](javascript:alert(1)) ![y]") == 1
