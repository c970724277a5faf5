"""The site builds without a warning and fetches nothing from elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.check_site import fetches


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    assert list(fetches(site)) == []


@pytest.mark.parametrize(
    "page",
    [
        "index.html",
        "concepts.html",
        "reference/campaign-file.html",
        "repository/models/weights/accurate/MODEL_CARD.html",
        "repository/CHANGELOG.html",
        "assets/house.svg",
        "repository/benchmarks/results/speed.png",
    ],
)
def test_what_people_look_for_is_there(site: Path, page: str) -> None:
    assert (site / page).stat().st_size > 1000


def test_docstrings_are_on_the_pages_of_the_api(site: Path) -> None:
    page = (site / "reference" / "api-campaigns.html").read_text()
    assert 'id="campaigns.loop.run_campaign"' in page
    assert ":class:" not in page


def test_links_out_of_docs_lead_to_what_they_named(site: Path) -> None:
    page = (site / "accuracy.html").read_text()
    assert 'href="repository/benchmarks/results/accuracy.json"' in page
    assert "models/weights" in page
    assert 'href="repository/models/weights"' not in page  # a folder is no page
    assert 'href="../models' not in page


@pytest.mark.parametrize(
    "text",
    [
        '<script src="https://cdn.example.org/x.js"></script>',
        '<link rel="stylesheet" href="//fonts.example.org/css">',
        '<link rel="preconnect" href="https://fonts.example.org">',
        '<img src="https://example.org/a.png">',
        '<img srcset="a.png 1x, https://example.org/b.png 2x">',
        '<p style="background: url(https://example.org/a.png)">',
        "<style>@import 'https://example.org/a.css';</style>",
        '<svg><image href="https://example.org/a.png"/></svg>',
        '<iframe src="http://example.org"></iframe>',
    ],
)
def test_a_fetch_from_elsewhere_is_found(tmp_path: Path, text: str) -> None:
    (tmp_path / "page.html").write_text(f"<html><body>{text}</body></html>")
    assert len(list(fetches(tmp_path))) == 1


def test_styles_are_read_and_links_to_follow_are_none(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_text("@font-face { src: url('https://example.org/f.woff') }")
    (tmp_path / "b.css").write_text("a { background: url(data:image/png;base64,AA//AA) }")
    page = '<a href="https://example.org">x</a><link rel="canonical" href="https://a.org">'
    (tmp_path / "page.html").write_text(page + '<img src="here.png">')
    assert list(fetches(tmp_path)) == [(Path("a.css"), "https://example.org/f.woff")]
