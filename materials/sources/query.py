"""Which crystals are wanted, in words that every source understands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from materials.errors import InputError, did_you_mean

if TYPE_CHECKING:
    from pymatgen.core import Structure


@dataclass(frozen=True, kw_only=True)
class Query:
    """A crystal is wanted if it meets all of this; nothing asked for is everything."""

    elements: tuple[str, ...] = ()
    """All of these must be in it."""
    exclude: tuple[str, ...] = ()
    """None of these may be."""
    max_sites: int | None = None
    """Atoms in the cell."""
    limit: int | None = None
    """Take no more than so many of each source."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "elements", _symbols(self.elements))
        object.__setattr__(self, "exclude", _symbols(self.exclude))
        if both := set(self.elements) & set(self.exclude):
            raise InputError(f"{', '.join(sorted(both))} cannot be both in and out")
        for name in ("max_sites", "limit"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"{name} is {value}, expected at least 1")

    def wants(self, structure: Structure) -> bool:
        """Whether a crystal meets it, whatever the source made of the question."""
        if self.max_sites is not None and len(structure) > self.max_sites:
            return False
        there = {element.symbol for element in structure.composition.elements}
        return there.issuperset(self.elements) and there.isdisjoint(self.exclude)


def _symbols(symbols: Sequence[str]) -> tuple[str, ...]:
    """Elements in alphabetical order, each once."""
    from pymatgen.core import Element

    for symbol in symbols:
        if not Element.is_valid_symbol(symbol):
            near = did_you_mean(symbol, [element.symbol for element in Element])
            raise InputError(f"'{symbol}' is not an element.{near}")
    return tuple(sorted(set(symbols)))
