"""Niggli-reduced primitive cells of many crystals at once, compiled for the processor.

``primitive_cells`` does what ``StructureMatcher`` of pymatgen does to a crystal before it
compares, by the same rules: a translation counts if it takes every atom to within 0.25 Å,
along each axis of the smaller cell, of one of the same element, and the atoms it takes to one
another are averaged; the cell is Niggli's. Pymatgen needs milliseconds to seconds a crystal
for this, and so for 140,000 known ones an hour.

Along axes that slant, displacements look longer than they are, so that a supercell whose
atoms are 0.1 Å off their places often stays one. ``folded_cells`` measures straight
distances instead, against the same 0.25 Å.

Niggli cells: Grosse-Kunstleve, Sauter and Adams, Acta Cryst. A60, 1 (2004),
doi:10.1107/S010876730302186X; the step numbers are theirs.
"""

from __future__ import annotations

import math

import numpy as np

from materials.compiling import compiled
from materials.flat import FlatCrystals
from materials.soundness import FloatArray, IntArray

_TOLERANCE = 0.25  # Å; pymatgen's default
_EPSILON = 1e-5  # of the cube root of the volume, as in pymatgen
_STEPS = 1000  # of reduction; a dozen are common
_SLACK = 1e-9  # of a length; what rounding may do


def primitive_cells(crystals: FlatCrystals) -> FlatCrystals:
    """Return each crystal in its Niggli-reduced primitive cell, sites by atomic number.

    One without atoms stays so. Coordinates come in [0, 1); faults are kept.
    """
    return _reduced(crystals, straight=False)


def folded_cells(crystals: FlatCrystals) -> FlatCrystals:
    """The same by straight distances: never larger cells, and smaller ones of noisy copies."""
    return _reduced(crystals, straight=True)


def _reduced(crystals: FlatCrystals, *, straight: bool) -> FlatCrystals:
    owner = np.repeat(np.arange(len(crystals)), crystals.n_sites)
    order = np.lexsort((crystals.atomic_numbers, owner))
    numbers, frac, lattice, sizes = _primitive_all(
        np.ascontiguousarray(crystals.atomic_numbers[order], dtype=np.int64),
        np.ascontiguousarray(crystals.frac_coords[order], dtype=np.float64),
        np.ascontiguousarray(crystals.lattice, dtype=np.float64),
        np.ascontiguousarray(crystals.start, dtype=np.int64),
        straight,
    )
    start = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    return FlatCrystals(numbers, frac, lattice, start, crystals.faults)


@compiled
def _primitive_all(
    numbers: IntArray,
    frac: FloatArray,
    lattice: FloatArray,
    start: IntArray,
    straight: bool,
) -> tuple[IntArray, FloatArray, FloatArray, IntArray]:
    """Every crystal's primitive cell, end to end, and how many atoms each has left."""
    n_crystals = len(lattice)
    sizes = np.zeros(n_crystals, np.int64)
    cells = np.empty_like(lattice)
    new_numbers, new_frac = np.empty_like(numbers), np.empty_like(frac)
    place = 0
    for crystal in range(n_crystals):
        first, last = start[crystal], start[crystal + 1]
        if first == last:
            cells[crystal] = lattice[crystal]
            continue
        cell, sites = niggli(lattice[crystal], frac[first:last])
        kinds = numbers[first:last]
        found = True
        while found:
            found, cell, kinds, sites = _smaller(cell, kinds, sites, straight)
        cell, sites = niggli(cell, sites)
        cells[crystal] = cell
        sizes[crystal] = len(kinds)
        for atom in range(len(kinds)):
            new_numbers[place] = kinds[atom]
            for axis in range(3):
                new_frac[place, axis] = wrapped(sites[atom, axis])
            place += 1
    return new_numbers[:place].copy(), new_frac[:place].copy(), cells, sizes


@compiled
def wrapped(x: float) -> float:
    """The same place in [0, 1); what rounds up to one is zero."""
    inside = x - np.floor(x)
    return 0.0 if inside >= 1.0 else inside


@compiled
def _smaller(
    cell: FloatArray, kinds: IntArray, frac: FloatArray, straight: bool
) -> tuple[bool, FloatArray, IntArray, FloatArray]:
    """Divide the cell by one translation of prime order, the smallest there is, if any.

    Cells of a prime part of the volume come in the order of their Hermite normal forms.
    """
    first, rarest = rarest_block(kinds)
    common = _common_divisor(kinds)
    steps, shift = np.empty(3, np.int64), np.empty(3)
    for order in range(2, common + 1):
        if common % order or not _is_prime(order):
            continue
        for form in range(1 + order + order * order):
            axis = _hermite(form, order, steps)
            for other in range(first + 1, first + rarest):
                for i in range(3):
                    shift[i] = frac[other, i] - frac[first, i] - steps[i] / order
                if _is_near(shift, cell, straight):
                    smaller = _smaller_cell(cell, steps, order, axis)
                    places = _in_smaller_cell(frac, steps, order, axis)
                    groups = _coinciding(kinds, places, smaller, order, straight)
                    if groups[0] >= 0:
                        new_kinds, new_frac = _averaged(kinds, places, groups, order)
                        return True, smaller, new_kinds, new_frac
                    break
    return False, cell, kinds, frac


