"""Niggli-reduced primitive cells of many crystals at once, compiled for the processor.

``primitive_cells`` does what ``StructureMatcher`` of pymatgen does to a crystal before it
compares, by the same rules: a translation counts if it takes every atom to within 0.25 Å,
along each axis of the smaller cell, of one of the same element, and the atoms it takes to one
another are averaged; the cell is Niggli's. Pymatgen needs milliseconds to seconds a crystal
for this, and so for 140,000 known ones an hour.

Along axes that slant, displacements look longer than they are, so that a supercell whose
atoms are 0.1 Å off their places often stays one. ``folded_cells`` measures straight
distances instead, against the same 0.25 Å.
"""

from __future__ import annotations

import math

import numpy as np

from materials.compiling import compiled
from materials.flat import FlatCrystals
from materials.novelty.niggli import along_pair, niggli, wrapped
from materials.soundness import FloatArray, IntArray

_TOLERANCE = 0.25  # Å; pymatgen's default


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
        if d * d * along_pair(cell, i, i) >= _TOLERANCE * _TOLERANCE:
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
