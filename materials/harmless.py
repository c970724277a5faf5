"""Text from outside, made harmless for where it is shown: a terminal, a spreadsheet.

Names of files, identifiers and titles are whatever somebody wrote. A terminal obeys escape
sequences in them (CWE-150), turned text hides what they say (Boucher & Anderson, USENIX
Security 2023), and a spreadsheet computes a cell that begins like a formula (CWE-1236).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

_OBEYED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]"
)
"""Control characters but tabs and line ends, and what turns the direction of text."""
_LAST_WITH_PICTURE = 0x1F
_PICTURES = 0x2400
"""Unicode has a picture for each of the first 32: ``␛``."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_QUOTE = "'"
"""Before a cell, it says to a spreadsheet that text follows; no spreadsheet shows it."""


def on_screen(text: str) -> str:
    """Text in which nothing is left that a terminal obeys; all else is as it was."""
    return _OBEYED.sub(lambda sign: _picture(ord(sign[0])), text)


def one_line(text: object) -> str:
    """The same on one line, so that a name cannot begin a line of its own."""
    return on_screen(" ".join(str(text).split("\n")))


def escaped_json(text: str) -> str:
    """JSON that means the same, what a terminal obeys written by its number."""
    return _OBEYED.sub(lambda sign: f"\\u{ord(sign[0]):04x}", text)


def cell(text: str) -> str:
    """Text for a cell of a CSV file: a quote stands before what would be a formula."""
    return f"{_QUOTE}{text}" if text.startswith((*_FORMULA, _QUOTE)) else text


def cell_content(text: str) -> str:
    """What :func:`cell` was given."""
    if text.startswith(_QUOTE) and text[1:].startswith((*_FORMULA, _QUOTE)):
        return text[1:]
    return text


def cells(frame: pd.DataFrame) -> pd.DataFrame:
    """A table whose texts, headings too, are as :func:`cell` has them; numbers stay."""
    made = frame.copy()
    for place in range(len(made.columns)):
        column = made.iloc[:, place]
        if column.dtype == object or str(column.dtype) in ("string", "str", "category"):
            texts = column.astype(object).map(
                lambda v: _in_row(v) if isinstance(v, str) else v
            )
            made.isetitem(place, texts)
    made.columns = [cell(str(name)) for name in made.columns]
    return made


def _in_row(text: str) -> str:
    """A cell without carriage returns: pandas leaves them bare, and they begin a row."""
    return cell(re.sub("\r\n?", "\n", text))


def _picture(code: int) -> str:
    return chr(_PICTURES + code) if code <= _LAST_WITH_PICTURE else "\ufffd"