@compiled
def _hermite(form: int, order: int, steps: IntArray) -> int:
    """The translation ``steps / order`` of a normal form by number, and the axis it divides."""
    steps[:] = 0
    if form == 0:
        steps[2] = 1
        return 2
    if form <= order:
        steps[1], steps[2] = 1, 1 - form
        return 1
    steps[0] = 1
    steps[1], steps[2] = -((form - 1 - order) // order), -((form - 1 - order) % order)
    return 0


@compiled
def _is_near(shift: FloatArray, cell: FloatArray, straight: bool) -> bool:
    """Whether a shift, in fractions of a cell, is none but for whole steps and tolerance."""
    square = 0.0
    if straight:
        for j in range(3):
            along = 0.0
            for i in range(3):
                along += (shift[i] - np.rint(shift[i])) * cell[i, j]
            square += along * along
        return square < _TOLERANCE * _TOLERANCE
    for i in range(3):
        d = shift[i] - np.rint(shift[i])
        if d * d * _along(cell, i, i) >= _TOLERANCE * _TOLERANCE:
            return False
    return True


@compiled
def rarest_block(kinds: IntArray) -> tuple[int, int]:
    """Where the sites of the element with the fewest begin, and how many they are."""
    best, size = 0, len(kinds) + 1
    begin = 0
    for site in range(1, len(kinds) + 1):
        if site == len(kinds) or kinds[site] != kinds[begin]:
            if site - begin < size:
                best, size = begin, site - begin
            begin = site
    return best, size


@compiled
def _common_divisor(kinds: IntArray) -> int:
    """Of the numbers of atoms of each element, which come in blocks."""
    found = begin = 0
    for site in range(1, len(kinds) + 1):
        if site == len(kinds) or kinds[site] != kinds[begin]:
            found = math.gcd(found, site - begin)
            begin = site
    return found


@compiled
def _is_prime(n: int) -> bool:
    divisor = 2
    while divisor * divisor <= n:
        if n % divisor == 0:
            return False
        divisor += 1
    return True


@compiled
def _smaller_cell(cell: FloatArray, steps: IntArray, order: int, axis: int) -> FloatArray:
    """The cell with the translation in the place of the vector along ``axis``."""
    smaller = cell.copy()
    smaller[axis] = 0.0
    for i in range(3):
        for j in range(3):
            smaller[axis, j] += steps[i] / order * cell[i, j]
    return smaller


@compiled
def _in_smaller_cell(
    frac: FloatArray, steps: IntArray, order: int, axis: int
) -> FloatArray:
    """Fractions of the smaller cell, where its vector has one step along ``axis``."""
    places = np.empty_like(frac)
    for atom in range(len(frac)):
        for i in range(3):
            if i == axis:
                places[atom, i] = order * frac[atom, i]
            else:
                places[atom, i] = frac[atom, i] - steps[i] * frac[atom, axis]
    return places


@compiled
def _coinciding(
    kinds: IntArray, places: FloatArray, cell: FloatArray, order: int, straight: bool
) -> IntArray:
    """For each atom the first of the ``order`` atoms that are one in the smaller cell.

    Each must be close to all others of its group and to no other one of its element; if any
    is not, the first number is -1.
    """
    n = len(kinds)
    group, shift = np.full(n, -1, np.int64), np.empty(3)
    for atom in range(n):
        count, earliest = 0, atom
        for other in range(n):
            if kinds[other] != kinds[atom]:
                continue
            for i in range(3):
                shift[i] = places[atom, i] - places[other, i]
            if _is_near(shift, cell, straight):
                count += 1
                earliest = min(earliest, other)
        if count != order or (earliest < atom and group[earliest] != earliest):
            group[0] = -1
            return group
        group[atom] = earliest
    return group


@compiled
def _averaged(
    kinds: IntArray, places: FloatArray, group: IntArray, order: int
) -> tuple[IntArray, FloatArray]:
    """One atom for each group, in the middle of it."""
    n = len(kinds) // order
    new_kinds, new_frac = np.empty(n, np.int64), np.empty((n, 3))
    where = np.empty(len(kinds), np.int64)
    place = 0
    for atom in range(len(kinds)):
        if group[atom] == atom:
            where[atom] = place
            new_kinds[place] = kinds[atom]
            new_frac[place] = places[atom]
            place += 1
    for atom in range(len(kinds)):
        first = group[atom]
        for axis in range(3):
            d = places[atom, axis] - places[first, axis]
            new_frac[where[first], axis] += (d - np.rint(d)) / order
    return new_kinds, new_frac


@compiled
def niggli(lattice: FloatArray, frac: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The same crystal in Niggli's cell; ``frac`` is not wrapped."""
    cell, change = _shortened(lattice)
    volume = abs(_determinant(cell))
    e = _EPSILON * volume ** (1.0 / 3.0)
    move = np.empty((3, 3))
    for _ in range(_STEPS):
        if not _niggli_step(cell, e, move):
            break
        change = _product(move, change)
        cell = _product(change, lattice)
    # Rows of the new cell are whole combinations of the old ones: r = frac @ old.
    back = np.linalg.inv(change)
    sites = np.empty_like(frac)
    for atom in range(len(frac)):
        for j in range(3):
            sites[atom, j] = (
                frac[atom, 0] * back[0, j]
                + frac[atom, 1] * back[1, j]
                + frac[atom, 2] * back[2, j]
            )
    return cell, sites


@compiled
def _product(a: FloatArray, b: FloatArray) -> FloatArray:
    c = np.zeros((3, 3))
    for i in range(3):
        for j in range(3):
            for k in range(3):
                c[i, j] += a[i, k] * b[k, j]
    return c


@compiled
def _determinant(m: FloatArray) -> float:
    value: float = (
        m[0, 0] * (m[1, 1] * m[2, 2] - m[1, 2] * m[2, 1])
        - m[0, 1] * (m[1, 0] * m[2, 2] - m[1, 2] * m[2, 0])
        + m[0, 2] * (m[1, 0] * m[2, 1] - m[1, 1] * m[2, 0])
    )
    return value


@compiled
def _along(cell: FloatArray, i: int, j: int) -> float:
    value: float = (
        cell[i, 0] * cell[j, 0] + cell[i, 1] * cell[j, 1] + cell[i, 2] * cell[j, 2]
    )
    return value


@compiled
def _shortened(lattice: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Vectors that cannot be shortened in pairs, and how they come of the old ones."""
    cell, change = lattice.copy(), np.eye(3)
    for _ in range(_STEPS):
        changed = False
        for i in range(3):
            for j in range(3):
                if i == j:
                    continue
                length = _along(cell, i, i)
                along = _along(cell, i, j)
                if abs(along) > (0.5 + _SLACK) * length:
                    steps = np.rint(along / length)
                    for axis in range(3):
                        cell[j, axis] -= steps * cell[i, axis]
                        change[j, axis] -= steps * change[i, axis]
                    changed = True
        if not changed:
            break
    return cell, change


@compiled
def _niggli_step(cell: FloatArray, e: float, move: FloatArray) -> bool:
    """Write the next change of vectors to ``move``; False once there is none.

    Rows of ``move`` are the new vectors in terms of the old.
    """
    a, b, c = _along(cell, 0, 0), _along(cell, 1, 1), _along(cell, 2, 2)
    xi, eta, zeta = (
        2.0 * _along(cell, 1, 2),
        2.0 * _along(cell, 0, 2),
        2.0 * _along(cell, 0, 1),
    )
    move[:] = 0.0
    if b + e < a or (abs(a - b) < e and abs(xi) > abs(eta) + e):  # A1
        move[0, 1] = move[1, 0] = move[2, 2] = -1.0
        return True
    if c + e < b or (abs(b - c) < e and abs(eta) > abs(zeta) + e):  # A2
        move[0, 0] = move[1, 2] = move[2, 1] = -1.0
        return True
    if _signs(xi, eta, zeta, e, move):  # A3 and A4
        return True
    for axis in range(3):
        move[axis, axis] = 1.0
    if abs(xi) > b + e or (abs(b - xi) < e and 2 * eta < zeta - e):  # A5
        move[2, 1] = -math.copysign(1.0, xi)
        return True
    if abs(xi + b) < e and zeta < -e:
        move[2, 1] = 1.0
        return True
    if abs(eta) > a + e or (abs(a - eta) < e and 2 * xi < zeta - e):  # A6
        move[2, 0] = -math.copysign(1.0, eta)
        return True
    if abs(eta + a) < e and zeta < -e:
        move[2, 0] = 1.0
        return True
    if abs(zeta) > a + e or (abs(a - zeta) < e and 2 * xi < eta - e):  # A7
        move[1, 0] = -math.copysign(1.0, zeta)
        return True
    if abs(zeta + a) < e and eta < -e:
        move[1, 0] = 1.0
        return True
    total = xi + eta + zeta + a + b
    if total < -e or (abs(total) < e and 2 * (a + eta) + zeta > e):  # A8
        move[2, 0] = move[2, 1] = 1.0
        return True
    return False


@compiled
def _signs(xi: float, eta: float, zeta: float, e: float, move: FloatArray) -> bool:
    """Make all angles acute, or none; whether that takes a change."""
    left = 0 if abs(xi) < e else (1 if xi > 0 else -1)
    middle = 0 if abs(eta) < e else (1 if eta > 0 else -1)
    right = 0 if abs(zeta) < e else (1 if zeta > 0 else -1)
    if left * middle * right == 1:
        i, j, k = left, middle, right
    else:
        i = -1 if left == 1 else 1
        j = -1 if middle == 1 else 1
        k = -1 if right == 1 else 1
        if i * j * k == -1:
            if right == 0:
                k = -1
            elif middle == 0:
                j = -1
            elif left == 0:
                i = -1
    if i == j == k:
        return False
    move[0, 0], move[1, 1], move[2, 2] = i, j, k
    return True
