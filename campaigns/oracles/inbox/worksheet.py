"""What is to be measured, as a table to fill in and as a page to print."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from campaigns.oracles.command import safe_name
from campaigns.oracles.specs import WORKSHEET_COLUMNS, Quantity
from campaigns.protocols import Candidate
from campaigns.reports.files import write_whole
from campaigns.reports.page import formula_html
from campaigns.words import ENGLISH, Words
from materials.errors import InputError
from materials.whole import whole

_FORMULA_STARTS = ("=", "+", "-", "@", "\t")
"""Cells that begin so are run by spreadsheets; an apostrophe before them makes them text."""


@dataclass(frozen=True)
class Worksheet:
    """The files of one worksheet."""

    table: Path
    """CSV, to be filled in and handed back."""
    page: Path
    """HTML, to be printed."""
    structures: tuple[Path, ...]
    """CIF files, in the order of the candidates."""


def write_worksheet(
    folder: Path,
    asked: Sequence[Candidate],
    wanted: Sequence[Quantity],
    *,
    title: str = "worksheet",
    instructions: str = "",
    say: Words = ENGLISH,
) -> Worksheet:
    """Write ``worksheet.csv``, ``worksheet.html`` and ``structures/*.cif`` into ``folder``.

    The page is in the language of ``say``; the table, which is read again, always the same.

    Raises:
        InputError: nothing is asked, or a candidate twice.
        ReportError: a file cannot be written.
    """
    ids = [candidate.id for candidate in asked]
    if not asked or not wanted:
        raise InputError("a worksheet needs at least one candidate and one quantity")
    if len(set(ids)) < len(ids):
        twice = next(name for name in ids if ids.count(name) > 1)
        raise InputError(f"'{twice}' stands on the worksheet twice")
    names = [f"structures/{safe_name(candidate.id)}.cif" for candidate in asked]
    structures = [
        write_whole(folder / name, candidate.structure.to(fmt="cif").encode(), way=whole)
        for name, candidate in zip(names, asked, strict=True)
    ]
    rows = list(zip(asked, names, strict=True))
    page = _page(rows, wanted, title, instructions, say)
    table = _table(rows, wanted)
    html = write_whole(folder / "worksheet.html", page.encode("utf-8"), way=whole)
    # The last one: where it is, all others are, and nobody writes them again.
    sheet = write_whole(folder / "worksheet.csv", table.encode("utf-8-sig"), way=whole)
    return Worksheet(sheet, html, tuple(structures))


def heading(quantity: Quantity) -> str:
    """A quantity's column: ``band_gap [eV]``."""
    return f"{quantity.name} [{quantity.unit}]" if quantity.unit else quantity.name


def _table(rows: Sequence[tuple[Candidate, str]], wanted: Sequence[Quantity]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    empty = [""] * len(wanted)
    writer.writerow([*WORKSHEET_COLUMNS[:3], *map(heading, wanted), *WORKSHEET_COLUMNS[3:]])
    for candidate, name in rows:
        writer.writerow([_as_text(candidate.id), candidate.formula, name, *empty, "", ""])
    return text.getvalue()


def _as_text(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA_STARTS) else cell


def _page(
    rows: Sequence[tuple[Candidate, str]],
    wanted: Sequence[Quantity],
    title: str,
    instructions: str,
    say: Words,
) -> str:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["formula"] = formula_html
    return environment.get_template("worksheet.html").render(
        title=title, instructions=instructions, rows=rows, wanted=wanted, say=say
    )
