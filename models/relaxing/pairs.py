"""Pairs of atoms within a fixed cutoff, and pairs of bonds at an atom, compiled.

Every pair is found once: as ``first < second``, or, for an atom and its own image, as the one
of two opposite images that comes first. Networks that pass messages both ways turn it round.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from materials.flat import FlatCrystals
from materials.soundness import FloatArray, IntArray
from models.compiling import compiled


class Pairs(NamedTuple):
    """Pairs of many crystals, sorted by crystal, atoms counted over all crystals."""

    first: IntArray  # (n_pairs,)
    second: IntArray  # (n_pairs,)
    vector: FloatArray  # (n_pairs, 3) Å, from the image of the second atom to the first
    start: IntArray  # (n_crystals + 1,) where each crystal's pairs begin

    @property
    def length(self) -> FloatArray:
        """Å, ``(n_pairs,)``."""
        found: FloatArray = np.linalg.norm(self.vector, axis=1)
        return found


class BondPairs(NamedTuple):
    """Ordered pairs of different bonds that share an atom."""

    atom: IntArray  # (n,) the one they share
    one: IntArray  # (n,) a bond
    other: IntArray  # (n,) another, or the same one met at its other end
    sign: FloatArray  # (n,) -1 where exactly one of both vectors points away from the atom


def find_pairs(crystals: FlatCrystals, cutoff: float) -> Pairs:
    """All pairs closer than ``cutoff`` in Å; other threads may run meanwhile."""
    first, second, vector, start = _find_pairs(
        np.ascontiguousarray(crystals.frac_coords, dtype=np.float64),
        np.ascontiguousarray(crystals.lattice, dtype=np.float64),
        np.ascontiguousarray(crystals.start, dtype=np.int64),
        float(cutoff),
    )
    return Pairs(first, second, vector, start)


def find_bond_pairs(first: IntArray, second: IntArray, n_atoms: int) -> BondPairs:
    """The ordered pairs of bonds at each atom; a bond joins ``first`` and ``second``."""
    return BondPairs(*_find_bond_pairs(first, second, n_atoms))


def pairs_expected(crystals: FlatCrystals, cutoff: float) -> IntArray:
    """About how many pairs each crystal has, from its density; at least its atoms, ``(n,)``."""
    volume = np.abs(np.linalg.det(crystals.lattice))
    around = 2.0 / 3.0 * np.pi * cutoff**3 / volume  # half a sphere
    pairs: IntArray = np.ceil(crystals.n_sites**2 * around).astype(np.int64)
    return pairs + crystals.n_sites


def closest(crystals: FlatCrystals, cutoff: float) -> FloatArray:
    """The shortest distance in each crystal in Å, infinite above ``cutoff``, ``(n,)``."""
    pairs = find_pairs(crystals, cutoff)
    found = np.full(len(crystals), np.inf)
    some = np.diff(pairs.start) > 0
    if some.any():
        found[some] = np.minimum.reduceat(pairs.length, pairs.start[:-1][some])
    return found


@compiled
def _find_pairs(
    frac: FloatArray, lattice: FloatArray, start: IntArray, cutoff: float
) -> tuple[IntArray, IntArray, FloatArray, IntArray]:
    room = 40 * len(frac) + 64
    first, second = np.empty(room, np.int64), np.empty(room, np.int64)
    vector = np.empty((room, 3))
    ends = np.zeros(len(lattice) + 1, np.int64)
    low, high = np.empty(3, np.int64), np.empty(3, np.int64)
    n = 0
    for crystal in range(len(lattice)):
        cell = lattice[crystal]
        reach = _reach(cell, cutoff)
        for i in range(start[crystal], start[crystal + 1]):
            for j in range(i, start[crystal + 1]):
                images = 1
                for axis in range(3):
                    apart = frac[i, axis] - frac[j, axis]
                    low[axis] = math.ceil(apart - reach[axis])
                    high[axis] = math.floor(apart + reach[axis])
                    images *= max(high[axis] - low[axis] + 1, 0)
                if n + images > len(first):
                    first, second = _longer(first, images), _longer(second, images)
                    vector = _longer_rows(vector, images)
                n = _images(frac, cell, i, j, low, high, cutoff, first, second, vector, n)
        ends[crystal + 1] = n
    return first[:n].copy(), second[:n].copy(), vector[:n].copy(), ends


@compiled
def _images(
    frac: FloatArray,
    cell: FloatArray,
    i: int,
    j: int,
    low: IntArray,
    high: IntArray,
    cutoff: float,
    first: IntArray,
    second: IntArray,
    vector: FloatArray,
    n: int,
) -> int:
    """Note the images of atom ``j`` about atom ``i``; returns how many pairs there are."""
    limit = cutoff * cutoff
    for ka in range(low[0], high[0] + 1):
        if i == j and ka < 0:
            continue
        for kb in range(low[1], high[1] + 1):
            if i == j and ka == 0 and kb < 0:
                continue
            for kc in range(low[2], high[2] + 1):
                if i == j and ka == 0 and kb == 0 and kc <= 0:
                    continue
                a = frac[i, 0] - frac[j, 0] - ka
                b = frac[i, 1] - frac[j, 1] - kb
                c = frac[i, 2] - frac[j, 2] - kc
                x = a * cell[0, 0] + b * cell[1, 0] + c * cell[2, 0]
                y = a * cell[0, 1] + b * cell[1, 1] + c * cell[2, 1]
                z = a * cell[0, 2] + b * cell[1, 2] + c * cell[2, 2]
                if x * x + y * y + z * z < limit:
                    first[n], second[n] = i, j
                    vector[n, 0], vector[n, 1], vector[n, 2] = x, y, z
                    n += 1
    return n


@compiled
def _reach(cell: FloatArray, cutoff: float) -> FloatArray:
    """How far the cutoff reaches along each axis, in cells, ``(3,)``."""
    reach = np.empty(3)
    for i in range(3):
        j, k = (i + 1) % 3, (i + 2) % 3
        x = cell[j, 1] * cell[k, 2] - cell[j, 2] * cell[k, 1]
        y = cell[j, 2] * cell[k, 0] - cell[j, 0] * cell[k, 2]
        z = cell[j, 0] * cell[k, 1] - cell[j, 1] * cell[k, 0]
        volume = abs(cell[i, 0] * x + cell[i, 1] * y + cell[i, 2] * z)
        reach[i] = cutoff * math.sqrt(x * x + y * y + z * z) / volume
    return reach


@compiled
def _longer(array: IntArray, more: int) -> IntArray:
    larger = np.empty(2 * len(array) + more, array.dtype)
    larger[: len(array)] = array
    return larger


@compiled
def _longer_rows(array: FloatArray, more: int) -> FloatArray:
    larger = np.empty((2 * len(array) + more, 3))
    larger[: len(array)] = array
    return larger


@compiled
def _find_bond_pairs(
    first: IntArray, second: IntArray, n_atoms: int
) -> tuple[IntArray, IntArray, IntArray, NDArray[np.float64]]:
    start = np.zeros(n_atoms + 1, np.int64)
    for bond in range(len(first)):
        start[first[bond] + 1] += 1
        start[second[bond] + 1] += 1
    n = 0
    for atom in range(n_atoms):
        n += start[atom + 1] * (start[atom + 1] - 1)
        start[atom + 1] += start[atom]
    place = start[:-1].copy()
    bonds, ends = np.empty(2 * len(first), np.int64), np.empty(2 * len(first))
    for bond in range(len(first)):
        for atom, end in ((first[bond], 1.0), (second[bond], -1.0)):
            bonds[place[atom]], ends[place[atom]] = bond, end
            place[atom] += 1
    shared = np.empty(n, np.int64)
    one, other, sign = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n)
    n = 0
    for atom in range(n_atoms):
        for p in range(start[atom], start[atom + 1]):
            for q in range(start[atom], start[atom + 1]):
                if p != q:
                    shared[n], one[n], other[n] = atom, bonds[p], bonds[q]
                    sign[n] = ends[p] * ends[q]
                    n += 1
    return shared, one, other, sign
