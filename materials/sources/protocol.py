"""What a source of crystals must be able to do, and what it hands over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol

from materials.errors import InputError
from materials.provenance import Provenance
from materials.schema import FIXED_FIELDS

if TYPE_CHECKING:
    from pymatgen.core import Structure

UNKNOWN = "unknown"
"""The functional of a source that does not say which it used."""
FUNCTIONAL = "functional"
DUPLICATE_OF = "duplicate_of"
RESERVED = frozenset({*FIXED_FIELDS, FUNCTIONAL, DUPLICATE_OF})
"""Columns that every pulled table has; no source may give its own the same name."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """A property that a source gives with its crystals, and where it finds it."""

    name: str
    """In the table."""
    field: str
    """In the source's own words; dots lead into nested records: ``bulk_modulus.vrh``."""
    unit: str = ""
    """As in ``eV/atom``; empty for numbers without one, for texts, and where not known."""
    kind: Literal["number", "text"] = "number"

    def __post_init__(self) -> None:
        if self.name in RESERVED or not self.name or not self.field:
            raise InputError(
                f"'{self.name}' cannot be the name of a property taken from "
                f"'{self.field}'; choose another"
            )

    @classmethod
    def parse(cls, text: str) -> Column:
        """Read ``NAME=FIELD``, or ``FIELD`` alone; ``:text`` behind it for words.

        Raises :class:`InputError` for a name that is taken, or blank.
        """
        plain = text.removesuffix(":text")
        name, _, where = plain.partition("=")
        kind: Literal["number", "text"] = "number" if plain == text else "text"
        return cls(name=name.strip(), field=(where or name).strip(), kind=kind)

    def find(self, entry: Mapping[str, Any]) -> float | str | None:
        """Take the value out of a source's record; None if blank or of another kind."""
        value: Any = entry
        keys = [self.field] if self.field in entry else self.field.split(".")
        for key in keys:
            value = value.get(key) if isinstance(value, Mapping) else None
        if self.kind == "text":
            return value if isinstance(value, str) and value else None
        return as_number(value)


def as_number(value: object) -> float | None:
    """A finite number, also one written as text, else None: sources write ``na`` too."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return number if abs(number) < float("inf") else None


@dataclass(frozen=True, kw_only=True)
class Record:
    """One crystal of a source, or why it cannot be used: one of the two is None."""

    structure: Structure | None
    error: str | None = None
    provenance: Provenance
    name: str = ""
    """No two of a source are alike; its id there, if blank."""
    functional: str = UNKNOWN
    """Of the energies and, unless a column says otherwise, gaps: ``PBE``, ``OptB88vdW``."""
    values: Mapping[str, float | str | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if (self.structure is None) == (self.error is None):
            raise InputError("a record has either a structure or an error")

    @property
    def id(self) -> str:
        """What it is called in the table, unless another source has used that."""
        return self.name or self.provenance.source_id


@dataclass(frozen=True, kw_only=True)
class Page:
    """What one request brought."""

    records: tuple[Record, ...]
    cursor: str | None
    """Where the page after this one begins; None after the last."""
    total: int | None = None
    """Crystals that the source says there are in all, where it says so."""


class Source(Protocol):
    """Crystals, page by page, from any page on."""

    @property
    def label(self) -> str:
        """As a person names it: ``optimade:cod``."""
        ...

    @property
    def columns(self) -> tuple[Column, ...]:
        """The properties that its records may have."""
        ...

    def identity(self) -> Mapping[str, Any]:
        """Everything that decides what comes, as JSON knows it: a pull goes on only where
        this is what it was when it began. Raises :class:`InputError` if out of reach.
        """
        ...

    def pages(self, cursor: str | None) -> Iterator[Page]:
        """Yield pages from ``cursor`` on, which is that of an earlier page, or from the
        first. Raises :class:`InputError` where the source cannot go on.
        """
        ...


def today() -> str:
    """The date of retrieval, in UTC."""
    return datetime.now(UTC).date().isoformat()
