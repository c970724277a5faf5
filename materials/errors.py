"""Errors that say what was expected, what came, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


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


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` for the nearest known name, or nothing."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f" Did you mean '{near[0]}'?" if near else ""
