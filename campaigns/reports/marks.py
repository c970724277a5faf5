"""Marks inside text: what is set low, what is code, a name, a link, or still English.

A mark is a pair of characters that no language uses (Unicode's private ones), so that marked
text passes through translated sentences like any other and whatever comes from outside cannot
pretend to be markup: :func:`plain` takes such characters away.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from campaigns.pictures.formulas import NUMBERS

_END, _SEPARATOR = "\ue000", "\ue00f"
_PRIVATE = re.compile("[\ue000-\ue00f]")
_AXIS = re.compile(r"([-_]\d)")
_SAFE_LINK = re.compile(
    r"https://[\w./()-]+|\w[\w.-]*(?:/\w[\w.-]*)*|#[\w-]+|data:chemical/x-cif;base64,[\w+/=]*"
)
"""Papers, files beside the report, places in it, and crystals that it carries."""


class Mark(Enum):
    """What a piece of text is."""

    LOW = "\ue001"
    """Set low: the numbers of a formula."""
    OVER = "\ue002"
    """Under a bar: the axes of inversion of a space group."""
    CODE = "\ue003"
    """Typed as it is: a command, a hash."""
    STRONG = "\ue004"
    ENGLISH = "\ue005"
    """Stays English in every language: recorded errors, names of licences."""
    NAME = "\ue006"
    """A formula, symbol or identifier, the same in every language."""
    LINK = "\ue007"


_BY_CHARACTER = {mark.value: mark for mark in Mark}


@dataclass(frozen=True)
class Span:
    """Some text, and all that it is."""

    text: str
    marks: frozenset[Mark] = frozenset()
    target: str = ""
    """Where a link leads."""


def plain(text: object) -> str:
    """Text from outside, without characters that would be taken for marks."""
    return _PRIVATE.sub("", str(text))


def code(text: object) -> str:
    """A command, a version or a hash."""
    return _marked(Mark.CODE, plain(text))


def strong(text: str) -> str:
    """Something that must not be overlooked."""
    return _marked(Mark.STRONG, text)


def english(text: object) -> str:
    """What is English whatever the language of the rest."""
    return _marked(Mark.ENGLISH, plain(text))


def name(text: object) -> str:
    """An identifier, a symbol, a unit: the same in every language."""
    return _marked(Mark.NAME, plain(text))


def link(target: str, text: str) -> str:
    """Text that leads to an address or a file beside the report."""
    return f"{Mark.LINK.value}{plain(target)}{_SEPARATOR}{text}{_END}"


def formula(text: object) -> str:
    """``SnO2`` with its number set low."""
    low = NUMBERS.sub(rf"{Mark.LOW.value}\1{_END}", plain(text))
    return _marked(Mark.NAME, low)


def space_group(symbol: str) -> str:
    """``F-43m`` and ``P6_3mc`` as they are printed: a bar over the 4, the 3 set low."""

    def axis(found: re.Match[str]) -> str:
        sign, digit = found[1][0], found[1][1]
        return _marked(Mark.OVER if sign == "-" else Mark.LOW, digit)

    return _marked(Mark.NAME, _AXIS.sub(axis, plain(symbol)))


def spans(text: str) -> Iterator[Span]:
    """The pieces of marked text in order; marks that were broken are dropped."""
    open_marks: list[tuple[Mark, str]] = []
    piece, place = "", 0
    while place < len(text):
        character = text[place]
        place += 1
        if not _PRIVATE.match(character):
            piece += character
            continue
        if piece:
            yield _span(piece, open_marks)
            piece = ""
        if character == _END and open_marks:
            open_marks.pop()
        elif (mark := _BY_CHARACTER.get(character)) is not None:
            target = ""
            if mark is Mark.LINK and (end := text.find(_SEPARATOR, place)) >= 0:
                target, place = text[place:end], end + 1
            open_marks.append((mark, target))
    if piece:
        yield _span(piece, open_marks)


def bare(text: str) -> str:
    """Marked text as it reads without marks: ``SnO2``."""
    return "".join(span.text for span in spans(text))


def _span(text: str, open_marks: list[tuple[Mark, str]]) -> Span:
    marks = frozenset(mark for mark, _ in open_marks)
    target = next((t for mark, t in open_marks if mark is Mark.LINK), "")
    if Mark.LINK in marks and not _SAFE_LINK.fullmatch(target):
        return Span(text, marks - {Mark.LINK})
    return Span(text, marks, target)


def _marked(mark: Mark, text: str) -> str:
    return f"{mark.value}{text}{_END}"
