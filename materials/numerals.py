"""Numbers as people and spreadsheets write them: decimal commas, thousands, powers of ten."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Literal

Sign = Literal[".", ",", ""]
"""A file's decimal sign; nothing where it may be either."""

LONGEST = 120
"""Characters of a number; what is longer is none, and slow to look through."""

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_DECIMALS = re.compile(r"[+-]?(\d[\d.,]*)?([.,])(\d+)(?![\d.,])", re.ASCII)
_GROUPED = re.compile(r"[+-]?\d{1,3}([,.]\d{3})+", re.ASCII)
_SPACED = re.compile(r"([+-]?\d{1,3}(?:[ ']\d{3})+)(?![\d '])", re.ASCII)
_TEN_TO = re.compile(
    r"(?<=[\d.,])\s*[×x*·⋅]\s*10(?:\^\s*([+-]?\d{1,3})|([⁺⁻]?[⁰¹²³⁴-⁹]{1,3}))(?!\d)",
    re.ASCII,
)
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "0123456789+-")
_SPACES = str.maketrans(dict.fromkeys("\u00a0\u2006\u2007\u2008\u2009\u200a\u202f", " "))
_BLANKS = frozenset(
    ("", "#N/A", "#NA", "-NaN", "-nan", "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a")
) | {"nan", "null"}
"""What spreadsheets and pandas write where a number is not known."""


def tidy(text: str) -> str:
    """A cell with ASCII's minus and spaces, and ``e8`` for ``× 10^8`` and ``×10⁸``."""
    cell = text.strip().replace("−", "-").translate(_SPACES)
    if len(cell) > LONGEST:
        return cell
    return _TEN_TO.sub(lambda f: "e" + (f[1] or f[2].translate(_RAISED)), cell)


def decimal_sign(separator: str, cells: Iterable[str]) -> Sign:
    """The decimal sign of a table whose columns ``separator`` stands between.

    Cells that can be read in one way alone (``0,5``, ``12.75``, ``1.234,5``) decide it.
    Where none does, or they differ, semicolons are of programs that write decimal commas.
    """
    if separator == ",":
        return "."
    seen = {sign for cell in cells if (sign := _shown(cell))}
    if len(seen) == 1:
        return seen.pop()
    return "," if separator == ";" or seen else ""


def _shown(cell: str) -> Sign:
    """The decimal sign that a cell shows beyond doubt."""
    text = cell.strip()
    found = _DECIMALS.match(text) if len(text) <= LONGEST else None
    if found is None or found[2] in (found[1] or ""):
        return ""
    whole, sign, rest = found[1] or "", found[2], found[3]
    clear = len(rest) != 3 or len(whole) > 3 or whole in ("", "0")
    return ("," if sign == "," else ".") if clear else ""


def with_point(digits: str, sign: Sign) -> str:
    """Digits as Python reads them: a point as decimal sign, nothing between thousands.

    A sign with three digits behind it, and one to three before, is refused unless it is the
    file's decimal sign: it may stand between thousands. Raises :class:`ValueError`.
    """
    digits = _SPACED.sub(lambda found: re.sub("[ ']", "", found[1]), digits)
    last = max(digits.rfind(","), digits.rfind("."))
    if "," in digits and "." in digits:  # the last of the two is the decimal sign
        whole, rest = digits[:last], digits[last + 1 :]
        if not _GROUPED.fullmatch(whole) or digits[last] in whole:
            raise ValueError("its points and commas make no number")
        return re.sub(r"[,.]", "", whole) + "." + rest
    unclear = _GROUPED.fullmatch(digits) and not re.match(r"[+-]?0", digits)
    if "," in digits:
        if digits.count(",") == 1 and (sign != "." or not unclear):
            return digits.replace(",", ".")
        raise ValueError(
            "the comma may be a decimal sign or stand between thousands; write a point, or "
            "no comma"
        )
    if unclear and sign == ",":
        raise ValueError(
            "the point may be a decimal sign or stand between thousands; write a comma, or "
            "no point"
        )
    return digits


def number(text: str, sign: Sign) -> float:
    """A table's cell as a number, NaN where it is blank (``NA`` and ``null`` are).

    Raises :class:`ValueError` for any other text.
    """
    cell = text.strip()
    if cell in _BLANKS:
        return math.nan
    digits = with_point(tidy(cell), sign)
    if digits.lower().lstrip("+-") in ("inf", "infinity"):
        return float(digits)
    if len(digits) > LONGEST or not _NUMBER.fullmatch(digits):
        raise ValueError("expected a number")
    return float(digits)
