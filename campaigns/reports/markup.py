"""Formulas and space groups as HTML, everything else escaped."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

from campaigns.pictures.style import NUMBERS

_AXIS = re.compile(r"([-_]\d)")


def formula_html(formula: str) -> Markup:
    """``SnO2`` with its numbers set low, everything else escaped."""
    return _marked(NUMBERS, formula, {"": Markup("<sub>{}</sub>")})


def space_group_html(symbol: str) -> Markup:
    """``F-43m`` and ``P6_3mc`` as they are printed: a bar over the 4, the 3 set low."""
    marks = {"-": Markup('<span class="bar">{}</span>'), "_": Markup("<sub>{}</sub>")}
    return _marked(_AXIS, symbol, marks)


def _marked(pattern: re.Pattern[str], text: str, marks: dict[str, Markup]) -> Markup:
    """``text`` escaped, with marks put around what the pattern's only group finds.

    The mark is the one whose key the found text begins with, and the key itself is dropped.
    """
    parts = []
    for index, part in enumerate(pattern.split(text)):  # plain and found text in turn
        key = next((k for k in marks if part.startswith(k)), None) if index % 2 else None
        parts.append(
            escape(part) if key is None else marks[key].format(part.removeprefix(key))
        )
    return Markup("").join(parts)
