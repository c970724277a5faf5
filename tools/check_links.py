"""Check what the documentation links to.

``python tools/check_links.py`` asks every page of other sites whether it is there; that needs a
network, so no test does it. Links within the repository, with their anchors, are checked by
``tests/docs/test_links.py`` through :func:`broken`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parents[1]

PLACES = (
    "*.md",
    "docs/**/*.md",
    "benchmarks/*.md",
    "notebooks/*.md",
    "models/**/*.md",
    "materials/**/*.md",
)

EXAMPLES = re.compile(r"https?://(127\.0\.0\.1|localhost|HOST|[\w.-]*example\.(com|org))")
"""Addresses that stand for the reader's own."""

_FENCE = re.compile(r"^(`{3,}|~{3,})")
_CODE = re.compile(r"`[^`]*`")
_LINK = re.compile(r"\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
_AUTO = re.compile(r"<(https?://[^>]+)>")
_HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*$")
_ID = re.compile(r"(?:id|name)=\"([^\"]+)\"")


@dataclass(frozen=True)
class Link:
    """Where a page leads."""

    page: Path
    line: int
    target: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}: {self.target}"


def pages(root: Path = ROOT) -> list[Path]:
    """Every Markdown page that people read, in order."""
    return sorted({path for place in PLACES for path in root.glob(place)})


def links(page: Path) -> Iterator[Link]:
    """Links of a page, pictures included; none of what is code."""
    for number, line in _prose(page):
        text = _CODE.sub("", line)
        for target in (*_LINK.findall(text), *_AUTO.findall(text)):
            yield Link(page, number, target)


def broken(found: Iterable[Link]) -> Iterator[str]:
    """Links within the repository whose file or anchor is not there, with the reason."""
    for link in found:
        if re.match(r"[a-z]+:", link.target):
            continue
        name, _, anchor = link.target.partition("#")
        target = (link.page.parent / unquote(name)).resolve() if name else link.page
        if not target.exists():
            yield f"{link}: there is no such file"
        elif anchor and target.suffix == ".md" and anchor not in anchors(target):
            yield f"{link}: no heading gives that anchor"


@cache
def anchors(page: Path) -> frozenset[str]:
    """What ``#`` may lead to, as code hosts and the site make it of headings."""
    found: dict[str, int] = {}
    names = set()
    for _, line in _prose(page):
        names.update(_ID.findall(line))
        if heading := _HEADING.match(line):
            slug = slug_of(heading[1])
            n = found.get(slug, 0)
            found[slug] = n + 1
            names.add(f"{slug}-{n}" if n else slug)
    return frozenset(names)


def slug_of(heading: str) -> str:
    """``Kills, resuming and `--force``` becomes ``kills-resuming-and---force``."""
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    return re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")


def _prose(page: Path) -> Iterator[tuple[int, str]]:
    """Numbered lines outside of fenced code."""
    fence = ""
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        mark = _FENCE.match(line.strip())
        if mark and not fence:
            fence = mark[1]
        elif fence and line.strip().startswith(fence):
            fence = ""
        elif not fence:
            yield number, line


def answer(address: str) -> str:
    """What a site says of a page: empty if it is there."""
    import requests

    try:
        reply = requests.get(
            address, timeout=30, stream=True, headers={"User-Agent": "Mozilla/5.0"}
        )
    except requests.RequestException as error:
        return type(error).__name__
    # Publishers turn programs away, which says that they are there.
    return "" if reply.ok or reply.status_code in (401, 403, 405, 429) else reply.reason


def main() -> None:
    """Ask every address once; exit with 1 if one is not there."""
    by_address: dict[str, Link] = {}
    for page in pages():
        for link in links(page):
            address = link.target.partition("#")[0]
            if address.startswith("http") and not EXAMPLES.match(address):
                by_address.setdefault(address, link)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(answer, by_address))
    wrong = [
        f"{link}: {answer}"
        for link, answer in zip(by_address.values(), answers, strict=True)
        if answer
    ]
    print(f"{len(by_address)} addresses, {len(wrong)} not there")
    print(*wrong, sep="\n")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
