"""Phases from a person's own file: formula, energy, and what computed it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from materials.errors import InputError, brief, did_you_mean, json_reason, listed
from materials.hull.phases import Phase, atomic_fractions
from materials.known import FORMULA_COLUMNS
from materials.numerals import Sign, decimal_sign, number
from materials.spreadsheets import check_once, read_sheet

ENERGY = "energy_per_atom"
STD = "energy_per_atom_std"
ORIGIN = "origin"
METHOD, RELAXATION = "method", " relaxation"
"""As tables of ``galena relax`` say what computed an energy."""
NAMES = ("name", "material_id", "id")
SUFFIXES = (".csv", ".json", ".jsonl", ".parquet")

Row = tuple[str, Mapping[str, Any]]  # "row 4" and its cells


@dataclass(frozen=True)
class PhaseTable:
    """The phases of a file, and the rows that are none."""

    phases: tuple[Phase, ...]
    failures: tuple[tuple[str, str], ...]
    """``("row 4", reason)``; rows are counted from 1, without the header."""
    source: str


def read_phases(path: Path, *, origin: str | None = None) -> PhaseTable:
    """Read phases from CSV, JSON (a list of objects), JSON lines or Parquet.

    Columns: ``formula``; ``energy_per_atom``, total energy in eV/atom; ``origin``, what
    computed it, for which ``origin`` stands in where a row does not say (in tables of
    ``galena relax`` the column ``method`` says it); optional
    ``energy_per_atom_std`` (eV/atom) and ``name``. A row that cannot be used becomes a
    failure; whether the origins are one is for the hull to see.

    Raises:
        InputError: the file cannot be read or lacks a column.
    """
    phases: list[Phase] = []
    failures: list[tuple[str, str]] = []
    for place, cells in _rows(path):
        try:
            phases.append(_phase(cells, origin))
        except InputError as error:
            failures.append((place, str(error)))
    return PhaseTable(tuple(phases), tuple(failures), str(path))


def _phase(cells: Mapping[str, Any], origin: str | None) -> Phase:
    formula = next((str(cells[c]) for c in FORMULA_COLUMNS if cells.get(c)), "")
    atomic_fractions(formula)
    stated = _stated_origin(cells) or origin
    if not stated:
        raise InputError(
            f"nothing says what computed the energy of {formula}; fill in '{ORIGIN}'"
        )
    name = next((str(cells[c]) for c in NAMES if cells.get(c)), "")
    energy = _number(cells.get(ENERGY), f"{ENERGY} of {brief(formula)}", "eV/atom")
    std = cells.get(STD)
    deviation = (
        0.0 if std in (None, "") else _number(std, f"{STD} of {brief(formula)}", "eV/atom")
    )
    if deviation < 0.0:
        raise InputError(f"{STD} of {formula} is {deviation:g}, expected 0 or more")
    return Phase(formula, energy, stated, name, deviation)


def _stated_origin(cells: Mapping[str, Any]) -> str:
    """What a row says of it; of the tables of ``galena relax``, whose method it is."""
    stated, method = cells.get(ORIGIN), cells.get(METHOD)
    if isinstance(stated, str) and stated.strip():
        return stated
    if isinstance(method, str) and method.endswith(RELAXATION):
        return method.removesuffix(RELAXATION)
    return ""


def _number(value: Any, what: str, unit: str) -> float:
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        given = "empty" if value in (None, "") else f"'{brief(str(value))}'"
        raise InputError(f"{what} is {given}, expected a number in {unit}")
    return number


def _rows(path: Path) -> Iterator[Row]:
    """The rows of a file, whatever it is."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(
            f"{path}: phases are read from {', '.join(SUFFIXES)}, not from "
            f"'{suffix or path.name}'"
        )
    try:
        match suffix:
            case ".csv":
                return iter(_csv_rows(path))
            case ".parquet":
                return iter(_parquet_rows(path))
            case ".jsonl":
                return iter(_json_rows(path, _lines(path)))
            case _:
                return iter(_json_rows(path, json.loads(path.read_text("utf-8-sig"))))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not a {suffix[1:].upper()} file: {error}") from error
    except (ValueError, RecursionError) as error:
        line = f", line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise InputError(f"{path}{line}: {json_reason(error)}") from error


def _csv_rows(path: Path) -> list[Row]:
    sheet = read_sheet(path)
    _check_columns(path, sheet.headings)
    energies = [place for place, name in enumerate(sheet.headings) if name in (ENERGY, STD)]
    sign = decimal_sign(
        sheet.separator, (cells[place] for _, cells in sheet.rows for place in energies)
    )
    found: list[Row] = []
    for i, (_, cells) in enumerate(sheet.rows, start=1):
        row: dict[str, Any] = dict(zip(sheet.headings, map(str.strip, cells), strict=True))
        row.update((name, _known(row[name], sign)) for name in (ENERGY, STD) if name in row)
        found.append((f"row {i}", row))
    return found


def _known(cell: str, sign: Sign) -> float | str:
    """A cell's number; of what is none a text that none can be read from."""
    try:
        return number(cell, sign) if cell else cell
    except ValueError:
        return f"{cell} (its point may part thousands)" if sign == "," else cell


def _parquet_rows(path: Path) -> list[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        names = pq.read_schema(path).names
        _check_columns(path, names)
        wanted = {*FORMULA_COLUMNS, *NAMES, ENERGY, STD, ORIGIN, METHOD}
        table = pq.read_table(path, columns=[name for name in names if name in wanted])
    except pa.ArrowInvalid as error:
        raise InputError(f"{path} is not a Parquet file, or cut short: {error}") from error
    return [(f"row {i}", row) for i, row in enumerate(table.to_pylist(), start=1)]


def _lines(path: Path) -> list[Any]:
    found = []
    for place, line in enumerate(path.read_text("utf-8-sig").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            found.append(json.loads(line))
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path}, line {place}: {json_reason(error)}") from error
    return found


def _json_rows(path: Path, content: Any) -> list[Row]:
    if not isinstance(content, list) or not all(isinstance(row, dict) for row in content):
        raise InputError(
            f"{path}: expected a list of objects, each with 'formula' and '{ENERGY}'"
        )
    if content:
        _check_columns(path, {key for row in content for key in row})
    return [(f"row {i}", row) for i, row in enumerate(content, start=1)]


def _check_columns(path: Path, present: Iterable[str]) -> None:
    names = list(present)
    check_once(path, names)
    if not any(name in names for name in FORMULA_COLUMNS):
        raise InputError(
            f"{path}: no column 'formula', only {listed(names) or 'nothing'}."
            f"{did_you_mean('formula', names)}"
        )
    if ENERGY not in names:
        raise InputError(
            f"{path}: no column '{ENERGY}', only {listed(names)}; it holds total energies "
            f"in eV/atom.{did_you_mean(ENERGY, names)}"
        )
