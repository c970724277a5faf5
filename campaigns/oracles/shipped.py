"""The competing phases that come with Galena: which there are, and for which systems."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from campaigns.oracles.records import SystemRecord, ionic, read_records
from materials.hull import Phase

_DATA = Path(__file__).parents[1] / "data"
SHIPPED = (_DATA / "reference_phases_wide.jsonl.xz", _DATA / "reference_phases.jsonl")
"""Many elements, and once more those of the example campaign, without the guidance of known
formulas. Where both know a system, the phases of both compete."""


@dataclass(frozen=True)
class Coverage:
    """For which chemical systems there are records, by one potential."""

    origin: str
    systems: frozenset[tuple[str, ...]]
    """Symbols sorted; every system was searched, also one without any phase."""
    n_phases: int

    @classmethod
    def of(cls, records: Iterable[SystemRecord]) -> Coverage:
        """Raises :class:`ValueError` for records of several origins."""
        kept = list(records)
        (origin,) = {record.origin for record in kept} or {""}
        systems = frozenset(tuple(record.system.split("-")) for record in kept)
        return cls(origin, systems, len(phases_of(kept)))

    @property
    def elements(self) -> tuple[str, ...]:
        """Symbols with a record of the element."""
        return tuple(sorted(system[0] for system in self.systems if len(system) == 1))

    def count(self, size: int) -> tuple[int, int]:
        """Systems of so many elements that were searched, and how many there could be.

        Three metals are never searched, and are not counted.
        """
        possible = [s for s in combinations(self.elements, size) if self._searchable(s)]
        return sum(system in self.systems for system in possible), len(possible)

    def missing(self, elements: Iterable[str]) -> list[tuple[str, ...]]:
        """Systems of up to three of these elements that were not searched, small ones first.

        What is missing can only make a hull too high: a distance from it is then too small.
        """
        ordered = sorted(set(elements))
        return [
            system
            for size in range(1, min(3, len(ordered)) + 1)
            for system in combinations(ordered, size)
            if system not in self.systems and self._searchable(system)
        ]

    @staticmethod
    def _searchable(system: Sequence[str]) -> bool:
        return len(system) < 3 or ionic(system)


def shipped_records(files: Sequence[Path] = SHIPPED) -> list[SystemRecord]:
    """All records, of every file."""
    return [record for path in files for record in read_records(path)]


def phases_of(records: Iterable[SystemRecord]) -> list[Phase]:
    """The phases of all records, each once, named by formula and prototype."""
    phases: dict[tuple[str, str, float], Phase] = {}
    for record in records:
        for p in record.phases:
            label = p.prototype.split(":")[0]
            phases.setdefault(
                (p.formula, p.prototype, p.energy_per_atom),
                Phase(
                    p.formula, p.energy_per_atom, record.origin, f"{p.formula} ({label})"
                ),
            )
    return list(phases.values())
