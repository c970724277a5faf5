"""The text of a CIF block: what no parser may be given."""

from __future__ import annotations

import re
import unicodedata

from materials.bounds import LARGEST_CRYSTAL, LONGEST_LINE, MEBIBYTE, check_words
from materials.errors import InputError

_MOST_QUOTES = 200  # in a line: pymatgen's pattern looks for the end of each in turn
_COMMENT = re.compile(r"(^|\s)#.*$")
_QUOTED = re.compile(r"(?<!\S)(?:'(.*?)'|\"(.*?)\")(?!\S)")
_NUMERIC = re.compile(r"[\d\s.,/*+()xyzeE-]*")


def check_text(block: str) -> None:
    """Refuse what pymatgen takes very long over, or skips in silence."""
    if len(block) > LARGEST_CRYSTAL:
        raise InputError(
            f"a data block of {len(block) / MEBIBYTE:.0f} MiB, expected at most "
            f"{LARGEST_CRYSTAL // MEBIBYTE}"
        )
    in_field = False
    for number, line in enumerate(block.splitlines(), 1):
        if line.startswith(";"):
            in_field = not in_field
        if in_field:
            continue  # prose is not parsed
        if len(line) > LONGEST_LINE or line.count("'") + line.count('"') > _MOST_QUOTES:
            raise InputError(
                f"line {number} has {len(line)} characters and "
                f"{line.count(chr(39)) + line.count(chr(34))} quotes, expected at most "
                f"{LONGEST_LINE} and {_MOST_QUOTES}"
            )
        words = _without_prose(line)
        check_words(words, number)
        odd = next((c for c in words if not c.isascii() and _is_number(c)), None)
        if odd is not None:
            raise InputError(f"line {number} has the digit '{odd}'; write numbers in ASCII")


def _without_prose(line: str) -> str:
    """A line without its comment and its quoted texts, those that are numbers aside."""
    if "#" not in line and "'" not in line and '"' not in line:
        return line
    return _COMMENT.sub("", _QUOTED.sub(_numbers_alone, line))


def _numbers_alone(match: re.Match[str]) -> str:
    text = match[1] if match[1] is not None else match[2]
    plain = unicodedata.normalize("NFKC", text)
    return f" {text} " if _NUMERIC.fullmatch(plain) else " "


def _is_number(letter: str) -> bool:
    return unicodedata.category(letter).startswith("N")
