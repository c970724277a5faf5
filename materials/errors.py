"""Errors that say what was expected, what came, and what to do."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable

_SHOWN = 60  # characters of what somebody handed us, in a message
_NAMED = 40  # names in a message


class GalenaError(Exception):
    """Root of everything Galena raises on purpose; the message is written for its reader."""


class InputError(GalenaError):
    """Something a person handed us cannot be used; names the file, row or field."""


class SourceError(GalenaError):
    """A server is out of reach or answers otherwise than documented; says what to do."""


class MissingExtraError(GalenaError):
    """An optional dependency is not installed; names the extra that brings it."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(
            f"{package} is not installed; it comes with: "
            f"pip install 'galena-materials[{extra}]'"
        )


def brief(text: str) -> str:
    """As much of a text as a message can hold."""
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def listed(names: Iterable[object]) -> str:
    """Names one after the other, as many and as much of each as a message can hold."""
    told = [brief(str(name)) for name in names]
    more = f" and {len(told) - _NAMED} more" if len(told) > _NAMED else ""
    return ", ".join(told[:_NAMED]) + more


def json_reason(error: ValueError | RecursionError) -> str:
    """Why :mod:`json` could not read a text."""
    if isinstance(error, json.JSONDecodeError):
        return f"not JSON: {error.msg}"
    if isinstance(error, RecursionError):
        return "not JSON: nested too deeply"
    return "not JSON: a whole number of more than 4,300 digits"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` for the nearest known name, or nothing."""
    short = [one for one in known if len(one) <= _SHOWN]  # comparing takes their product
    near = difflib.get_close_matches(name[:_SHOWN], short, n=1)
    return f" Did you mean '{near[0]}'?" if near else ""
