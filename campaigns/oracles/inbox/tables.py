"""Rows of an answers file, whatever program wrote it: CSV of any dialect, or JSON."""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from materials.errors import InputError
from materials.opening import small_file

SUFFIXES = (".csv", ".tsv", ".txt", ".json")
_SEPARATORS = (",", ";", "\t")


@dataclass(frozen=True)
class Table:
    """Cells as texts."""

    headings: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]
    """Number as a spreadsheet shows it, or place in a JSON list from 1; and the cells."""
    comma_is_decimal: bool
    fault: str = ""
    """Why what follows the last row could not be read."""
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
    return _decoded(content), suffix


def parse_table(text: str, suffix: str) -> Table:
    """The rows of a text; never raises for any."""
    text = text.removeprefix("\ufeff")
    return _json_table(text) if suffix == ".json" else _csv_table(text)


def _decoded(content: bytes) -> str:
    """As UTF-8, or what its byte order mark says, or as Windows wrote it in the West."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", "replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def _csv_table(text: str) -> Table:
    separator = _separator(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    headings: tuple[str, ...] = ()
    rows: list[tuple[int, tuple[str, ...]]] = []
    fault = ""
    try:
        for number, cells in enumerate(reader, start=1):
            if not any(cell.strip() for cell in cells):
                continue
            if not headings:
                headings = tuple(cells)
            else:
                rows.append((number, tuple(cells)))
    except csv.Error as error:
        fault = str(error)
    return Table(headings, tuple(rows), separator != ",", fault)


def _separator(text: str) -> str:
    """What stands most often in the first line that is not empty."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    return max(_SEPARATORS, key=first.count)


def _json_table(text: str) -> Table:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        return Table((), (), False, f"not JSON: {error}")
    if isinstance(content, dict):
        content = content.get("answers", [content])
    if not isinstance(content, list):
        return Table((), (), False, "expected a list of objects, one for each candidate")
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
    return Table(headings, tuple(rows), False, odd=tuple(odd))


def _keys(content: Sequence[Any]) -> Iterator[str]:
    for row in content:
        if isinstance(row, Mapping):
            yield from row


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
