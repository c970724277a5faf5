"""What a report says, before it is a page or a PDF: sections of a few kinds of blocks.

All text is in the report's language and may hold marks (:mod:`campaigns.reports.marks`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from materials.errors import InputError


class Kind(Enum):
    """What a column holds, which decides how it is set."""

    TEXT = "text"
    NUMBER = "number"
    """Set to the right, in figures of one width."""
    NAME = "name"
    """Formulas and identifiers, the same in every language."""


@dataclass(frozen=True)
class Column:
    """One column of a table."""

    title: str
    unit: str = ""
    """``eV/atom``; empty where there is none."""
    kind: Kind = Kind.TEXT
    weight: float = 1.0
    """Its share of a printed line, beside those of the other columns."""


@dataclass(frozen=True)
class Paragraph:
    """Running text."""

    text: str
    is_note: bool = False
    """How to read what follows, rather than what was found."""


@dataclass(frozen=True)
class Bullets:
    """A list without order."""

    items: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """Rows under titles; the first column names the row."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    if_empty: str = ""
    """Said in place of rows."""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise InputError(
                    f"table '{self.caption}': a row of {len(row)} cells under "
                    f"{len(self.columns)} columns; give one cell a column"
                )


@dataclass(frozen=True)
class Figure:
    """A picture with what it shows (``caption``) and what is to be seen on it (``alt``)."""

    name: str
    """Of its file beside the report, without ``.png``."""
    image: bytes
    """PNG"""
    alt: str
    caption: str

    def __post_init__(self) -> None:
        if not self.alt.strip():
            raise InputError(
                f"picture '{self.name}' has no text for those who cannot see it"
            )


@dataclass(frozen=True)
class Card:
    """One crystal of the shortlist."""

    title: str
    lines: tuple[str, ...]
    figure: Figure | None = None


@dataclass(frozen=True)
class Cards:
    """Crystals side by side."""

    cards: tuple[Card, ...]


@dataclass(frozen=True)
class Fact:
    """A number large enough to be read across a table."""

    number: str
    meaning: str


@dataclass(frozen=True)
class Facts:
    """The report in numbers."""

    facts: tuple[Fact, ...]


@dataclass(frozen=True)
class Listing:
    """Text as it would be typed or saved."""

    text: str


@dataclass(frozen=True)
class Fold:
    """Blocks that a page shows on demand, and print shows in full."""

    title: str
    blocks: tuple[Block, ...]


Block = Paragraph | Bullets | Table | Figure | Cards | Facts | Listing | Fold


@dataclass(frozen=True)
class Section:
    """One heading and what stands under it."""

    id: str
    """The same in every language, for links: ``cost``."""
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Labels:
    """What page and print say by themselves, in the report's language."""

    kind: str
    """What this document is: “Galena campaign report”."""
    skip: str
    contents: str
    page: str
    """With ``{page}`` and ``{pages}``."""
    table_of: str
    """What a scrolling table is announced as, with ``{caption}``."""
    missing: str = ""
    """What ``[U+1F680]`` means in print."""


@dataclass(frozen=True)
class Report:
    """The whole."""

    language: str
    title: str
    status: str
    lead: tuple[str, ...]
    """What stands above the first section."""
    sections: tuple[Section, ...]
    footer: str
    labels: Labels
