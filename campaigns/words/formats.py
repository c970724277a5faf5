"""Numbers, lists, dates and durations as a language writes them.

The data is the Unicode consortium's (CLDR), by way of Babel. Units are international and stay
as they are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, datetime
from typing import Literal

NOTHING = "–"
"""Stands where there is no number."""

_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0  # s


_REGIONS = {"en": "en_GB"}
"""English as in this code; the other languages are written alike wherever they are spoken."""


def _locale(language: str) -> str:
    return _REGIONS.get(language, language)


def number(value: float, digits: int | None, language: str) -> str:
    """A number with a real minus sign and ``digits`` after the mark.

    Without ``digits``, as many as it takes. A dash for what is no number.
    """
    from babel.numbers import format_decimal

    if not math.isfinite(value):
        return NOTHING
    pattern = None
    if digits is not None:
        pattern = "#,##0" + ("." + "0" * digits if digits else "")
    if digits is not None and abs(value) < 0.5 * 10.0**-digits:
        value = 0.0  # what rounds to nothing has no sign
    text = format_decimal(
        value,
        format=pattern,
        locale=_locale(language),
        decimal_quantization=digits is not None,
    )
    return text.replace("-", "−")


def signed(value: float, digits: int, language: str) -> str:
    """A number with its sign, also where that is a plus."""
    text = number(value, digits, language)
    return text if text[0] in "−–" else f"+{text}"


def percent(share: float, digits: int, language: str) -> str:
    """``0.82`` as ``82%``, ``82 %`` or ``% 82``."""
    from babel.numbers import format_percent

    if not math.isfinite(share):
        return NOTHING
    if abs(100 * share) < 0.5 * 10.0**-digits:
        share = 0.0  # what rounds to nothing has no sign
    pattern = None
    if digits:
        from babel import Locale

        usual = Locale.parse(_locale(language)).percent_formats[None].pattern
        pattern = usual.replace("0", "0." + "0" * digits)
    return format_percent(share, format=pattern, locale=_locale(language)).replace("-", "−")


def listed(items: Sequence[str], joint: Literal["and", "or"], language: str) -> str:
    """``A, B and C``; empty for nothing."""
    from babel.lists import format_list

    style: Literal["standard", "or"] = "standard" if joint == "and" else "or"
    return format_list(list(items), style=style, locale=_locale(language)) if items else ""


def day(when: date | datetime, language: str) -> str:
    """A date with the month as a word."""
    from babel.dates import format_date

    return format_date(when, format="long", locale=_locale(language))


def moment(when: datetime, language: str) -> str:
    """A date and the time to the minute, in the zone that ``when`` names."""
    return f"{day(when, language)}, {when:%H:%M} {when.tzname() or ''}".strip()


def duration(seconds: float, language: str) -> str:
    """``12.3 s``, ``5 min 20 s``, ``2 h 5 min`` or ``3 d 4 h``: two units at the most."""
    if not math.isfinite(seconds):
        return NOTHING
    if round(seconds, 1) < _MINUTE:
        return f"{number(seconds, 1, language)} s"
    for size, name, part, smaller in (
        (_DAY, "d", _HOUR, "h"),
        (_HOUR, "h", _MINUTE, "min"),
        (_MINUTE, "min", 1.0, "s"),
    ):
        parts = round(seconds / part)
        if parts * part >= size:
            whole, rest = divmod(parts, round(size / part))
            text = f"{number(whole, 0, language)} {name}"
            return f"{text} {rest} {smaller}" if rest else text
    return f"{number(seconds, 0, language)} s"


def rewritten(figure: str, language: str) -> str:
    """A number that is written in English, ``-1,204.50``, digit for digit as here."""
    from babel.numbers import get_decimal_symbol

    head, mark, exponent = figure.replace(",", "").partition("e")
    head = head.replace("-", "−").replace(".", get_decimal_symbol(language))
    return head + mark + exponent
