"""Numbers as people write them, and the units beside them."""

from __future__ import annotations

import math
import re

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?")
_PLAIN = re.compile(r"([+-]?[\d.,'\s]*\d[\d.,]*(?:[eE][+-]?\d{1,3})?)\s*(.*)", re.DOTALL)
_GROUPED = re.compile(r"[+-]?\d{1,3}([,.' ]\d{3})+")
_HEADER = re.compile(r"(.*?)\s*(?:\[(.*)\]|\((.*)\)|/\s+(.*)|\s/(.*)|,\s*in\s+(.*))?\s*")
_FACTORS = {
    "eV": {"eV": 1.0, "meV": 1e-3},
    "eV/atom": {"eV/atom": 1.0, "meV/atom": 1e-3},
    "GPa": {"GPa": 1.0, "MPa": 1e-3, "kbar": 0.1},
    "Å": {"Å": 1.0, "nm": 10.0, "pm": 0.01},
}
"""Units that can stand for the one asked for, and what they are of it."""
_SPELLINGS = {
    "Å": ("å", "A", "ang", "Ang", "angstrom", "Angstrom", "ångström", "Ångström"),
    "eV": ("ev", "EV"),
    "meV": ("mev",),
    "eV/atom": ("ev/atom", "eV/at"),
}
"""Other ways to write a unit; no small and large letters mixed up, for MeV is not meV."""


_LONGEST = 120
"""Characters of a heading or a number; what is longer is neither, and slow to look through."""


class NotANumber(ValueError):
    """A cell that cannot be taken; the message says what was expected."""


def split_heading(text: str) -> tuple[str, str | None]:
    """A column's name in small letters with underscores, and its unit if one is written.

    ``Band gap (meV)``, ``band_gap [meV]`` and ``band gap / meV`` are the same.
    """
    words = " ".join(text.split())
    found = _HEADER.fullmatch(words) if len(words) <= _LONGEST else None
    if found is None:
        return "", None
    unit = next((part for part in found.groups()[1:] if part is not None), None)
    name = re.sub(r"[\s_-]+", "_", found[1].strip().lower()).strip("_")
    return name, None if unit is None else unit.strip()


def factor_to(unit: str, written: str | None) -> float:
    """What a number in the ``written`` unit is multiplied with; raises
    :class:`NotANumber` for a unit that cannot stand for the one asked for.
    """
    if written is None or not written or _same(written, unit):
        return 1.0
    for known, factor in _FACTORS.get(unit, {}).items():
        if _same(written, known):
            return factor
    raise NotANumber(f"the unit '{written:.60}' was found, expected {unit or 'no unit'}")


def read_number(
    text: str, unit: str, *, comma_is_decimal: bool, factor: float = 1.0
) -> float:
    """A number in ``unit``; it may be written with a unit behind it, and else is multiplied
    with ``factor``, its heading's.

    A comma is the decimal sign where it must be (``0,52``, ``1.234,5``, ``12,5``) or where
    the file's columns are not separated by commas; ``1,234`` alone is refused, since it may
    mean a thousand. Raises :class:`NotANumber`.
    """
    cell = text.strip().replace("−", "-").replace("\u00a0", " ").replace("\u202f", " ")
    found = _PLAIN.fullmatch(cell) if len(cell) <= _LONGEST else None
    if found is None:
        raise NotANumber(_expected(unit))
    digits = _with_point(found[1].strip(), comma_is_decimal)
    if not _NUMBER.fullmatch(digits):
        raise NotANumber(_expected(unit))
    written = found[2].strip()
    value = float(digits) * (factor_to(unit, written) if written else factor)
    if not math.isfinite(value):
        raise NotANumber(_expected(unit))
    return value


def _with_point(digits: str, comma_is_decimal: bool) -> str:
    """The digits with a point as the decimal sign and nothing between thousands."""
    sign = max(digits.rfind(","), digits.rfind("."))
    if "," in digits and "." in digits:  # the last of the two is the decimal sign
        whole, rest = digits[:sign], digits[sign + 1 :]
        if not _GROUPED.fullmatch(whole) or digits[sign] in whole:
            raise NotANumber("its points and commas make no number")
        return re.sub(r"[,.' ]", "", whole) + "." + rest
    if "," in digits:
        unclear = _GROUPED.fullmatch(digits) and not re.match(r"[+-]?0", digits)
        if digits.count(",") == 1 and (comma_is_decimal or not unclear):
            return digits.replace(",", ".")
        raise NotANumber(
            "the comma may be a decimal sign or stand between thousands; write a point, or "
            "no comma"
        )
    return digits


def _same(one: str, other: str) -> bool:
    return _plain(one) == _plain(other)


def _plain(unit: str) -> str:
    short = re.sub(r"[\s·]+", "", unit).replace("\u212b", "Å")
    for name, spellings in _SPELLINGS.items():
        if short in spellings:
            return name
    return short


def _expected(unit: str) -> str:
    return f"expected a number in {unit}" if unit else "expected a number"
