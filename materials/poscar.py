"""POSCAR as VASP takes it, written as pymatgen takes it.

VASP reads Fortran's ``1.0d0``, comments behind what it needs of a line and, since version
5.4, three scaling factors, one for each Cartesian direction; see POSCAR in the VASP wiki.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

import numpy as np

from materials.errors import InputError

_FORTRAN = re.compile(r"(?<!\S)([-+]?(?:\d+\.?\d*|\.\d+))[dD]([-+]?\d{1,3})(?!\S)")
_VECTORS = range(2, 5)  # lines
_LATTICE = slice(_VECTORS.start, _VECTORS.stop)
_SCALE = 1
_SYMBOLS = 5  # line; or the numbers of atoms, in VASP 4
_NAME = re.compile(r"^[A-Za-z]{1,2}(?![A-Za-z])")
_FIRST_MODE = 7  # line; those before hold symbols, such as C, and numbers of atoms


def poscar_text(lines: list[str]) -> str:
    """The text of a POSCAR whose lines have their ends, the comment as it is."""
    plain = [*lines[:1], *_plain_head(list(map(plain_numbers, lines[1:])))]
    factors = _factors(plain[_SCALE]) if len(plain) > _SCALE else None
    if factors is None and (scale := _scale_of_volume(plain)) is not None:
        plain[_SCALE] = f"{scale:.17g}\n"
    if factors is None:
        return "".join(plain)
    if any(factor <= 0 for factor in factors):
        raise InputError("of three scaling factors in line 2 each must be positive")
    plain[_SCALE] = "1.0\n"
    plain[_LATTICE] = [_scaled(line, factors) for line in plain[_LATTICE]]
    return "".join(_scaled_places(plain, factors))


def plain_numbers(line: str) -> str:
    """A line with Fortran's ``1.0d0`` as ``1.0e0``."""
    return _FORTRAN.sub(r"\1e\2", line)


def _scale_of_volume(lines: list[str]) -> float | None:
    """The factor that a negative one, a volume in Å³, stands for.

    Pymatgen scales the vectors by it, and Cartesian positions by the volume itself.
    """
    volume = _number(lines[_SCALE]) if len(lines) > _VECTORS.stop else None
    if volume is None or not -math.inf < volume < 0:
        return None
    rows = [[_number(word) for word in line.split()] for line in lines[_LATTICE]]
    if any(len(row) != 3 or None in row for row in rows):
        return None
    own = abs(float(np.linalg.det(np.array(rows, dtype=np.float64))))
    return float((-volume / own) ** (1 / 3)) if 0 < own < math.inf else None


def _plain_head(lines: list[str]) -> Iterator[str]:
    """Lines from the second on, without comments up to the numbers of atoms.

    Words behind the scale and the vectors go too. On the line of symbols ``SI`` and ``si``
    are silicon: each word there is an element.
    """
    in_head = True
    for index, line in enumerate(lines, _SCALE):
        words = re.split("[!#]", line, maxsplit=1)[0].split() if in_head else []
        if not in_head or not words:
            yield line
            continue
        needed = 3 if index in _VECTORS else 1
        if index < _SYMBOLS and len(words) > needed and _number(words[needed]) is None:
            words = words[:needed]
        elif index >= _SYMBOLS:
            in_head = not words[0].isdecimal()
            words = [_NAME.sub(_capitalised, word) for word in words]
        yield " ".join(words) + "\n"


def _capitalised(match: re.Match[str]) -> str:
    return match[0].capitalize()


def _factors(line: str) -> list[float] | None:
    """Three scaling factors, or None where there is another number of them."""
    words = line.split()[:4]
    numbers = [_number(word) for word in words]
    three = [number for number in numbers[:3] if number is not None]
    return three if len(three) == 3 and numbers[3:] in ([], [None]) else None


def _number(word: str) -> float | None:
    try:
        return float(word)
    except ValueError:
        return None


def _scaled(line: str, factors: list[float]) -> str:
    """A line of three numbers, each times its factor; another line as it is."""
    words = line.split()
    numbers = [_number(word) for word in words[:3]]
    if len(numbers) < 3 or None in numbers:
        return line
    scaled = (
        f"{number * factor:.16g}"
        for number, factor in zip(numbers, factors, strict=True)
        if number is not None
    )
    return " ".join([*scaled, *words[3:]]) + "\n"


def _scaled_places(lines: list[str], factors: list[float]) -> Iterator[str]:
    """Lines with the positions after ``Cartesian`` scaled, as VASP does."""
    cartesian = False
    for index, line in enumerate(lines):
        if cartesian:
            yield _scaled(line, factors)
            continue
        cartesian = index >= _FIRST_MODE and line.strip()[:1] in tuple("cCkK")
        yield line
