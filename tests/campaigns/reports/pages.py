"""A page taken apart."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = {"meta", "img", "br", "link", "input", "hr"}


class Page(HTMLParser):
    """What a page shows, holds and fetches."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.said: list[str] = []
        """Text that is to be in the page's language."""
        self._open: list[tuple[str, bool]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags.append((tag, found))
        foreign = found.get("translate") == "no" or tag == "style"
        foreign |= tag != "html" and found.get("lang") == "en"
        within = bool(self._open) and self._open[-1][1]
        if tag not in VOID:
            self._open.append((tag, foreign or within))
        for name in ("alt", "aria-label"):
            if found.get(name) and not within:
                self.said.append(str(found[name]))

    def handle_endtag(self, tag):
        opened, _ = self._open.pop()
        assert opened == tag, f"{opened} closed by {tag}"

    def handle_data(self, data):
        if self._open and self._open[-1][0] == "style":
            return
        self.words.append(data)
        if self._open and not self._open[-1][1]:
            self.said.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]
