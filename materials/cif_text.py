"""The text of a CIF block: what no parser may be given, and what pymatgen needs it to be.

Keywords and tags are the same in capitals (CIF 1.1, Hall et al., International Tables G,
chapter 2.2), and a dot stands in tags of the newer dictionaries (``_cell.length_a``).
"""

from __future__ import annotations

import re
import unicodedata

from materials.bounds import LARGEST_CRYSTAL, LONGEST_LINE, MEBIBYTE, check_words
from materials.errors import InputError

_MOST_QUOTES = 200  # in a line: pymatgen's pattern looks for the end of each in turn
_COMMENT = re.compile(r"(^|\s)#.*$")
_QUOTED = re.compile(r"(?<!\S)(?:'(.*?)'|\"(.*?)\")(?!\S)")
_NUMERIC = re.compile(r"[\d\s.,/*+()xyzeE-]*")
_TAGS = re.compile(
    r"""(?<!\S)(?:'.*?'(?!\S)|".*?"(?!\S)|['"#].*|(_\S+|loop_(?!\S)))""", re.IGNORECASE
)
_HEADER = re.compile(r"\s*data_\S*", re.IGNORECASE)
_DOTTED = ("_cell.", "_atom_site.", "_atom_type.", "_chemical_formula.")
_ONCE = ("_cell_", "_atom_site_")
_CAPITALS = {  # in the names that pymatgen looks for
    name.lower(): name
    for name in (
        "_space_group_magn.name_BNS",
        "_space_group_magn.number_BNS",
        "_space_group_magn.transform_BNS_Pp",
        "_space_group_magn.transform_BNS_Pp_abc",
        "_magnetic_space_group.transform_to_standard_Pp_abc",
    )
}
_SIGNS = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2212", "-"))
_BAR = re.compile("([1346])[\u0304\u0305]")  # above the number of a rotoinversion


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


def plain_text(block: str) -> str:
    """A block as pymatgen takes it: the same values, tags as the dictionaries spell them.

    Pymatgen begins a block at each line with ``data_``, in text fields too, passes over one
    whose name says ``powder_pattern``, and loses what is not ASCII, a minus among it. Raises
    :class:`InputError` for a cell or sites that are given in two spellings.
    """
    if not block.isascii():
        block = _BAR.sub(r"-\1", block).translate(_SIGNS)
    spellings: dict[str, str] = {}
    lines = []
    in_field = False
    for number, line in enumerate(block.splitlines()):
        if line.startswith(";"):
            in_field = not in_field
        if number == 0:
            line = _HEADER.sub("data_crystal", line, count=1)
        elif in_field and _HEADER.match(line):
            continue
        if not in_field:
            line = _plain_line(line, spellings)
        lines.append(line)
    return "\n".join(lines) + "\n"


def _plain_line(line: str, spellings: dict[str, str]) -> str:
    if "_" not in line:
        return line
    return _TAGS.sub(lambda match: _plain_tag(match, spellings), line)


def _plain_tag(match: re.Match[str], spellings: dict[str, str]) -> str:
    written: str | None = match[1]
    if written is None:
        return match[0]
    tag = written.lower()
    if tag.startswith(_DOTTED):
        tag = tag.replace(".", "_", 1)
    if spellings.setdefault(tag, written) != written and tag.startswith(_ONCE):
        raise InputError(
            f"{spellings[tag]:.60} and {written:.60} are one tag; leave one out"
        )
    return _CAPITALS.get(tag, tag)


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
