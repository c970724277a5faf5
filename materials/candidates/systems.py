"""Chemical systems by number, and a stream through the rankings of all of them.

A generator knows how to rank what it can make of one chemical system. Over many systems the
best of each come first: :func:`stream_rankings` takes the first eight of every system, then
the next 24, then the next 96, … Only a few rankings are in memory at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from math import comb
from typing import Protocol

import numpy as np
from pymatgen.core.periodic_table import Element

from materials.candidates.protocol import Generated
from materials.candidates.shuffle import Shuffle
from materials.errors import InputError, did_you_mean

System = tuple[str, ...]
"""Element symbols by atomic number."""

_FIRST_ROUND = 8  # candidates of each system
_GROWTH = 4  # the first so many times more rounds have been through, so many times as far


class Ranking(Protocol):
    """What a generator can make of one chemical system, the best first."""

    def __len__(self) -> int:
        """How many there are."""

    def formula(self, place: int) -> str:
        """Reduced formula of one, without making it."""

    def make(self, place: int) -> Generated:
        """Make one, by its place in the ranking."""


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Which chemical systems a generator goes through, and in which order."""

    elements: tuple[str, ...]
    n_species: tuple[int, ...] = (2, 3)
    """How many elements a candidate has."""
    seed: int = 0
    """Of the order of the systems, and of whatever is drawn at random."""

    def __post_init__(self) -> None:
        numbers = checked_numbers(self.elements)
        counts = self.n_species
        if not counts or min(counts) < 1 or len(set(counts)) < len(counts):
            raise InputError(
                f"n_species are different numbers from 1 up, got {counts or 'none'}"
            )
        if max(counts) > len(numbers):
            raise InputError(
                f"candidates of {max(counts)} elements were asked for, only {len(numbers)} "
                "are allowed; allow more, or ask for fewer"
            )
        if self.seed < 0:
            raise InputError(f"a seed is a whole number from 0 up, got {self.seed}")
        if len(self) > 2**62:
            raise InputError("that are too many chemical systems; ask for fewer elements")

    @cached_property
    def symbols(self) -> System:
        """The elements by atomic number; deuterium and tritium are hydrogen."""
        return tuple(Element.from_Z(z).symbol for z in checked_numbers(self.elements))

    def __len__(self) -> int:
        """Chemical systems there are."""
        return sum(comb(len(self.elements), k) for k in self.n_species)

    def system(self, number: int) -> System:
        """The chemical system at a place of the shuffled list of all of them."""
        place = int(self._shuffle(np.array([number], dtype=np.int64))[0])
        for k in sorted(self.n_species):
            if place < comb(len(self.symbols), k):
                return tuple(self.symbols[i] for i in _combination(place, k))
            place -= comb(len(self.symbols), k)
        raise InputError(f"there are {len(self)} chemical systems, asked for {number}")

    @cached_property
    def _shuffle(self) -> Shuffle:
        return Shuffle(len(self), self.seed)


def stream_rankings(
    scope: Scope, rank: Callable[[System], Ranking], first: int = 0
) -> Iterator[Generated]:
    """Yield from candidate ``first`` on; whole rankings are passed over without making any.

    Raises :class:`InputError` for a negative ``first``.
    """
    if first < 0:
        raise InputError(f"candidates are numbered from 0, asked for {first}")
    begin, end = 0, _FIRST_ROUND
    left = first
    while True:
        more = False
        for number in range(len(scope)):
            ranking = rank(scope.system(number))
            more = more or len(ranking) > end
            last = min(len(ranking), end)
            if left >= max(last - begin, 0):
                left -= max(last - begin, 0)
                continue
            for place in range(begin + left, last):
                yield ranking.make(place)
            left = 0
        if not more:
            return
        begin, end = end, end * _GROWTH


def checked_numbers(elements: tuple[str, ...] | list[str]) -> list[int]:
    """Atomic numbers, sorted; deuterium and tritium are hydrogen.

    Raises :class:`InputError` for unknown, repeated or no elements.
    """
    if not elements:
        raise InputError("no elements to decorate with; name at least one")
    found: dict[int, str] = {}
    for symbol in elements:
        if not Element.is_valid_symbol(symbol):
            near = did_you_mean(symbol, [element.symbol for element in Element])
            raise InputError(f"'{symbol}' is not an element.{near}")
        number = int(Element(symbol).Z)
        if number in found:
            raise InputError(f"{found[number]} and {symbol} are one element; name it once")
        found[number] = symbol
    return sorted(found)


def _combination(number: int, k: int) -> list[int]:
    """``k`` members, ascending, by the combinatorial number system."""
    members = []
    for size in range(k, 0, -1):
        member = size - 1
        while comb(member + 1, size) <= number:
            member += 1
        members.append(member)
        number -= comb(member, size)
    return members[::-1]
