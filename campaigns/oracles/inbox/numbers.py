"""Numbers as people write them, and the units beside them."""

from __future__ import annotations

import math
import re
import unicodedata

from materials.numerals import LONGEST, Sign, tidy, with_point

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?")
_PLAIN = re.compile(r"([+-]?[\d.,'\s]*\d[\d.,]*(?:[eE][+-]?\d{1,3})?)\s*(.*)", re.DOTALL)
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


_LOST = {"Ω": "?O"}
"""What Windows writes for characters that its code pages lack; for others a ``?``."""


class NotANumber(ValueError):
    """A cell that cannot be taken; the message says what was expected."""


def split_heading(text: str) -> tuple[str, str | None]:
    """A column's name in small letters with underscores, and its unit if one is written.

    ``Band gap (meV)``, ``band_gap [meV]`` and ``band gap / meV`` are the same.
    """
    words = " ".join(text.split())
    found = _HEADER.fullmatch(words) if len(words) <= LONGEST else None
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
    factors = _FACTORS.get(unit, {unit: 1.0})
    for known, factor in factors.items():
        if _same(written, known):
            return factor
    fitting = [factor for known, factor in factors.items() if _garbled(written, known)]
    if len(fitting) == 1:
        return fitting[0]
    raise NotANumber(f"the unit '{written:.60}' was found, expected {unit or 'no unit'}")


def read_number(text: str, unit: str, *, sign: Sign, factor: float = 1.0) -> float:
    """A number in ``unit``; it may be written with a unit behind it, and else is multiplied
    with ``factor``, its heading's. ``sign`` is the file's decimal sign.

    ``0,52``, ``1.234,5``, ``12,5``, ``1 234.5`` and ``3.3 × 10^8`` are read as they must be;
    ``1,234`` and ``1.234`` alone are refused where they may mean a thousand. Raises
    :class:`NotANumber`.
    """
    cell = tidy(text)
    found = _PLAIN.fullmatch(cell) if len(cell) <= LONGEST else None
    if found is None:
        raise NotANumber(_expected(unit))
    try:
        digits = with_point(found[1].strip(), sign)
    except ValueError as error:
        raise NotANumber(str(error)) from None
    if not _NUMBER.fullmatch(digits):
        raise NotANumber(_expected(unit))
    written = found[2].strip()
    value = float(digits) * (factor_to(unit, written) if written else factor)
    if not math.isfinite(value):
        raise NotANumber(_expected(unit))
    return value


def _same(one: str, other: str) -> bool:
    return _plain(one) == _plain(other)


def _garbled(written: str, unit: str) -> bool:
    """Whether it is the unit, less the characters that a code page lacks."""
    one, other = _plain(written), _plain(unit)
    return len(one) == len(other) and all(
        mine == right or (not right.isascii() and mine in _LOST.get(right, "?"))
        for mine, right in zip(one, other, strict=True)
    )


def _plain(unit: str) -> str:
    short = re.sub(r"[\s·⋅]+", "", unicodedata.normalize("NFKC", unit))
    short = re.sub("ohms?", "Ω", short, flags=re.IGNORECASE)
    for name, spellings in _SPELLINGS.items():
        if short in spellings:
            return name
    return short


def _expected(unit: str) -> str:
    return f"expected a number in {unit}" if unit else "expected a number"
