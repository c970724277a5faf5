"""Check that the built site fetches nothing from elsewhere.

``python tools/check_site.py build/site`` reads every page, style and drawing, and names what a
browser would fetch by itself from another site: scripts, styles, fonts, pictures, frames.
Links that a reader may follow are no fetches.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

_FETCHED = {"src", "srcset", "poster", "data", "background"}
_LINKED = {"a", "area"}
_DECLARED = {"canonical", "alternate", "next", "prev", "author", "license"}
"""What a ``link`` may say without a browser fetching it."""

_STYLE = re.compile(r"(?:url\(\s*['\"]?|@import\s+['\"])\s*([^'\")\s]+)")


class _Fetches(HTMLParser):
    """Addresses that a page makes a browser fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._in_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_style = tag == "style"
        values = {name: value or "" for name, value in attrs}
        for name, value in values.items():
            if name in _FETCHED and tag not in _LINKED:
                self.found += [part.split()[0] for part in value.split(",") if part.strip()]
            elif name == "style":
                self.found += _STYLE.findall(value)
            elif name in ("href", "xlink:href") and self._is_fetched(tag, values):
                self.found.append(value)

    def handle_data(self, data: str) -> None:
        if self._in_style:
            self.found += _STYLE.findall(data)

    def handle_endtag(self, tag: str) -> None:
        del tag
        self._in_style = False

    @staticmethod
    def _is_fetched(tag: str, values: dict[str, str]) -> bool:
        if tag == "link":
            return not set(values.get("rel", "").lower().split()) & _DECLARED
        return tag in ("image", "use", "script")


def fetches(folder: Path) -> Iterator[tuple[Path, str]]:
    """Files of a site and the addresses of other sites that they would fetch."""
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".html", ".svg"):
            parser = _Fetches()
            parser.feed(path.read_text(encoding="utf-8"))
            found = parser.found
        elif path.suffix == ".css":
            found = _STYLE.findall(path.read_text(encoding="utf-8"))
        else:
            continue
        for address in found:
            if re.match(r"(?:[a-z]+:)?//", address):
                yield path.relative_to(folder), address


def main() -> None:
    """Name what would be fetched; exit with 1 if there is any."""
    folder = Path(sys.argv[1])
    if not (folder / "index.html").exists():
        sys.exit(f"{folder}: no site; build it with make docs")
    wrong = [f"{page}: {address}" for page, address in fetches(folder)]
    print(*wrong, sep="\n", end="\n" if wrong else "")
    print(f"{len(list(folder.rglob('*.html')))} pages, {len(wrong)} fetches from elsewhere")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
