"""CSV as spreadsheets write it: any of their separators, encodings and line ends."""

from __future__ import annotations

import codecs
import csv
import io
import re
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from materials.errors import InputError, brief
from materials.opening import small_file

if TYPE_CHECKING:
    import pandas as pd

LARGEST = 512 << 20
"""Bytes of a table; it is read whole."""

_SEPARATORS = (",", ";", "\t")
_STATED = re.compile(r'"?sep=([,;:|\t])"?[,; \t]*(?:\r\n|\r|\n|$)', re.IGNORECASE)
"""A first line that tells Excel the separator, and that Excel does not show."""
_SPARE = 64  # cells behind the last heading that are looked at, and may be blank only
_END = "\ue000 the end of the file"


@dataclass(frozen=True)
class Sheet:
    """Cells as texts."""

    headings: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]
    """Number as a spreadsheet shows it, and the cells; rows without any text are left out."""
    separator: str
    fault: str = ""
    """Why what follows the last row could not be read."""
    unclosed: int = 0
    """The row in which a quote begins that never ends, if there is one: it is not among the
    rows, and what follows it cannot be told from it."""


def decoded(content: bytes) -> str:
    """As UTF-8, or what its byte order mark says, or as Windows wrote it in the West."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", "replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def parse_sheet(text: str) -> Sheet:
    """The rows of a text; never raises for any."""
    text, separator = _without_preamble(text)
    headings: tuple[str, ...] = ()
    rows: list[tuple[int, tuple[str, ...]]] = []
    number = unclosed = 0
    fault = ""
    try:
        for number, cells in enumerate(_records(text, separator), start=1):
            if cells == [_END]:
                continue
            if cells and cells[-1].endswith(_END):
                unclosed = number
            elif not any(cell.strip() for cell in cells):
                continue
            elif not headings:
                headings = tuple(cells)
            else:
                rows.append((number, tuple(cells)))
    except csv.Error as error:
        fault = str(error)
    return Sheet(headings, tuple(rows), separator, fault, unclosed)


def read_sheet(path: Path) -> Sheet:
    """A CSV file with its headings stripped and every row as long as they are.

    Raises:
        InputError: it cannot be read, has a heading twice, or a row with more cells than
            there are headings.
    """
    try:
        sheet = parse_sheet(_text(path))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    unclosed = f"a quote begins in row {sheet.unclosed} and never ends"
    if fault := unclosed if sheet.unclosed else sheet.fault:
        raise InputError(f"{path} is not a CSV file: {fault}")
    headings = tuple(heading.strip() for heading in sheet.headings)
    check_once(path, headings)
    rows = []
    for number, cells in sheet.rows:
        if any(cell.strip() for cell in cells[len(headings) :]):
            raise InputError(
                f"{path}, row {number}: {len(cells)} cells where there are "
                f"{len(headings)} headings; put texts that hold a '{sheet.separator}' in "
                "quotes"
            )
        spare = ("",) * (len(headings) - len(cells))
        rows.append((number, (*cells[: len(headings)], *spare)))
    return Sheet(headings, tuple(rows), sheet.separator)


def read_text_frame(path: Path) -> tuple[pd.DataFrame, str]:
    """The same as a frame of stripped texts, for tables with long ones; and the separator.

    Columns without a heading are left out.

    Raises:
        InputError: as :func:`read_sheet`.
        OSError: it cannot be opened.
    """
    import pandas as pd

    text, separator = _without_preamble(_text(path))
    # A return without a line feed has pandas' tokenizer ask for all memory there is.
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    file = io.StringIO(text, newline="")
    try:
        records = csv.reader(file, delimiter=separator)
        first = next((r for r in records if any(cell.strip() for cell in r)), [])
        headings = [heading.strip() for heading in first]
        check_once(path, headings)
        longest = max((line.count(separator) for line in text.splitlines()), default=0) + 1
        width = max(len(headings), min(longest, len(headings) + _SPARE))
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(
                file,
                sep=separator,
                header=None,
                names=list(range(width)),
                dtype=str,
                na_filter=False,
                index_col=False,
                low_memory=False,
            ).fillna("")
    except pd.errors.EmptyDataError:
        frame = pd.DataFrame({place: [] for place in range(width)}, dtype=str)
    except (csv.Error, ValueError, OverflowError, pd.errors.ParserWarning) as error:
        reason = brief(str(error).partition("\n")[0])
        raise InputError(f"{path} cannot be read as csv: {reason}") from error
    frame = frame.apply(lambda column: column.str.strip())
    beyond = (frame[range(len(headings), width)] != "").any(axis="columns").to_numpy()
    if beyond.any():
        raise InputError(
            f"{path} cannot be read as csv: row {int(beyond.argmax()) + 1} below the "
            f"headings has more cells than the {len(headings)} of them; put texts that hold "
            f"a '{separator}' in quotes"
        )
    named = [place for place, heading in enumerate(headings) if heading]
    frame = frame[named]
    return frame.set_axis([headings[place] for place in named], axis="columns"), separator


def check_once(path: Path, headings: Iterable[str]) -> None:
    """Raise :class:`InputError` for a heading that stands twice, which it names."""
    for name, times in Counter(headings).items():
        if name and times > 1:
            raise InputError(
                f"{path}: the column '{brief(name)}' is given {times} times, and nobody can "
                "say which is meant; keep one"
            )


def _text(path: Path) -> str:
    """A file's text; raises :class:`InputError` for what is none, OSError without it."""
    text = decoded(small_file(path, largest=LARGEST))
    if "\0" in text:
        raise InputError(f"{path} is not a CSV file: it is no text")
    return text


def _without_preamble(text: str) -> tuple[str, str]:
    """The text from its headings on, and what stands between its columns."""
    text = text.removeprefix("\ufeff")
    if stated := _STATED.match(text):
        return text[stated.end() :], stated[1]
    first = next((line for line in text.splitlines() if line.strip()), "")
    return text, max(_SEPARATORS, key=first.count)


def _records(text: str, separator: str) -> Iterator[list[str]]:
    """Records, and one of :data:`_END` behind them, if no quote has swallowed it."""
    ended = text if text.endswith(("\n", "\r")) else text + "\n"
    return csv.reader(chain(io.StringIO(ended, newline=""), [_END]), delimiter=separator)
