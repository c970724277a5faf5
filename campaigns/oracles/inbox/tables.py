"""Rows of an answers file, whatever program wrote it: CSV of any dialect, or JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from materials.errors import InputError, json_reason
from materials.numerals import Sign, decimal_sign
from materials.opening import small_file
from materials.spreadsheets import decoded, parse_sheet

SUFFIXES = (".csv", ".tsv", ".txt", ".json")


@dataclass(frozen=True)
class Table:
    """Cells as texts."""

    headings: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]
    """Number as a spreadsheet shows it, or place in a JSON list from 1; and the cells."""
    sign: Sign
    """The decimal sign of its numbers."""
    fault: str = ""
    """Why what follows the last row could not be read."""
    unclosed: int = 0
    """The row in which a quote begins that never ends, and with which reading ended."""
    odd: tuple[tuple[int, str], ...] = ()
    """Entries of a JSON list that are no rows at all."""


def read_file(path: Path) -> tuple[str, str]:
    """An answers file's text and its suffix; raises :class:`InputError`."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(
            f"{path}: answers are read from {', '.join(SUFFIXES)}; save a spreadsheet as CSV"
        )
    try:
        content = small_file(path)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    return decoded(content), suffix


def parse_table(text: str, suffix: str) -> Table:
    """The rows of a text; never raises for any."""
    text = text.removeprefix("\ufeff")
    return _json_table(text) if suffix == ".json" else _csv_table(text)


def _csv_table(text: str) -> Table:
    sheet = parse_sheet(text)
    sign = decimal_sign(sheet.separator, (cell for _, row in sheet.rows for cell in row))
    return Table(sheet.headings, sheet.rows, sign, sheet.fault, sheet.unclosed)


def _json_table(text: str) -> Table:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        return Table((), (), ".", json_reason(error))
    if isinstance(content, dict):
        content = content.get("answers", [content])
    if not isinstance(content, list):
        return Table((), (), ".", "expected a list of objects, one for each candidate")
    headings = tuple(dict.fromkeys(_keys(content)))
    rows = [
        (number, tuple(_cell(row.get(name)) for name in headings))
        for number, row in enumerate(content, start=1)
        if isinstance(row, dict)
    ]
    odd = [
        (number, _cell(row))
        for number, row in enumerate(content, start=1)
        if not isinstance(row, dict)
    ]
    return Table(headings, tuple(rows), ".", odd=tuple(odd))


def _keys(content: Sequence[Any]) -> Iterator[str]:
    for row in content:
        if isinstance(row, Mapping):
            yield from row


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
