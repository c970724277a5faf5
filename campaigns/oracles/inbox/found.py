"""What a worksheet that came back holds: answers, problems, and single cells on the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

ID, FAILED = "candidate_id", "failed_because"


@dataclass(frozen=True)
class Problem:
    """Something in the file that was not taken."""

    row: int
    """As a spreadsheet counts, the headings being row 1; in JSON the place from 1. 0 is the
    file as a whole."""
    field: str
    value: str
    reason: str
    """What is wrong and what was expected."""

    def __str__(self) -> str:
        place = f"row {self.row}" if self.row else "file"
        what = f", {self.field}" if self.field else ""
        value = f" '{self.value:.60}'" if self.value else ""
        return f"{place}{what}{value}: {self.reason}"


@dataclass(frozen=True)
class Answer:
    """What came back about one candidate."""

    candidate_id: str
    values: Mapping[str, float] = field(default_factory=dict)
    """By quantity, in the units asked for."""
    failed: str = ""
    """Why there will be no value."""
    rows: tuple[int, ...] = ()


@dataclass(frozen=True)
class Answers:
    """A file's content, every row accounted for."""

    good: tuple[Answer, ...]
    """One for each candidate, in the order of the file."""
    bad: tuple[Problem, ...]
    empty: tuple[int, ...] = ()
    """Rows that answer nothing yet."""
    unused: tuple[str, ...] = ()
    """Columns that nobody asked for."""


@dataclass(frozen=True)
class Cell:
    """One value of one row."""

    row: int
    candidate_id: str
    field: str
    value: float | str
    written: str
