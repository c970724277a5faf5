from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.check_links import ROOT, answer, broken, links, pages, slug_of


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_links_to_within_the_repository_is_there(page: Path) -> None:
    assert list(broken(links(page))) == []


def test_pages_of_every_kind_are_looked_at() -> None:
    names = {str(page.relative_to(ROOT)) for page in pages()}
    assert {"README.md", "CHANGELOG.md", "docs/cli.md", "benchmarks/README.md"} <= names
    assert "docs/reference/campaign-file.md" in names
    assert sum(1 for page in pages() for _ in links(page)) > 250


def write(folder: Path, text: str) -> Path:
    page = folder / "page.md"
    page.write_text(text)
    return page


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[a](nowhere.md)", "no such file"),
        ("![a](nowhere.png)", "no such file"),
        ("[a](#nothing)", "no heading"),
        ("[a](page.md#nothing)", "no heading"),
        ('[a](nowhere.md "with a title")', "no such file"),
    ],
)
def test_a_broken_link_is_told_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    (problem,) = broken(links(write(tmp_path, f"# Head\n\n{text}\n")))
    assert told in problem
    assert "page.md:3" in problem


@pytest.mark.parametrize(
    "text",
    [
        "[a](#head)",
        "[a](page.md#head)",
        "[a](https://example.org/nowhere)",
        "`[a](nowhere.md)`",
        "```\n[a](nowhere.md)\n```",
        "[a](#head-1)\n\n# Head",
        '<a id="here"></a> [a](#here)',
    ],
)
def test_what_is_there_or_is_code_is_fine(tmp_path: Path, text: str) -> None:
    assert list(broken(links(write(tmp_path, f"# Head\n\n{text}\n")))) == []


def test_anchors_are_those_of_code_hosts() -> None:
    assert slug_of("Kills, resuming and `--force`") == "kills-resuming-and---force"
    assert slug_of("`targets.band_gap` and [more](x.md)") == "targetsband_gap-and-more"


class Site(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(int(self.path[1:]))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize(("status", "there"), [(200, True), (403, True), (404, False)])
def test_other_sites_are_asked(status: int, there: bool) -> None:
    server = HTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.handle_request, daemon=True).start()
    said = answer(f"http://127.0.0.1:{server.server_port}/{status}")
    assert (said == "") is there
    server.server_close()


def test_a_site_that_does_not_answer_is_told() -> None:
    assert answer("http://127.0.0.1:9/") == "ConnectionError"


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"])))
def test_an_anchor_needs_no_escape(heading: str) -> None:
    slug = slug_of(heading)
    assert not set(slug) & set(" #/?&<>\"'`()[]")
    assert slug_of(slug) == slug
