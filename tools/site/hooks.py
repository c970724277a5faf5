"""What mkdocs does not do by itself: pages and files of the repository outside ``docs``.

Pages link to them with relative paths, as a code host shows them. Here they become pages and
files of the site, below ``repository/``. A link to a folder becomes its text.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
INSIDE = "docs/"
OUTSIDE = "repository/"

_LINK = re.compile(
    r"(?P<bang>!?)\[(?P<text>[^\]]*)\]\((?P<target>[^)\s#]+)(?P<anchor>#[^)\s]*)?\)"
)
_ROLE = re.compile(r":(?:class|func|meth|mod|data|attr|exc):(?=<code>)")


def on_files(files: Files, *, config: Any) -> Files:
    """Add what pages link to outside ``docs``, and what those link to in turn."""
    waiting = [file.src_uri for file in files.documentation_pages()]
    waiting += [OUTSIDE + name for name in _nav_targets(config["nav"])]
    seen = set(waiting)
    while waiting:
        uri = waiting.pop()
        place = _in_repository(uri)
        if uri.startswith(OUTSIDE) and files.get_file_from_path(uri) is None:
            files.append(_file(uri, ROOT / place, config))
        if not place.endswith(".md"):
            continue
        for found in _LINK.finditer((ROOT / place).read_text(encoding="utf-8")):
            target = _target(place, found["target"])
            if target is None or not (ROOT / target).is_file():
                continue
            new = _on_site(target)
            if new.startswith(OUTSIDE) and new not in seen:
                seen.add(new)
                waiting.append(new)
    return files


def on_page_markdown(markdown: str, *, page: Page, config: Any, files: Files) -> str:
    """Let links across the border of ``docs`` lead to where the site has their targets."""
    del config, files
    here = page.file.src_uri
    place = _in_repository(here)

    def rewritten(found: re.Match[str]) -> str:
        target = _target(place, found["target"])
        if target is None:
            return found[0]
        if (ROOT / target).is_dir():
            return found["text"]
        there = posixpath.relpath(_on_site(target), posixpath.dirname(here) or ".")
        return f"{found['bang']}[{found['text']}]({there}{found['anchor'] or ''})"

    return _LINK.sub(rewritten, markdown)


def on_page_content(html: str, *, page: Page, config: Any, files: Files) -> str:
    """Docstrings say what a name is, ``:class:``; the site shows the name."""
    del page, config, files
    return _ROLE.sub("", html)


def on_post_page(output: str, *, page: Page, config: Any) -> str:
    """Name the theme's search dialogue, for those who cannot see it."""
    del page, config
    return output.replace(
        'data-md-component="search" role="dialog"',
        'data-md-component="search" role="dialog" aria-label="Search"',
    )


def _target(place: str, link: str) -> str | None:
    """The linked path within the repository; None for other sites."""
    if re.match(r"[a-z]+:|/", link):
        return None
    return posixpath.normpath(posixpath.join(posixpath.dirname(place), link))


def _in_repository(uri: str) -> str:
    return uri.removeprefix(OUTSIDE) if uri.startswith(OUTSIDE) else INSIDE + uri


def _on_site(place: str) -> str:
    return place.removeprefix(INSIDE) if place.startswith(INSIDE) else OUTSIDE + place


def _file(uri: str, path: Path, config: Any) -> File:
    file = File.generated(config, uri, abs_src_path=str(path))
    if uri not in {OUTSIDE + name for name in _nav_targets(config["nav"])}:
        file.inclusion = InclusionLevel.NOT_IN_NAV
    return file


def _nav_targets(nav: Any) -> list[str]:
    """What the menu names of the repository outside ``docs``."""
    if isinstance(nav, str):
        return [nav.removeprefix(OUTSIDE)] if nav.startswith(OUTSIDE) else []
    items = nav.values() if isinstance(nav, dict) else nav
    return [name for item in items for name in _nav_targets(item)]
