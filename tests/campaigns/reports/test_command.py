"""``galena campaign report``, and the answers it gives in words."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from campaigns.cli.app import app
from campaigns.reports import forms_of
from campaigns.reports.marks import bare
from campaigns.reports.sections.answer import footing, found, newness
from campaigns.reports.telling import Telling
from campaigns.view import ranked_shortlist
from campaigns.words import words
from tests.campaigns.reports.pages import Page
from tests.campaigns.reports.told import told_view
from tests.campaigns.views import empty_view, make_view


@pytest.fixture
def galena(monkeypatch):
    """The command, on a made-up campaign, with no pictures."""
    monkeypatch.setattr("campaigns.results.open_view", lambda _: told_view())
    monkeypatch.setattr("campaigns.reports.writing.PICTURES", {})

    def run(*arguments: object, **environment: str) -> Result:
        line = ["campaign", "report", *map(str, arguments)]
        return CliRunner().invoke(app, line, env={"COLUMNS": "140", **environment})

    return run


def test_page_and_pdf_are_written_and_named(galena, tmp_path):
    done = galena(tmp_path)
    assert done.exit_code == 0, done.output
    assert done.stdout.split() == [
        str(tmp_path / "report" / "report.html"),
        str(tmp_path / "report" / "report.pdf"),
    ]
    assert all(Path(line).exists() for line in done.stdout.split())


def test_another_language_has_a_folder_of_its_own(galena, tmp_path):
    facts = json.loads(
        galena(tmp_path, "--lang", "ca", "--format", "html", "--json").stdout
    )
    assert facts["language"] == "ca"
    assert facts["html"] == str(tmp_path / "report" / "ca" / "report.html")
    assert facts["pdf"] is None
    assert Page(Path(facts["html"]).read_text()).all("html") == [{"lang": "ca"}]
    assert len(facts["structures"]) == len(told_view().shortlist)


def test_the_environment_s_language_is_that_of_the_report(galena, tmp_path):
    out = tmp_path / "there"
    done = galena(tmp_path, "-o", out, "--format", "html", LANGUAGE="gl")
    assert done.stdout.split() == [str(out / "report.html")]
    assert Page((out / "report.html").read_text()).all("html") == [{"lang": "gl"}]


def test_the_grid_changes_the_estimate(galena, tmp_path):
    texts = []
    for grid in ("FR", "2000"):
        galena(tmp_path, "--format", "html", "--grid", grid)
        texts.append(Page((tmp_path / "report" / "report.html").read_text()).text)
    assert "Grid of the country FR" in texts[0]
    assert "Given by whoever ran this report" in texts[1]
    assert texts[0] != texts[1]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--grid", "Atlantis"], "neither the code of a country"),
        (["--format", "docx"], "cannot be written as 'docx', only as html or pdf"),
        (["--format", "html,pfd"], "Did you mean 'pdf'?"),
        (["--format", ","], "say at least one of html, pdf"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(galena, tmp_path, options, told):
    done = galena(tmp_path, *options)
    assert done.exit_code == 1
    assert told in done.stderr
    assert not (tmp_path / "report").exists()


def test_forms_are_read_in_any_order():
    assert [form.value for form in forms_of("pdf, HTML")] == ["html", "pdf"]


def answer_of(view) -> list[str]:
    tell = Telling(view, words("en"))
    return [bare(sentence(tell)) for sentence in (found, newness, footing)]


def test_the_answer_counts_what_was_found():
    view = make_view()
    best = view.shortlist.iloc[0]
    first, second, third = answer_of(view)
    assert first.startswith("Of the crystals judged (38), 10 meet every target")
    assert (
        f"{best['formula']} (gap {best['band_gap']:.2f} ± {best['band_gap_std']:.2f}"
        in first
    )
    fresh = view.shortlist.loc[~view.shortlist["known"], "formula"].nunique()
    assert f"include {fresh} that" in second
    assert "No other method has confirmed any of them" in third
    assert "CHGNet 0.3.0" in third


def test_the_answer_does_not_call_known_formulas_new():
    view = make_view()
    known = dataclasses.replace(view, shortlist=view.shortlist.assign(known=True))
    assert "known already" in answer_of(known)[1]


def test_the_answer_tells_confirmed_from_not_asked():
    view = told_view()
    others = len(view.shortlist) - 1
    assert f"have confirmed 1 of them ({others} not asked)" in answer_of(view)[2]


def test_the_answer_is_honest_where_nothing_was_found():
    view = make_view(status="running")
    verdicts = view.verdicts.assign(hit=False)
    none = dataclasses.replace(
        view, verdicts=verdicts, shortlist=ranked_shortlist(verdicts), status="running"
    )
    first, second, third = answer_of(none)
    assert first.startswith("None of the 38 crystals judged meets every target; nearest")
    assert second == "The search is not over: 5 of 5 rounds are closed."
    assert third.startswith("That does not show that there is no such material")
    over = dataclasses.replace(none, status="finished")
    assert "would give the search more room" in answer_of(over)[1]


def test_what_comes_nearest_is_what_misses_the_targets_least():
    view = make_view()
    verdicts = view.verdicts.head(3).assign(
        formula=["A", "B", "C"],
        hit=False,
        error=None,
        band_gap=[0.2, 1.9, 1.4],  # wanted: 1.0 to 1.8
        energy_above_hull=[0.0, 0.05, 0.25],  # wanted: 0.1 at most
    )
    none = dataclasses.replace(
        view, verdicts=verdicts, shortlist=ranked_shortlist(verdicts)
    )
    assert "nearest comes B (" in answer_of(none)[0]


def test_the_answer_says_when_there_is_none_yet():
    assert answer_of(empty_view())[0].startswith("No candidate has been judged yet")
    view = make_view(calls=6, status="running")
    failed = view.verdicts.tail(1)
    all_failed = dataclasses.replace(
        view, verdicts=failed, shortlist=ranked_shortlist(failed)
    )
    assert answer_of(all_failed)[0].startswith("Every oracle call so far has failed")


def test_an_answer_without_a_gap_names_none():
    view = make_view()
    shortlist = view.shortlist.assign(band_gap=pd.NA, band_gap_std=pd.NA)
    first = answer_of(dataclasses.replace(view, shortlist=shortlist))[0]
    assert "gap" not in first
    assert "eV/atom above the hull" in first
