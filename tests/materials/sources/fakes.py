"""A source whose pages are written down, and which fails where it is told to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from pymatgen.core import Lattice, Structure

from materials.errors import SourceError
from materials.provenance import Provenance
from materials.sources.protocol import Column, Page, Record

PAIRS = (
    *(("Ga", "As"), ("Zn", "S"), ("Mg", "O"), ("In", "P"), ("Al", "N"), ("Cd", "Te")),
    *(("Li", "F"), ("Na", "Cl"), ("Ga", "N"), ("Zn", "Se"), ("Ca", "O"), ("Si", "C")),
)


def zincblende(one: str, other: str, a: float = 5.5) -> Structure:
    lattice = Lattice([[0, a / 2, a / 2], [a / 2, 0, a / 2], [a / 2, a / 2, 0]])
    return Structure(lattice, [one, other], [[0, 0, 0], [0.25, 0.25, 0.25]])


def good(name: str, structure: Structure | None = None, **fields: Any) -> Record:
    number = sum(map(ord, name))
    crystal = structure or zincblende(*PAIRS[number % len(PAIRS)], a=5 + number % 7 / 10)
    return Record(
        structure=crystal,
        provenance=Provenance(source="fake", source_id=name, licence="CC0-1.0"),
        functional=fields.pop("functional", "PBE"),
        values={"gap": float(number)},
        **fields,
    )


def bad(name: str, reason: str = "no lattice") -> Record:
    provenance = Provenance(source="fake", source_id=name)
    return Record(structure=None, error=reason, provenance=provenance)


@dataclass
class FakeSource:
    """Pages in order; a page's cursor is its number."""

    content: Sequence[Sequence[Record]]
    label: str = "fake"
    columns: tuple[Column, ...] = (Column(name="gap", field="gap", unit="eV"),)
    version: str = "1"
    total: int | None = None
    fails_at: int | None = None
    """Raise before this page, once."""
    failure: BaseException = field(
        default_factory=lambda: SourceError("the line was cut; run the same command again")
    )
    loops_to: int | None = None
    """After the last page, as a server in a circle."""
    began: list[str | None] = field(default_factory=list)
    given: list[int] = field(default_factory=list)

    def identity(self) -> dict[str, Any]:
        return {"version": self.version}

    def pages(self, cursor: str | None) -> Iterator[Page]:
        self.began.append(cursor)
        number = int(cursor or 0)
        while number < len(self.content):
            if number == self.fails_at:
                self.fails_at = None
                raise self.failure
            following: int | None = number + 1
            if following == len(self.content):
                following = self.loops_to
            self.given.append(number)
            yield Page(
                records=tuple(self.content[number]),
                cursor=None if following is None else str(following),
                total=self.total,
            )
            if following is None:
                return
            number = following
