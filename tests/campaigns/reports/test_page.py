from __future__ import annotations

import base64
import dataclasses
import subprocess
import sys
from io import StringIO

import numpy as np
import pandas as pd
import pytest
from pymatgen.core import Structure

from campaigns.pictures.registry import PICTURES
from campaigns.reports import Form, ReportError, write_report
from campaigns.steps import Outcome, Step
from campaigns.trace import Trace
from tests.campaigns.reports.pages import Page
from tests.campaigns.reports.told import told_view
from tests.campaigns.views import empty_view, make_view

EVIL = '<script>alert("x")</script>&\ue004\ue007javascript:alert(1)\ue00f'
SEEN = '<script>alert("x")</script>&javascript:alert(1)'


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return write_report(told_view(), tmp_path_factory.mktemp("report"))


@pytest.fixture
def quick(monkeypatch):
    """One picture in place of a dozen, where pictures are not what is tested."""
    monkeypatch.setattr(
        "campaigns.reports.writing.PICTURES", {"discovery": PICTURES["discovery"]}
    )


@pytest.fixture(scope="module")
def page(written) -> Page:
    return Page(written.html.read_text(encoding="utf-8"))


def test_the_page_needs_nothing_but_itself(page):
    for tag, attrs in page.tags:
        assert tag not in {"script", "link", "iframe", "object", "embed"}
        for name in ("src", "srcset", "data", "poster"):
            assert (attrs.get(name) or "data:").startswith("data:")
        if "href" in attrs:  # a link to follow is no resource
            assert tag == "a"
            whither = ("https://doi.org/", "data:chemical/x-cif", "#", "crystals.html")
            assert str(attrs["href"]).startswith(whither)
    policy = next(a for a in page.all("meta") if "http-equiv" in a)["content"]
    assert str(policy).startswith("default-src 'none'; img-src data:; style-src")


def test_headings_landmarks_and_tables_are_in_order(page):
    headings = [tag for tag, _ in page.tags if tag in {"h1", "h2", "h3", "h4"}]
    assert headings.count("h1") == 1
    assert headings[0] == "h1"
    assert set(headings[1:]) == {"h2"}
    for landmark in ("header", "nav", "main", "footer"):
        assert len(page.all(landmark)) == 1
    targets = {str(a["href"])[1:] for a in page.all("a") if str(a["href"])[:1] == "#"}
    assert targets <= {str(a["id"]) for _, a in page.tags if "id" in a}
    assert len(page.all("caption")) == len(page.all("table")) > 8
    assert all(a.get("scope") in {"row", "col"} for a in page.all("th"))
    assert all(image["alt"] for image in page.all("img"))
    regions = [a for a in page.all("div") if a.get("class") == "scroll"]
    assert len(regions) == len(page.all("table"))
    assert all(a["tabindex"] == "0" and a["aria-label"] for a in regions)


def test_the_pictures_on_disk_are_those_on_the_page(page, written):
    shown = {
        base64.b64decode(str(image["src"]).partition("base64,")[2])
        for image in page.all("img")
    }
    on_disk = {name: path.read_bytes() for name, path in written.pngs.items()}
    assert {"pareto", "discovery", "funnel", "learning", "crystals"} <= set(on_disk)
    assert {image for name, image in on_disk.items() if name != "crystals"} <= shown
    assert all(image.startswith(b"\x89PNG") for image in on_disk.values())
    for name, table in written.tables.items():
        assert table.name == f"{name}.csv"
        assert len(pd.read_csv(table)) > 0
    assert written.viewer.name == "crystals.html"


def test_the_csv_is_the_shortlist(written):
    view, table = told_view(), pd.read_csv(written.csv)
    assert table["candidate_id"].tolist() == view.shortlist["candidate_id"].tolist()
    np.testing.assert_allclose(table["band_gap"], view.shortlist["band_gap"])
    assert table["decomposition"][0] == "0.67 ZnS + 0.33 SnO2"


def test_the_page_says_what_was_found(page):
    view = told_view()
    for row in view.shortlist.itertuples():
        assert f"{row.band_gap:.2f} ± {row.band_gap_std:.2f}" in page.text
        assert f"{row.energy_above_hull:.3f}".replace("-", "−") in page.text
    assert len(page.all("details")) == 1 + len(view.traces) == 1 + len(view.shortlist)
    for words in (
        *("The errors of rounds 3 and 5 were unlike those before them", "gap 2.31 eV"),
        *("no convergence in 80 steps: 0.71 eV/Å left", "1,550 turned down by filters"),
        *("CC BY 4.0", "CHGNet", "AFLOW", "galena campaign run solar-absorber.yaml"),
        *("Better than CdTe, which is in use, on each of: toxicity and supply risk."),
        *view.versions.values(),
        *("killed after 3600 s", "GPAW", "CdTe (in use)", "2 h 30 min"),
    ):
        assert words in page.text


