"""A campaign all of whose words are hostile, wherever it is shown."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from selenium.common.exceptions import NoAlertPresentException

from campaigns.campaign import Campaign
from campaigns.oracles.inbox.found import Problem
from campaigns.reports import write_report
from campaigns.reports.markdown import markdown_summary
from campaigns.results import open_view
from campaigns.shown import Told
from campaigns.words import words
from tests.campaigns.mlflow_pages import chromium
from tests.campaigns.reports.pages import Page
from tests.campaigns.reports.test_print import streams
from tools.hostile.folders import EVIL, evil_words
from tools.hostile.item import Place
from tools.hostile.run import POLICY, computes

OURS = {"report.html": 0, "crystals.html": 3}
"""Elements ``script`` that a page has: ours."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The campaign, with its report."""
    made = tmp_path_factory.mktemp("hostile") / "campaign"
    made.mkdir()
    evil_words(Place(made, made), made)
    write_report(open_view(made), made / "report", words("en"))
    return made


def test_its_words_are_hostile(folder):
    text = json.dumps(open_view(folder).verdicts.to_dict("list"), default=str)
    assert text.count("<script>alert(1)</script>") > 10


def test_no_page_has_a_script_or_a_picture_of_theirs(folder):
    for name, n_scripts in OURS.items():
        content = (folder / "report" / name).read_bytes()
        assert POLICY.search(content)
        tags = Page(content.decode()).tags
        assert sum(tag == "script" for tag, _ in tags) == n_scripts
        for tag, attributes in tags:
            assert not [each for each in attributes if each.startswith("on")], tag
            assert not str(attributes.get("href") or "").startswith("javascript")
            assert str(attributes.get("src") or "data:").startswith("data:")


def test_a_browser_runs_nothing_of_theirs_and_asks_for_nothing(folder, tmp_path):
    with chromium(tmp_path) as browser:
        for name in OURS:
            browser.execute_cdp_cmd("Page.enable", {})
            browser.get((folder / "report" / name).as_uri())
            with pytest.raises(NoAlertPresentException):
                _ = browser.switch_to.alert.text
            asked = browser.execute_script(
                "return performance.getEntriesByType('resource').map(e => e.name)"
            )
            assert [each for each in asked if not each.startswith(("data:", "blob:"))] == []
            refused = browser.get_log("browser")  # what the policy stops is told here
            assert [each for each in refused if each["level"] == "SEVERE"] == []


def test_no_table_computes(folder):
    tables = list((folder / "report").rglob("*.csv"))
    assert tables
    for table in tables:
        assert not computes(table.read_bytes()), table.name


def test_what_computes_is_seen():
    for bad in ("a,=1", '"@A"', "a\n-x", "a\r=1", '"\n+1"', '"\t"'):
        assert computes(bad.encode()), bad
    for good in ("-1.5,+2e-3", '"a\n=1",b', "'=1", "-inf,a-b"):
        assert not computes(good.encode()), good


def test_a_pdf_shows_typst_as_text(folder):
    content = streams((folder / "report" / "report.pdf").read_bytes())
    assert b"root:" not in content
    assert b"/JavaScript" not in content
    assert b"javascript:" not in content


def test_mlflow_is_told_no_picture_and_no_link(folder):
    text = markdown_summary(open_view(folder), words("en"))
    for bad in ("<script", "<img", "![p](", "[l](javascript"):
        assert bad not in text


def test_a_notebook_shows_them_as_text(folder):
    campaign = Campaign.resume(folder)
    shown = [campaign._repr_html_(), campaign.explain()._repr_html_()]
    for html in shown:
        tags = Page(html).tags
        assert not {"script", "img", "a", "iframe"} & {tag for tag, _ in tags}
        assert not [key for _, found in tags for key in found if key.startswith("on")]
    problem = Problem(0, EVIL, EVIL, EVIL)
    taken = SimpleNamespace(
        taken=(), again=(), still_open=0, unused=(EVIL,), problems=(problem,)
    )
    told = Told(taken, [], words("en"))
    for text in (repr(campaign), repr(campaign.explain()), repr(told)):
        assert not any(sign in text for sign in "\x1b\x9b\u202e\r")
