"""Markdown for model cards: wrapped text and tables."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

_WIDTH = 92


def paragraphs(*texts: str) -> str:
    """Each text wrapped, a blank line between them."""
    return "\n\n".join(textwrap.fill(" ".join(text.split()), _WIDTH) for text in texts)


def markdown_table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table whose first column is text and whose others are numbers."""
    columns = tuple(header)
    rule = ("---", *("---:" for _ in columns[1:]))
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (columns, rule, *rows))
