"""Texts on record, in English, said in another language.

Ledgers hold what filters, oracles and errors said in English. A text is recognised by the
sentence it was made from (:mod:`campaigns.words.sentences`), also in a list of such texts; what
is language to nobody (formulas, numbers, identifiers, hashes) is taken as it is, numbers
written as the language writes them. Anything else stays English, and says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from typing import Self

from campaigns.words.names import NAMES, name_of
from campaigns.words.say import ENGLISH, Words, noted
from campaigns.words.sentences import SENTENCES

_NUMBER = r"[+\-−]?(?:\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?|nan|inf)"
_SYMBOLS = r"(?:[A-Z][a-z]?[ ,]{0,2})+"

_PATTERNS: Mapping[str, str] = {
    **dict.fromkeys(("n", "total", "x", "std", "low", "high", "limit"), _NUMBER),
    "percent": r"\d+%",
    "name": r"[A-Za-z]\w*",
    "names": r"[a-z]\w*(?:, [a-z]\w*)*",
    **dict.fromkeys(("symbols", "others"), _SYMBOLS),
    "symbol": r"\S+",
    "order": r"[A-Z][a-z]?(?: < [A-Z][a-z]?)*",
    "identifier": r"\S+",
    "unit": r"[^;()]+",
    "phases": r"\d.*",
    "settings": r"\w+ [^,]+(?:, \w+ [^,]+)*",
    "value": rf"{_NUMBER}(?: \(\d+% of the mass\))?",
    "other": rf"{_NUMBER}(?: \(\d+% of the mass\))?|\S+",
    "near": r"(?: Did you mean '[^']*'\?)?",
    "lines": r"(?:\n  .+)+",
    "command": r"(?:galena|pip) .+|origin='.*'",
    "key": r"[\w.]+",
    "file": r"[^\n]+?",
    "folder": r"[^\n]+?",
}
"""What may stand at a placeholder, by its name; at any other one, anything."""

_UNIT = r"eV|eV/atom|eV/Å|Å|s|GPa"
_TOKEN = re.compile(
    rf"[(\[]*(?:{_NUMBER}|{_UNIT}|(?:[A-Z][a-z]?[+-]?|[()\[\].+-])+|[<>=+±–·|/-]+|"
    r"\S*\d\S*)[)\],;]*"
)
"""A word that is none of any language."""
_FIGURE = re.compile(rf"(?<![\w.:/+-]){_NUMBER}(?![\w.:/+-]|$(?<=nan)|$(?<=inf))")
_SEPARATORS = ("; ", ", ")


class Recorded(str):
    """A text, and the language that it is in: English where nobody knows it."""

    __slots__ = ("language",)
    language: str

    def __new__(cls, text: str, language: str) -> Self:
        self = super().__new__(cls, text)
        self.language = language
        return self


def recorded(text: str, say: Words) -> Recorded:
    """A text on record, as ``say`` says it."""
    if say.language == ENGLISH.language or not text:
        return Recorded(text, say.language)
    said = _recognised(text, say)
    return (
        Recorded(text, ENGLISH.language) if said is None else Recorded(said, say.language)
    )


def source(text: str, say: Words) -> str:
    """What decided, with versions: ``predictor x-1+ab, corrected by 16 verdicts``.

    Kinds are said; names, versions and hashes are nobody's language.
    """
    parts = text.split(", ")
    return ", ".join(_recognised(part, say) or _named(part, say) for part in parts)


def _named(text: str, say: Words) -> str:
    """``training data mp.parquet sha256:…``: the kind said, the rest as it is."""
    words = text.split(" ")
    for n in range(len(words), 0, -1):
        if (kind := " ".join(words[:n])) in NAMES:
            return " ".join([say(NAMES[kind]), *words[n:]])
    return text


@lru_cache(maxsize=4096)
def _recognised(text: str, say: Words) -> str | None:
    """The text in another language; None where it is no sentence on record."""
    if (neutral := _neutral(text, say)) is not None:
        return neutral
    for pattern, message in _table():
        found = pattern.fullmatch(text)
        if found is not None:
            parts = {
                name: _part(name, part, say) for name, part in found.groupdict().items()
            }
            return say(message, **parts)
    return _listed(text, say)


def _listed(text: str, say: Words) -> str | None:
    """Several texts in one, each of which has to be known."""
    for separator in _SEPARATORS:
        if separator in text:
            said = [_recognised(part, say) for part in text.split(separator)]
            if all(part is not None for part in said):
                return separator.join(str(part) for part in said)
    return None


def _neutral(text: str, say: Words) -> str | None:
    """A text without words, its numbers as they are written in the language."""
    if all(_TOKEN.fullmatch(token) for token in text.split()):
        return _with_figures(text, say)
    return None


def _with_figures(text: str, say: Words) -> str:
    return _FIGURE.sub(lambda found: say.figure(found[0]), text)


def _part(name: str, text: str, say: Words) -> str:
    """What stands at a placeholder, said."""
    how = _SAID.get(name)
    return text if how is None else how(text, say)


def _names(text: str, say: Words) -> str:
    return ", ".join(name_of(part, say) for part in text.split(", "))


def _settings(text: str, say: Words) -> str:
    """``prototype X, species_0 Zn``: names and values."""
    pairs = [part.partition(" ") for part in text.split(", ")]
    return ", ".join(f"{name_of(name, say)} {value}" for name, _, value in pairs)


def _near(text: str, say: Words) -> str:
    """What stands behind many an error."""
    if not text:
        return ""
    name = text.removeprefix(" Did you mean '").removesuffix("'?")
    return " " + say(noted("Did you mean '{name}'?"), name=name)


def _lines(text: str, say: Words) -> str:
    return "".join(f"\n  {recorded(line, say)}" for line in text.split("\n  ")[1:])


def _percent(text: str, say: Words) -> str:
    return say.percent(int(text.removesuffix("%")) / 100)


_FIGURES = ("n", "total", "x", "std", "low", "high", "limit")
_SAID: Mapping[str, Callable[[str, Words], str]] = {
    **dict.fromkeys(_FIGURES, lambda text, say: say.figure(text)),
    **dict.fromkeys(("why", "value", "other", "unit"), recorded),
    "percent": _percent,
    "name": lambda text, say: name_of(text, say),
    "names": _names,
    "phases": _with_figures,
    "settings": _settings,
    "near": _near,
    "lines": _lines,
}


@cache
def _table() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Every sentence as a pattern, those with the most of their own words first."""
    ordered = sorted(SENTENCES, key=lambda message: -len(_own(message)))
    return tuple((_pattern(message), message) for message in ordered)


def _own(message: str) -> str:
    return re.sub(r"\{\w+\}", "", message)


def _pattern(message: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", message)
    return re.compile(
        "".join(
            re.escape(part)
            if place % 2 == 0
            else f"(?P<{part}>{_PATTERNS.get(part, '.+?')})"
            for place, part in enumerate(parts)
        ),
        re.DOTALL,
    )
