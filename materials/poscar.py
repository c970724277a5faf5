"""POSCAR as VASP takes it, written as pymatgen takes it.

VASP reads Fortran's ``1.0d0``, comments behind what it needs of a line and, since version
5.4, three scaling factors, one for each Cartesian direction; see POSCAR in the VASP wiki.
"""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Iterator
from itertools import takewhile

import numpy as np

from materials.bounds import LARGEST_CRYSTAL
from materials.errors import InputError

_FORTRAN = re.compile(r"(?<!\S)([-+]?(?:\d+\.?\d*|\.\d+))[dD]([-+]?\d{1,3})(?!\S)")
_VECTORS = range(2, 5)  # lines
_LATTICE = slice(_VECTORS.start, _VECTORS.stop)
_SCALE = 1
_SYMBOLS = 5  # line; or the numbers of atoms, in VASP 4
_NAME = re.compile(r"^[A-Za-z]{1,2}(?![A-Za-z])")
_FIRST_MODE = 7  # line; those before hold symbols, such as C, and numbers of atoms
_HEADER = 7  # lines before which a blank one is no end: the comment may be blank
_LATEST = 16  # line before which the positions begin, if they are to be counted
_BLANK = 4  # empty lines between two POSCARs
_HEAD = 6  # lines by which a further POSCAR is known: up to its symbols or numbers
_MOST_DIGITS = 15  # of a number of atoms
_SYMBOL = re.compile(r"[A-Za-z]{1,2}(_\w+|/\w+)?")


def blocks(lines: Iterator[str]) -> Iterator[list[str]]:
    """The POSCARs of a file one by one: USPEX gathers them so, ``cat`` puts them together.

    What follows the positions and is no further POSCAR (velocities, the grid of a CHGCAR)
    is not read. Raises :class:`InputError` at one of more than 16 MiB.
    """
    ahead: deque[str] = deque()

    def another() -> bool:
        while len(ahead) < _HEAD and (line := next(lines, None)) is not None:
            ahead.append(line)
        return _is_head(list(ahead)[:_HEAD])

    block: list[str] = []
    complete: int | None = None
    size = 0
    while (line := ahead.popleft() if ahead else next(lines, None)) is not None:
        if len(block) >= _HEADER and not line.strip():
            ahead.appendleft(line)  # it may be the comment of a further one
            for _ in range(_BLANK):
                if not another() and ahead and not ahead[0].strip():
                    ahead.popleft()
            if not another():
                break
            yield block
            block, complete, size = [], None, 0
            continue
        block.append(line)
        size += len(line)
        if size > LARGEST_CRYSTAL:
            raise InputError("no blank line ends its list of atoms within 16 MiB")
        if complete is None and _HEADER <= len(block) <= _LATEST:
            complete = _lines_in_all(block)
        if len(block) == complete and another():
            yield block
            block, complete, size = [], None, 0
    yield block


def _is_head(lines: list[str]) -> bool:
    """Whether a comment, a scale, three vectors and symbols or numbers of atoms are there."""
    if len(lines) < _HEAD:
        return False
    scale, *vectors = (_leading_numbers(line) for line in lines[_SCALE:_SYMBOLS])
    words = _words(lines[_SYMBOLS])
    return (
        len(scale) in (1, 3)
        and all(len(vector) == 3 and any(vector) for vector in vectors)
        and bool(words)
        and (
            all(word.isdecimal() for word in words)
            or all(_SYMBOL.fullmatch(word) for word in words)
        )
    )


def _leading_numbers(line: str) -> list[float]:
    """At most four."""
    found: list[float] = []
    for word in plain_numbers(line).split()[:4]:
        if (number := _number(word)) is None:
            break
        found.append(number)
    return found


def _words(line: str) -> list[str]:
    """Without a comment."""
    return re.split("[!#]", line, maxsplit=1)[0].split()


def _lines_in_all(block: list[str]) -> int | None:
    """How many lines a POSCAR has down to its last position, if these lines tell."""
    for index, line in enumerate(block[_SYMBOLS:], _SYMBOLS):
        counts = list(takewhile(str.isdecimal, _words(line)))
        if not counts:
            continue
        mode = index + 1
        if mode >= len(block):
            return None
        if block[mode].strip()[:1] in ("s", "S"):  # selective dynamics
            mode += 1
        if any(len(word) > _MOST_DIGITS for word in counts):
            return None
        return mode + 1 + sum(map(int, counts))
    return None


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
        words = _words(line) if in_head else []
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


def check_xdatcar_names(lines: list[str]) -> None:
    """Refuse names that are no elements above the numbers of atoms of an XDATCAR.

    ``ase`` puts names and numbers together to a formula, of which ``H9999999999`` is one, too.
    """
    at, atoms = 0, 0
    while at < len(lines):
        if "Direct configuration=" not in lines[at]:
            head = lines[at : at + _FIRST_MODE]
            if len(head) < _FIRST_MODE or _number(head[_SCALE].strip()) is None:
                return
            for name in head[_SYMBOLS].split():
                if not name.isalpha():
                    raise InputError(
                        f"line {at + _SYMBOLS + 1} names '{name[:40]}', expected elements"
                    )
            try:
                atoms = max(0, sum(map(int, head[_SYMBOLS + 1].split())))
            except ValueError:
                return
            at += _FIRST_MODE
        at += 1 + atoms
