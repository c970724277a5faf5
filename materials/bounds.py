"""How much of a file goes to a parser at once, and what of a reason goes to a screen.

Parsers of crystal files take time that grows with the square of a line's or a number's
length, or double it with each alias. What is larger than any crystal needs is refused
before they see it, so that every item ends within seconds; docs/bad-input.md has the
measurements.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from materials.errors import InputError

MEBIBYTE = 1 << 20
LARGEST_FILE = 512 * MEBIBYTE  # bytes of one file; a CIF of 10,000 atoms has 1 MB
LARGEST_CRYSTAL = 16 * MEBIBYTE  # characters of one crystal
LONGEST_LINE = 8192  # characters; CIF 1.1 allows 2048
LONGEST_REASON = 240  # characters of an error that a person still reads
LONGEST_WORD = 512  # characters between blanks; the longest number has 25


def check_size(path: Path, largest: int, instead: str) -> None:
    """Refuse a file of more than ``largest`` bytes; ``instead`` is what to do about it."""
    size = path.stat().st_size
    if size > largest:
        raise InputError(
            f"the file has {size / MEBIBYTE:.0f} MiB, at most {largest // MEBIBYTE} MiB "
            f"are read; {instead}"
        )


def check_lines(
    lines: Iterable[str], longest: int = LONGEST_LINE, *, first: int = 1
) -> None:
    """Refuse lines and words longer than any format has; ``first`` is a line's number."""
    for number, line in enumerate(lines, first):
        if len(line) > longest:
            raise InputError(
                f"line {number} has {len(line)} characters, expected at most {longest}"
            )
        if len(line) > LONGEST_WORD:
            check_words(line, number)


def check_words(line: str, number: int) -> None:
    """Refuse a line with a word longer than :data:`LONGEST_WORD`."""
    word = max(line.split(), key=len, default="")
    if len(word) > LONGEST_WORD:
        raise InputError(
            f"line {number} has a word of {len(word)} characters ('{word[:20]}…'), "
            f"expected at most {LONGEST_WORD}"
        )


def printable(text: str) -> str:
    """Text on one line without characters that steer a terminal or hide others."""
    plain = " ".join(text.split())
    if plain.isprintable():
        return plain
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in plain)


def shortened(text: str) -> str:
    """The beginning of a text that is too long to be read on one line."""
    return text if len(text) <= LONGEST_REASON else f"{text[:LONGEST_REASON]}…"


def whole_number(text: str) -> int | None:
    """A count written in the ten digits, or None; longer ones than counts have are none."""
    text = text.strip()
    return int(text) if re.fullmatch(r"[0-9]{1,15}", text) else None
