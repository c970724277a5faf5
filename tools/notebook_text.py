"""What of a notebook is to be translated: paragraphs, headings, items of lists, alt texts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TRANSLATED = "notebooks/01-result-first.ipynb"
"""The notebook that is there in every language."""

LEFT_OUT = "An interactive view: run this cell to see it."
"""In the place of an output that is too large to keep."""

_BLOCK = re.compile(r"(?P<mark>(?:#+|-|\d+\.) )?(?P<text>.+)", re.DOTALL)


def messages_of(path: Path) -> Iterator[str]:
    """Its messages, in order."""
    notebook: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            pieces = blocks("".join(cell["source"]))
            yield from (text for mark, text in pieces if mark is not None)
        elif "alt" in cell["metadata"]:
            yield cell["metadata"]["alt"]
    yield LEFT_OUT


def blocks(source: str) -> Iterator[tuple[str | None, str]]:
    """Mark and text of paragraphs, headings and items; None and text for all between.

    Put together again they are the source. Fenced code is left as it is.
    """
    fenced = False
    for piece in re.split(r"(\n+)", source):
        fence = piece.startswith("```")
        fenced ^= fence
        found = _BLOCK.fullmatch(piece)
        if fence or fenced or not piece.strip() or found is None:
            yield None, piece
        else:
            yield found["mark"] or "", found["text"]