def test_every_hit_can_be_taken_away_as_a_file(page, written):
    view = told_view()
    links = [a for a in page.all("a") if "download" in a]
    assert len(links) == len(view.shortlist) == len(written.structures)
    for link, path, row in zip(
        links, written.structures, view.shortlist.itertuples(), strict=True
    ):
        text = base64.b64decode(str(link["href"]).partition("base64,")[2]).decode()
        assert text == path.read_text()
        assert path.name == f"{row.rank:02d}_{row.formula}.cif"
        assert Structure.from_str(text, fmt="cif").matches(view.structure(row.candidate_id))


def test_what_comes_from_outside_is_escaped(tmp_path, quick):
    view = told_view()
    verdicts = view.verdicts.assign(
        error=view.verdicts["error"].where(view.verdicts["error"].isna(), EVIL),
        prototype=EVIL,
        decomposition=[{EVIL: 1.0}] * len(view.verdicts),
    )
    step = Step(1, "hull", Outcome.PASSED, EVIL, EVIL, EVIL)
    evil = dataclasses.replace(
        view,
        spec={**view.spec, "description": EVIL},
        versions={**view.versions, EVIL: EVIL},
        verdicts=verdicts,
        rejections=view.rejections.assign(formula=EVIL, value=EVIL, limit=EVIL),
        shortlist=view.shortlist.assign(
            prototype=EVIL, decomposition=[{EVIL: 1.0}] * len(view.shortlist)
        ),
        traces=(Trace(EVIL, EVIL, EVIL, EVIL, EVIL, (step,)),),
    )
    text = write_report(evil, tmp_path, forms=(Form.HTML,)).html.read_text()
    assert "<script" not in text
    page = Page(text)
    assert page.text.count(SEEN) > 6
    assert all("javascript" not in str(a["href"]) for a in page.all("a"))


def all_failed():
    view = make_view(calls=6, status="running")
    return dataclasses.replace(
        view, verdicts=view.verdicts.tail(1), shortlist=view.shortlist.head(0)
    )


def no_hits():
    view = make_view(calls=7, status="running")
    verdicts = view.verdicts.assign(hit=False)
    return dataclasses.replace(view, verdicts=verdicts, shortlist=view.shortlist.head(0))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("make", [empty_view, all_failed, no_hits])
def test_a_campaign_without_hits_is_reported(make, tmp_path, quick):
    written = write_report(make(), tmp_path, forms=(Form.HTML, Form.PDF))
    page = Page(written.html.read_text())
    assert "No candidate has met every target yet" in page.text
    assert "running" in page.text
    assert not {"nan", "inf", "nat"} & set(page.text.lower().split())
    assert pd.read_csv(StringIO(written.csv.read_text())).empty
    assert written.viewer is None
    assert written.pdf.read_bytes().startswith(b"%PDF-")


def test_a_running_campaign_gets_its_pdf_when_it_is_over(tmp_path, quick):
    assert write_report(no_hits(), tmp_path).pdf is None
    finished = dataclasses.replace(no_hits(), status="finished")
    assert write_report(finished, tmp_path).pdf == tmp_path / "report.pdf"


def test_a_report_replaces_the_former_one_and_leaves_no_scraps(tmp_path, quick):
    (tmp_path / "structures").mkdir()
    former = tmp_path / "structures" / "07_NaCl.cif"
    former.write_text("of a hit that is none any more")
    write_report(empty_view(), tmp_path)
    before = (tmp_path / "report.html").read_text()
    write_report(no_hits(), tmp_path)
    assert (tmp_path / "report.html").read_text() != before
    assert not former.exists()
    assert not list(tmp_path.rglob(".*"))


def test_a_place_that_cannot_be_written_is_named(tmp_path, quick):
    (tmp_path / "taken").write_text("a file, not a folder")
    with pytest.raises(ReportError, match=r"taken/.*: cannot be written"):
        write_report(empty_view(), tmp_path / "taken")


def test_a_file_is_whole_or_untouched(tmp_path, monkeypatch):
    from campaigns.reports import files

    target = files.write_whole(tmp_path / "a.txt", b"before")
    with monkeypatch.context() as patch:
        patch.setattr(
            "pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "full"))
        )
        with pytest.raises(ReportError, match="full"):
            files.write_whole(target, b"after")
    assert target.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [target]


def test_reports_touch_no_global_figure_state():
    code = "import sys, campaigns.reports.writing; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_marked_up_formula_loads_nothing_that_draws():
    code = "import sys, campaigns.reports.marks; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
