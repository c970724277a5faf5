"""Materials as people name them: a formula, or files of formulas or crystals."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from materials.errors import InputError
from materials.known import formula_entries
from materials.sustainability.fractions import element_amounts, spelled
from materials.sustainability.incumbents import find_incumbent

TABLES = (".csv", ".parquet")
LISTS = (".txt",)
_FORMULA = re.compile(r"[A-Z][A-Za-z0-9.()\[\]]*")


@dataclass(frozen=True)
class NamedFormula:
    """A formula, or why there is none; exactly one of the two is None."""

    name: str
    """The formula as it was written, or where it stands: ``cells.csv, row 4``."""
    formula: str | None
    error: str | None


def read_formulas(materials: Sequence[str]) -> Iterator[NamedFormula]:
    """Yield the formula of each material named on a command line.

    A name that is a file or a folder is read: a ``.csv`` or ``.parquet`` table with a column
    ``formula``, a ``.txt`` list of a formula a line, else crystals. Anything else is a
    formula. What cannot be used comes out with the reason, in its place.
    """
    for material in materials:
        if not material.strip():
            yield NamedFormula("''", None, "an empty name, expected a formula or a file")
            continue
        path = Path(material)
        if _exists(path):
            yield from _of_file(path)
        elif _looks_like_path(material):
            yield NamedFormula(material, None, "no such file or folder")
        else:
            yield _checked(material, material)


def formulas_of(named: Iterable[NamedFormula]) -> list[str]:
    """The formulas of those that have one, in order."""
    return [item.formula for item in named if item.formula is not None]


def _exists(path: Path) -> bool:
    """Whether it is there; what is too long for a path is not."""
    try:
        return path.exists()
    except OSError:
        return False


def _looks_like_path(text: str) -> bool:
    return "/" in text or "\\" in text or (not _FORMULA.fullmatch(text) and "." in text)


def _of_file(path: Path) -> Iterable[NamedFormula]:
    suffix = path.suffix.lower()
    if path.is_file() and suffix in TABLES + LISTS:
        try:
            entries = list(formula_entries(path) if suffix in TABLES else _lines(path))
        except InputError as error:
            return [NamedFormula(str(path), None, str(error))]
        return [_checked(f"{path}, {place}", text) for place, text in entries]
    return _of_crystals(path)


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read as text: {error}") from error
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            yield f"line {number}", line.strip()


def _of_crystals(path: Path) -> Iterator[NamedFormula]:
    from materials.files import read_crystals

    for found in read_crystals([path]):
        formula = None if found.structure is None else spelled(found.structure)
        yield NamedFormula(found.name, formula, found.error)


def _checked(name: str, formula: str) -> NamedFormula:
    """The formula as it is, or that of a name such as CIGS."""
    try:
        element_amounts(formula)
    except InputError as error:
        incumbent = find_incumbent(formula)
        if incumbent is None:
            return NamedFormula(name, None, str(error))
        return NamedFormula(name, incumbent.formula, None)
    return NamedFormula(name, formula.strip(), None)
