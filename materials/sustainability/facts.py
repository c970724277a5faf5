"""What is known of each element, one value at a time, with its unit, year and source.

The tables in ``data/`` were made by ``tools/make_element_facts.py``; ``data/SOURCES.md`` says
where every number comes from. A blank is a blank: an element without a value has none here,
never a zero.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from materials.errors import InputError, did_you_mean

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

BASE_TABLE = "element_facts.csv"

OPTIONAL_TABLES: Mapping[str, str] = MappingProxyType(
    {
        "recycling_unep.csv": "end-of-life recycling",
        "companion_fractions.csv": "companion dependence",
        "prices_wikipedia.csv": "prices of elements that USGS does not price",
    }
)
"""Tables with terms of their own, which an installation may lack, and what they tell."""


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One value of one element."""

    element: str
    indicator: str
    value: float | bool | str
    unit: str
    year: str
    """What the value speaks of, as the source says it; empty where it does not."""
    source: str
    """Key of :attr:`Facts.sources`."""
    note: str = ""
    """The form it speaks of (oxide, ferroalloy), doubts, the raw cell."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where values come from, and on what terms."""

    key: str
    citation: str
    terms: str


@dataclass(frozen=True, eq=False)
class Facts:
    """All facts of a folder of tables."""

    values: Mapping[tuple[str, str], Fact]
    """By element and indicator."""
    sources: Mapping[str, Source]
    absent: tuple[str, ...]
    """Tables of :data:`OPTIONAL_TABLES` that are not there."""

    def get(self, element: str, indicator: str) -> Fact | None:
        """The fact, or None where there is none.

        Raises :class:`InputError` for an indicator that no element has, unless the table
        that would hold it is absent.
        """
        if indicator not in self.indicators and not self.absent:
            raise InputError(
                f"there is no indicator '{indicator}'."
                f"{did_you_mean(indicator, self.indicators)}"
            )
        return self.values.get((element, indicator))

    def number(self, element: str, *indicators: str) -> Fact | None:
        """The first of some indicators that the element has."""
        found = (self.get(element, indicator) for indicator in indicators)
        return next((fact for fact in found if fact is not None), None)

    @cached_property
    def indicators(self) -> frozenset[str]:
        """Names of what is told."""
        return frozenset(indicator for _, indicator in self.values)

    @cached_property
    def elements(self) -> tuple[str, ...]:
        """Symbols of the elements that anything is told of, sorted."""
        return tuple(sorted({element for element, _ in self.values}))


@lru_cache(maxsize=4)
def load_facts(folder: Path | None = None) -> Facts:
    """Read the facts that come with the package, or those of a folder laid out like it.

    Raises :class:`InputError` if ``element_facts.csv`` or ``sources.csv`` is missing, or for
    a value that is not what its unit says. Tables of :data:`OPTIONAL_TABLES` may be missing.
    """
    values: dict[tuple[str, str], Fact] = {}
    for name in (BASE_TABLE, *OPTIONAL_TABLES):
        if name in OPTIONAL_TABLES and not _place(name, folder).is_file():
            continue
        for line, row in enumerate(read_table(name, folder), start=2):
            fact = _fact(row, f"{name}, line {line}")
            values[fact.element, fact.indicator] = fact
    absent = tuple(name for name in OPTIONAL_TABLES if not _place(name, folder).is_file())
    sources = {
        row["source"]: Source(
            key=row["source"], citation=row["citation"], terms=row["terms"]
        )
        for row in read_table("sources.csv", folder)
    }
    return Facts(MappingProxyType(values), MappingProxyType(sources), absent)


def read_table(name: str, folder: Path | None = None) -> Iterator[dict[str, str]]:
    """Yield the rows of one table; raises :class:`InputError` if it is not there."""
    try:
        text = _place(name, folder).read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"{_place(name, folder)} cannot be read ({error.strerror}); it comes with the "
            "package: install it again"
        ) from error
    yield from csv.DictReader(text.splitlines())


def absence(facts: Facts) -> list[str]:
    """One sentence for each optional table that is missing."""
    return [
        f"{name} is not installed (for its terms: docs/licences.md): {told} unknown"
        for name, told in OPTIONAL_TABLES.items()
        if name in facts.absent
    ]


def _place(name: str, folder: Path | None) -> Traversable:
    return (folder or files("materials.sustainability") / "data") / name


def _fact(row: Mapping[str, str], place: str) -> Fact:
    try:
        return Fact(
            element=row["element"],
            indicator=row["indicator"],
            value=_value(row["value"], row["unit"]),
            unit=row["unit"],
            year=row["year"],
            source=row["source"],
            note=row["note"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{place}: {error}; make the tables again") from error


def _value(text: str, unit: str) -> float | bool | str:
    """A truth where the unit says ``bool``, a text where there is no unit, else a number."""
    if unit.startswith("bool"):
        if text not in ("true", "false"):
            raise ValueError(f"expected true or false, got '{text}'")
        return text == "true"
    if not unit:
        return text
    number = float(text)
    if not math.isfinite(number) or number < 0:
        raise ValueError(f"expected a number of {unit}, got '{text}'")
    return number
