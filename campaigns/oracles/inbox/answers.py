"""What comes back from a worksheet: each row an answer, empty, or a named problem."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from campaigns.oracles.inbox.agreement import merge
from campaigns.oracles.inbox.found import FAILED, ID, Answers, Cell, Problem
from campaigns.oracles.inbox.numbers import (
    NotANumber,
    factor_to,
    read_number,
    split_heading,
)
from campaigns.oracles.inbox.tables import Table, parse_table, read_file
from campaigns.oracles.sanity import RANGES
from campaigns.oracles.specs import Quantity
from materials.errors import did_you_mean
from materials.numerals import Sign

_BESIDE = ("formula", "structure", "note")


@dataclass(frozen=True)
class _Column:
    """Where a quantity stands, and how it is written there."""

    place: int
    quantity: Quantity
    factor: float
    fault: str = ""


def read_answers(
    path: Path, open_ids: Collection[str], wanted: Sequence[Quantity]
) -> Answers:
    """Read a worksheet that came back, as CSV or JSON, whole or in part, in any order.

    ``open_ids`` are the candidates that were asked about, ``wanted`` what was asked.

    Raises:
        InputError: the file cannot be read at all; anything wrong inside is a problem.
    """
    text, suffix = read_file(path)
    return parse_answers(text, suffix, open_ids, wanted)


def parse_answers(
    text: str, suffix: str, open_ids: Collection[str], wanted: Sequence[Quantity]
) -> Answers:
    """As :func:`read_answers`, from a text; never raises for any."""
    table = parse_table(text, suffix)
    bad = [Problem(row, "", text, "expected an object") for row, text in table.odd]
    if table.fault:
        bad.append(Problem(0, "", "", table.fault))
    if table.unclosed:
        reason = "a quote begins in it and never ends; it and what follows were not read"
        bad.append(Problem(table.unclosed, "", "", reason))
    if not table.headings:
        return Answers((), (*bad, *([] if bad else [_nothing()])))
    names = [split_heading(heading) for heading in table.headings]
    columns, unused = _columns(table.headings, names, wanted)
    id_place = next((i for i, (name, _) in enumerate(names) if name == ID), None)
    failed_place = next((i for i, (name, _) in enumerate(names) if name == FAILED), None)
    if id_place is None or not columns:
        missing = ID if id_place is None else wanted[0].name
        near = did_you_mean(missing, [name for name, _ in names])
        reason = f"there is no column '{missing}'.{near}"
        bad.append(Problem(1, "", ", ".join(table.headings), reason))
        bad += [
            Problem(row, "", "", "not read for want of a column") for row, _ in table.rows
        ]
        return Answers((), tuple(bad), unused=unused)
    cells: list[Cell] = []
    empty: list[int] = []
    for row, texts in table.rows:
        found, problems = _row(
            row, texts, table, columns, (id_place, failed_place), open_ids
        )
        cells += found
        bad += problems
        if not found and not problems:
            empty.append(row)
    good, contradicted = merge(cells)
    ordered = sorted([*bad, *contradicted], key=lambda problem: problem.row)
    return Answers(good, tuple(ordered), tuple(empty), unused)


def _columns(
    headings: Sequence[str],
    names: Sequence[tuple[str, str | None]],
    wanted: Sequence[Quantity],
) -> tuple[list[_Column], tuple[str, ...]]:
    """Where what is wanted stands, and the headings of what is not."""
    by_name = {quantity.name: quantity for quantity in wanted}
    columns: list[_Column] = []
    unused: list[str] = []
    for place, (name, unit) in enumerate(names):
        quantity = by_name.get(name)
        if quantity is None:
            if name not in (ID, FAILED, *_BESIDE) and headings[place].strip():
                unused.append(headings[place])
            continue
        try:
            columns.append(_Column(place, quantity, factor_to(quantity.unit, unit)))
        except NotANumber as error:
            columns.append(_Column(place, quantity, 1.0, f"in its heading {error}"))
    return columns, tuple(unused)


def _row(
    row: int,
    texts: Sequence[str],
    table: Table,
    columns: Sequence[_Column],
    places: tuple[int, int | None],
    open_ids: Collection[str],
) -> tuple[list[Cell], list[Problem]]:
    """One row's values and problems; neither, where it answers nothing."""
    name = _text(texts, places[0]).removeprefix("'")
    failed = "" if places[1] is None else _text(texts, places[1])
    filled = [(column, _text(texts, column.place)) for column in columns]
    filled = [(column, text) for column, text in filled if text]
    if len(texts) > len(table.headings):  # empty ones too: a decimal comma moves them right
        reason = f"{len(texts)} cells where there are {len(table.headings)} headings"
        hint = "put texts and numbers that hold the separator in quotes"
        return [], [Problem(row, "", "", f"{reason}; {hint}")]
    if not filled and not failed:
        return [], []
    if not name:
        return [], [Problem(row, ID, "", "it is empty, so nobody knows what was measured")]
    if name not in open_ids:
        near = did_you_mean(name, open_ids)
        return [], [Problem(row, ID, name, f"nobody asked about it.{near}")]
    if filled and failed:
        return [], [
            Problem(row, FAILED, failed, "there are values too; keep one or the other")
        ]
    if failed:
        return [Cell(row, name, FAILED, " ".join(failed.split()), failed)], []
    cells: list[Cell] = []
    problems: list[Problem] = []
    for column, text in filled:
        try:
            value = _value(column, text, table.sign)
        except NotANumber as error:
            problems.append(Problem(row, column.quantity.name, text, str(error)))
        else:
            cells.append(Cell(row, name, column.quantity.name, value, text))
    return cells, problems


def _text(texts: Sequence[str], place: int) -> str:
    return texts[place].strip() if place < len(texts) else ""


def _value(column: _Column, text: str, sign: Sign) -> float:
    if column.fault:
        raise NotANumber(column.fault)
    quantity = column.quantity
    value = read_number(text, quantity.unit, sign=sign, factor=column.factor)
    least, largest = RANGES.get(quantity.name, (-math.inf, math.inf))
    low = least if quantity.min is None else quantity.min
    high = largest if quantity.max is None else quantity.max
    if not low <= value <= high:
        raise NotANumber(
            f"expected {low:g} to {high:g}{' ' * bool(quantity.unit)}{quantity.unit}"
        )
    return value


def _nothing() -> Problem:
    return Problem(0, "", "", "the file is empty, expected headings and rows")
