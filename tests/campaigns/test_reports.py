from __future__ import annotations

import base64
import dataclasses
import subprocess
import sys
from html.parser import HTMLParser
from io import StringIO

import numpy as np
import pandas as pd
import pytest
from pymatgen.core import Structure

from campaigns.pictures.crystals.shapes import with_faces
from campaigns.pictures.style import formula_text
from campaigns.reports import ReportError, write_report
from campaigns.reports.burdens import burden_table
from campaigns.reports.markup import formula_html, space_group_html
from campaigns.steps import Outcome, Step
from campaigns.symmetry import space_group
from campaigns.trace import Trace
from tests.campaigns.views import delafossite, empty_view, make_view, rocksalt, zincblende

EVIL = '<script>alert("x")</script>&'


class Page(HTMLParser):
    """What a page shows, holds and fetches."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return write_report(make_view(), tmp_path_factory.mktemp("report"))


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
            assert str(attrs["href"]).startswith(("https://doi.org/", "data:"))


def test_the_figures_on_disk_are_those_on_the_page(page, written):
    shown = {
        base64.b64decode(str(image["src"]).partition("base64,")[2])
        for image in page.all("img")
    }
    on_disk = {path.read_bytes() for path in written.pngs.values()}
    assert shown == on_disk
    assert set(written.pngs) == {
        "crystals",
        "discovery",
        "funnel",
        "pareto",
        "learning",
    }
    assert all(image.startswith(b"\x89PNG") and len(image) > 10_000 for image in on_disk)
    assert all(image["alt"] for image in page.all("img"))


def test_the_csv_is_the_shortlist(written):
    view, table = make_view(), pd.read_csv(written.csv)
    assert table["candidate_id"].tolist() == view.shortlist["candidate_id"].tolist()
    np.testing.assert_allclose(table["band_gap"], view.shortlist["band_gap"])
    assert table["decomposition"][0] == "0.67 ZnS + 0.33 SnO2"


def test_the_page_says_what_was_found(page):
    view = make_view()
    for row in view.shortlist.itertuples():
        assert f"{row.band_gap:.2f} ± {row.band_gap_std:.2f}" in page.text
        assert f"{row.energy_above_hull:.3f}".replace("-", "−") in page.text
    for words in (
        *("no convergence in 80 steps: 0.71 eV/Å left", "1,550 turned down by filters"),
        *("CC BY 4.0", "CHGNet", "AFLOW", "galena campaign run solar-absorber.yaml"),
        *view.versions.values(),
    ):
        assert words in page.text
    badges = [attrs.get("class") for attrs in page.all("span")]
    assert badges.count("badge known") == view.shortlist["known"].sum()
    assert badges.count("badge new") == (~view.shortlist["known"]).sum()


def test_every_hit_can_be_taken_away_as_a_file(page):
    view = make_view()
    files = [a for a in page.all("a") if "download" in a]
    assert len(files) == len(view.shortlist)
    for link, candidate in zip(files, view.shortlist["candidate_id"], strict=True):
        text = base64.b64decode(str(link["href"]).partition("base64,")[2]).decode()
        assert Structure.from_str(text, fmt="cif").matches(view.structure(candidate))


def test_what_comes_from_outside_is_escaped(tmp_path):
    view = make_view()
    spec = {**view.spec, "description": EVIL}
    verdicts = view.verdicts.assign(
        error=view.verdicts["error"].where(view.verdicts["error"].isna(), EVIL),
        prototype=EVIL,
        decomposition=[{EVIL: 1.0}] * len(view.verdicts),
    )
    evil = dataclasses.replace(
        view,
        spec=spec,
        versions={**view.versions, EVIL: EVIL},
        verdicts=verdicts,
        rejections=view.rejections.assign(formula=EVIL, value=EVIL, limit=EVIL),
        shortlist=view.shortlist.assign(prototype=EVIL, decomposition=[{EVIL: 1.0}] * 10),
    )
    text = write_report(evil, tmp_path).html.read_text()
    assert "<script" not in text
    assert EVIL in Page(text).text


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
def test_a_campaign_without_hits_is_reported(make, tmp_path):
    view = make()
    written = write_report(view, tmp_path)
    page = Page(written.html.read_text())
    assert "No candidate has met both targets yet" in page.text
    assert "running" in page.text
    assert "nan" not in page.text.lower().split()
    assert pd.read_csv(StringIO(written.csv.read_text())).empty


def test_a_report_replaces_the_former_one_and_leaves_no_scraps(tmp_path):
    write_report(empty_view(), tmp_path)
    before = (tmp_path / "report.html").read_text()
    write_report(no_hits(), tmp_path)
    assert (tmp_path / "report.html").read_text() != before
    assert not list(tmp_path.glob(".*"))


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "taken").write_text("a file, not a folder")
    with pytest.raises(ReportError, match=r"taken/pareto\.png: cannot be written"):
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
    code = "import sys, campaigns.reports; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("SnO2", "SnO<sub>2</sub>"),
        ("Ca(NO3)2", "Ca(NO<sub>3</sub>)<sub>2</sub>"),
        ("Li0.5Na0.5", "Li<sub>0.5</sub>Na<sub>0.5</sub>"),
        ("<b>", "&lt;b&gt;"),
        ("0.67 ZnS", "0.67 ZnS"),
    ],
)
def test_formulas_have_low_numbers(formula, expected):
    assert formula_html(formula) == expected


def test_symbols_are_set_as_printed():
    assert formula_text("SnO2$") == "SnO$_{2}$"
    assert space_group_html("F-43m") == 'F<span class="bar">4</span>3m'
    assert space_group_html("P6_3mc<") == "P6<sub>3</sub>mc&lt;"


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


def test_pictures_show_atoms_on_every_face():
    primitive = rocksalt("Mg", "O")
    cell = primitive.to_conventional()
    shown = with_faces(cell)
    counts = shown.composition.as_dict()
    assert counts == {
        "Mg": 14.0,
        "O": 13.0,
    }  # 8 corners and 6 faces; 12 edges and the middle


def test_the_shortlist_stands_beside_what_is_in_use(tmp_path):
    view = make_view()
    spec = dict(view.spec) | {
        "better_than": {"incumbent": "CdTe", "on": ["toxicity", "supply_risk"]}
    }
    view = dataclasses.replace(view, spec=spec)
    text = write_report(view, tmp_path).html.read_text(encoding="utf-8")
    shown = Page(text).text
    assert "Better than CdTe on toxicity, supply risk" in shown
    table = burden_table(view)
    assert [row.is_incumbent for row in table.rows].count(True) == 1
    assert len(table.rows) == 1 + view.shortlist["formula"].nunique()
    assert f"In the top {table.k}" in shown
    for row in table.rows:
        assert row.index in shown
    found = [float(row.in_top.strip("%")) for row in table.rows if row.in_top != "–"]
    assert sum(found) == pytest.approx(100 * table.k, abs=len(found) / 2 + 0.1)


def test_what_has_no_data_is_unknown_in_the_report():
    view = make_view()
    shortlist = view.shortlist.assign(formula="AcPo")
    table = burden_table(dataclasses.replace(view, shortlist=shortlist))
    (row,) = table.rows
    assert row.index.startswith("unknown (")
    assert set(row.axes) == {"unknown"}
    assert table.k == 0


def test_traces_of_the_shortlist_are_in_the_report_and_escaped(tmp_path):
    step = Step(1, "hull", Outcome.PASSED, EVIL, "at most 0.1 eV/atom", "sha256:ab")
    trace = Trace("ZnS-1", "ZnS", "AB", "sampler", "a hit", (step,))
    view = dataclasses.replace(make_view(), traces=(trace,))
    text = write_report(view, tmp_path).html.read_text(encoding="utf-8")
    assert EVIL not in text
    assert EVIL in Page(text).text
    assert "at most 0.1 eV/atom" in text
