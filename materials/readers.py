"""Taking crystal files apart, one function for each format that needs care.

A reader splits a file into frames: functions of no argument that parse one crystal each, so
that a broken crystal costs nothing but itself. Nothing in a file is ever executed, unpickled
or allowed to choose a class.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from itertools import dropwhile, takewhile
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from materials.bounds import (
    LARGEST_CRYSTAL,
    LARGEST_FILE,
    LONGEST_LINE,
    check_lines,
    check_size,
    whole_number,
)
from materials.errors import InputError, brief, listed
from materials.poscar import blocks, plain_numbers, poscar_text
from materials.soundness import MOST_SITES, isotope_fault
from materials.xyz_comment import plain_comment

if TYPE_CHECKING:
    from ase import Atoms
    from pymatgen.core import Structure

Frame = Callable[[], "Structure | Atoms"]

_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_NO_ENDS = dict.fromkeys(map(ord, "\v\f\x1c\x1d\x1e\x85\u2028\u2029"), " ")
_LONGEST_COUNT = 15  # digits
_VASP_COUNTS = 5  # lines before the numbers of atoms: comment, scale, three vectors
_XYZ_COLUMNS = {
    "elements": ("species", "symbols", "Z", "numbers"),
    "positions": ("pos", "positions"),
}
_LONGEST_COMMENT = 8 * LONGEST_LINE  # characters; extended XYZ keeps arrays there


def read_text(path: Path) -> str:
    """Return a file's text, whatever its encoding, its lines ended as on Unix.

    What else Python takes for the end of a line (a form feed, U+2028) becomes a blank.
    Raises :class:`InputError` if it is binary or larger than
    :data:`materials.bounds.LARGEST_FILE`.
    """
    check_size(path, LARGEST_FILE, "split it, or make a table of it with galena ingest")
    return _plain_lines(_decoded(path.read_bytes()))


def _decoded(raw: bytes) -> str:
    if raw.startswith(_UTF16):
        return raw.decode("utf-16", errors="replace")
    if b"\0" in raw:
        raise InputError("holds binary data, expected text")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _plain_lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").translate(_NO_ENDS)


# VASP


def poscar_frames(path: Path) -> Iterator[Frame]:
    """POSCAR and what starts like it; the grids of a CHGCAR are not read."""
    with path.open("rb") as raw:
        encoding = "utf-16" if raw.read(2) in _UTF16 else "utf-8-sig"
    with path.open(encoding=encoding, errors="replace") as file:
        for lines in blocks(_poscar_lines(file)):
            if lines and len(lines[0]) > LONGEST_LINE:
                raise InputError(
                    f"a comment of {len(lines[0])} characters, at most {LONGEST_LINE}"
                )
            check_lines(lines[1:], first=2)
            yield partial(_poscar_structure, poscar_text(lines))


def _poscar_lines(file: TextIO) -> Iterator[str]:
    while line := file.readline(LARGEST_CRYSTAL + 1):
        yield _plain_lines(line)


def check_vasp_counts(lines: list[str]) -> None:
    """Refuse more atoms than lines before a parser makes room for all of them."""
    rest = dropwhile(lambda line: not _are_counts(line), lines[_VASP_COUNTS:])
    counts = takewhile(_are_counts, rest)
    given = [word for line in counts for word in line.split()]
    if fewer := next((word for word in given if word.startswith("-")), None):
        raise InputError(f"promises {brief(fewer)} atoms: a count is no less than zero")
    words = list(map(_digits, given))
    if any(len(word) > _LONGEST_COUNT for word in words):
        raise InputError("promises more atoms than can be counted")
    promised = sum(map(int, words))
    if promised > len(lines):
        raise InputError(f"promises {promised} atoms in {len(lines)} lines: cut short")


def check_promised(word: str, most: int, what: str) -> None:
    """Refuse a count of more than a file can hold, which a parser makes room for first."""
    digits = _digits(word)
    if digits.isdecimal() and (len(digits) > _LONGEST_COUNT or int(digits) > most):
        raise InputError(f"promises {brief(word)} {what}, holds less: cut short")


def _are_counts(line: str) -> bool:
    words = line.split()
    return bool(words) and all(_digits(word).isdecimal() for word in words)


def _digits(word: str) -> str:
    """What is left of a number without what Python's ``int`` allows besides digits."""
    return word.lstrip("+-").replace("_", "")


