"""What a generator of candidates is, and what it hands over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol, runtime_checkable

from pymatgen.core.structure import Structure

from materials.errors import InputError

_DIGITS = 10  # hexadecimal; two candidates of one formula share them once in 10^12 pairs


@dataclass(frozen=True)
class Generated:
    """One candidate and where it comes from."""

    name: str
    """Formula and ten hexadecimal digits, ``GaAs-3f09c2a1d4``: they stand for generator,
    parent and what was put where."""
    formula: str
    """As :func:`materials.known.reduced_formula` spells it."""
    structure: Structure
    generator: str
    """``prototypes``, ``substitution``, ``swaps``, ``alloys`` or ``symmetric``."""
    parent: str
    """A prototype's label, a known crystal's id, two end members, or a space group."""

    def __post_init__(self) -> None:
        for field in ("name", "formula", "generator", "parent"):
            if not getattr(self, field):
                raise InputError(f"a candidate's {field} is blank; give it one")


@runtime_checkable
class Generator(Protocol):
    """A list of candidates, best guesses first, of which one is made at a time."""

    name: str

    def stream(self, first: int = 0) -> Iterator[Generated]:
        """Yield candidates from number ``first`` on.

        Candidate ``i`` is the same in every stream of equal settings. Nothing of the
        list's length is kept in memory. A list that has ended yields nothing more.
        """


def candidate_name(formula: str, *parts: object) -> str:
    """Return ``formula`` and digits that stand for ``parts``: generator, parent, …"""
    text = "|".join(map(str, parts))
    return f"{formula}-{sha256(text.encode()).hexdigest()[:_DIGITS]}"
