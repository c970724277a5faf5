"""Symmetry operations as files write them: ``-y, x-y, z+1/3``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from materials.errors import InputError
from materials.soundness import FloatArray

_UNIT = 1e-6  # by which the determinant of an operation may differ from 1 or -1
_LONGEST = 160  # characters of an operation
_NUMBER = r"(?:\d{1,3}(?:\.\d{0,17})?|\.\d{1,17})"
_TERM = re.compile(rf"([+-]?)(?:({_NUMBER})(?:/({_NUMBER}))?(?:\*?([xyz]))?|([xyz]))")


@dataclass(frozen=True)
class Symmetry:
    """``n`` operations on fractional coordinates, as columns: ``rotation @ x + shift``."""

    rotations: FloatArray
    """``(n, 3, 3)``."""
    shifts: FloatArray
    """``(n, 3)``, of the cell."""

    def __len__(self) -> int:
        return len(self.rotations)

    def same_as(self, other: Symmetry) -> bool:
        """Whether both hold the same operations, in any order; shifts to 1e-4 of a cell."""
        return self._parts() == other._parts()

    def _parts(self) -> set[tuple[int, ...]]:
        shifts = np.round(self.shifts % 1.0 * 10_000).astype(int) % 10_000
        turns = np.round(self.rotations * 10_000).astype(int).reshape(-1, 9)
        return set(map(tuple, np.hstack([turns, shifts]).tolist()))

    def orbit(self, place: FloatArray, tolerance: float) -> FloatArray:
        """Where ``(3,)`` comes to lie, ``(m, 3)`` in [0, 1), each place once."""
        places = (self.rotations @ place + self.shifts) % 1.0 % 1.0
        apart = places[:, None] - places[None]
        same = (np.abs(apart - np.round(apart)) < tolerance).all(axis=2)
        first: FloatArray = places[same.argmax(axis=1) == np.arange(len(places))]
        return first


def read_operations(texts: Iterable[str], column: str = "the table") -> Symmetry:
    """Raises :class:`InputError` for what is no operation: of a determinant of 1 or -1."""
    rotations, shifts = [], []
    for text in texts:
        plain = "".join(text.lower().split())
        found = _operation(plain) if len(plain) <= _LONGEST else None
        if found is None:
            raise InputError(
                f"'{text:.40}' in {column} is no symmetry operation, expected such as "
                "'-y, x-y, z+1/3'"
            )
        rotations.append(found[0])
        shifts.append(found[1])
    return Symmetry(np.array(rotations).reshape(-1, 3, 3), np.array(shifts).reshape(-1, 3))


def _operation(plain: str) -> tuple[FloatArray, FloatArray] | None:
    rotation, shift = np.zeros((3, 3)), np.zeros(3)
    parts = plain.split(",")
    if len(parts) != 3:
        return None
    for row, part in enumerate(parts):
        terms = re.findall(r"[+-]?[^+-]+", part)
        if not terms or "".join(terms) != part:
            return None
        for term in terms:
            match = _TERM.fullmatch(term)
            if match is None or float(match[3] or 1) == 0:
                return None
            value = float(match[2] or 1) / float(match[3] or 1)
            signed = -value if match[1] == "-" else value
            axis = match[4] or match[5]
            if axis:
                rotation[row, "xyz".index(axis)] += signed
            else:
                shift[row] += signed
    if abs(abs(np.linalg.det(rotation)) - 1.0) > _UNIT:
        return None
    return rotation, shift
