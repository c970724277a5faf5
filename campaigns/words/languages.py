"""Which language is meant: as asked for, as the environment is set, or English."""

from __future__ import annotations

import os
from collections.abc import Mapping

from materials.errors import InputError, did_you_mean

LANGUAGES: Mapping[str, str] = {
    "en": "English",
    "es": "español",
    "ca": "català",
    "eu": "euskara",
    "gl": "galego",
}
"""Codes (ISO 639-1) and what speakers call their language."""

_VARIABLES = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
"""In the order of gettext."""


def language_of(
    asked: str | None = None, environment: Mapping[str, str] = os.environ
) -> str:
    """The code of a language asked for, or of the first that the environment wants.

    ``ca_ES.UTF-8`` and ``ca-ES`` are Catalan. What the environment wants and Galena does not
    speak is English.

    Raises:
        InputError: a language was asked for that Galena does not speak.
    """
    if asked is not None:
        code = _code(asked)
        if code not in LANGUAGES:
            spoken = ", ".join(f"{c} ({name})" for c, name in LANGUAGES.items())
            raise InputError(
                f"language '{asked}' is not spoken; there are {spoken}."
                f"{did_you_mean(code, list(LANGUAGES))}"
            )
        return code
    for variable in _VARIABLES:
        for wanted in environment.get(variable, "").split(":"):
            code = _code(wanted)
            if code in LANGUAGES:
                return code
            if code in ("c", "posix"):
                return "en"
    return "en"


def _code(name: str) -> str:
    """``ca`` of ``ca_ES.UTF-8@valencia``."""
    for mark in ".@_-":
        name = name.partition(mark)[0]
    return name.strip().lower()