def _poscar_structure(text: str) -> Structure:
    from pymatgen.io.vasp.inputs import BadPoscarWarning, Poscar

    check_vasp_counts(text.splitlines())
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Elements in POSCAR cannot be determined")
        try:
            structure: Structure = Poscar.from_str(text, read_velocities=False).structure
        except BadPoscarWarning as error:
            if "cannot be determined" not in str(error):
                raise InputError(str(error)) from error
            raise InputError(
                "names no elements (VASP 4); add a line of symbols above the numbers of "
                "atoms"
            ) from error
    return structure


# XYZ


def xyz_frames(path: Path) -> Iterator[Frame]:
    """Plain or extended XYZ, any number of crystals one after another."""
    lines = read_text(path).splitlines()
    start = 0
    while start < len(lines):
        if not lines[start].strip():
            start += 1
            continue
        count = whole_number(lines[start])
        if count is None:
            raise InputError(
                f"line {start + 1} is '{lines[start].strip()[:40]}', expected a number of "
                "atoms"
            )
        end = start + 2 + count
        if end > len(lines):
            raise InputError(
                f"line {start + 1} promises {count} atoms, the file ends after "
                f"{max(len(lines) - start - 2, 0)}: cut short"
            )
        yield partial(_xyz_atoms, lines[start:end])
        start = end


def _xyz_atoms(lines: list[str]) -> Atoms:
    import ase.io

    count, comment, *rows = lines
    if len(rows) > MOST_SITES:
        raise InputError(f"{len(rows)} atoms, at most {MOST_SITES} are read")
    check_lines([comment], _LONGEST_COMMENT)
    comment = plain_comment(comment)
    check_lines(rows)
    named = re.search(r"\bProperties=\"?([\w:-]+)", comment)
    columns = (
        sum(int(count) for count in re.findall(r":[SRIL]:(\d+)", named[1])) if named else 0
    )
    if rows and columns > len(rows[0].split()):
        raise InputError(
            f"Properties name {columns} columns, the first atom has {len(rows[0].split())}"
        )
    if named:
        _check_columns(named[1])
    column = _species_column(named[1]) if named else 0
    plain = [_without_isotope(plain_numbers(row), column) for row in rows]
    text = "\n".join([count, comment, *plain]) + "\n"
    try:
        return _single(ase.io.read(io.StringIO(text), index=0, format="extxyz"))
    except KeyError as error:
        raise InputError(
            f"unknown element '{error.args[0]!s:.20}'; expected a symbol such as Si, without "
            "the number of a site"
        ) from error


def _check_columns(properties: str) -> None:
    """Refuse what ase takes for atoms of no element, or all in one place."""
    names = properties.split(":")[::3]
    for what, known in _XYZ_COLUMNS.items():
        if not set(known) & set(names):
            raise InputError(
                f"Properties name no column of {what} ({known[0]}), only {listed(names)}"
            )


def _species_column(properties: str) -> int:
    """Where elements stand in a row, by what ``Properties`` says; -1 if they do not."""
    parts = properties.split(":")
    column = 0
    for name, count in zip(parts[::3], parts[2::3], strict=False):
        if name in ("species", "symbols"):
            return column
        column += whole_number(count) or 0
    return -1


def _without_isotope(row: str, column: int) -> str:
    """Deuterium as hydrogen, which it is to every other reader."""
    words = row.split()
    if column < 0 or len(words) <= column or words[column] not in ("D", "T"):
        return row
    if fault := isotope_fault(words[column]):
        raise InputError(fault)
    words[column] = "H"
    return " ".join(words)


def _single(atoms: Atoms | list[Atoms]) -> Atoms:
    return atoms[0] if isinstance(atoms, list) else atoms
