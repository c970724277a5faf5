"""A fingerprint of a crystal's geometry, the same however the crystal is written.

For each ordered pair of elements (A, B), the distances from an atom of A to its nearest atoms
of B, first, second, …, averaged over the atoms of A: the average minimum distances of
Widdowson, Mosca, Pulido, Kurlin and Cooper, MATCH Commun. Math. Comput. Chem. 87, 529 (2022),
doi:10.46793/match.87-3.529W, kept apart by element, in units of the cube root of the volume
per atom. Cell, supercell, origin, orientation, order of sites, handedness and volume play no
part, and nothing is rounded or decided: if no atom moves further than ε, no distance changes
by more than 2 ε.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from materials.compiling import compiled
from materials.flat import FlatCrystals
from materials.soundness import FloatArray, IntArray

N_NEAREST = 6
"""Neighbours of each element that are looked at."""
_FIRST = 1.15  # times the radius that holds enough atoms of the rarest element on average
_MORE = 3.0  # neighbours more than needed, since they do not lie evenly
_GROWTH = 1.35  # where that was not enough
_SAME_SITE = 1e-12  # of a squared spacing; an atom is not its own neighbour


@dataclass(frozen=True)
class Fingerprints:
    """Of ``n`` crystals; one without atoms has none."""

    values: NDArray[np.float32]
    """``(n_values,)``, end to end; of each crystal ``(elements, elements, N_NEAREST)``, the
    elements by atomic number, in cube roots of the volume per atom."""
    start: IntArray  # (n + 1,)

    def of(self, row: int) -> NDArray[np.float32]:
        """One crystal's, ``(elements² * N_NEAREST,)``."""
        return self.values[self.start[row] : self.start[row + 1]]

    def cut(self, first: int, last: int) -> Fingerprints:
        """Those of the crystals from ``first`` up to ``last``, sharing memory."""
        begin, end = self.start[first], self.start[last]
        return Fingerprints(self.values[begin:end], self.start[first : last + 1] - begin)


def fingerprints(cells: FlatCrystals) -> Fingerprints:
    """Fingerprint crystals whose sites come by atomic number and whose cells are reduced,
    as :func:`materials.novelty.cells.primitive_cells` returns them.

    Any other cell gives the same; a long and flat one takes longer.
    """
    kinds = _n_kinds(cells.atomic_numbers, cells.start)
    start = np.concatenate([[0], np.cumsum(kinds**2 * N_NEAREST)]).astype(np.int64)
    values = np.empty(int(start[-1]), np.float32)
    _fingerprint_all(
        cells.atomic_numbers, cells.frac_coords, cells.lattice, cells.start, start, values
    )
    return Fingerprints(values, start)


@compiled
def _n_kinds(numbers: IntArray, start: IntArray) -> IntArray:
    """Elements in each crystal, ``(n,)``."""
    found = np.zeros(len(start) - 1, np.int64)
    for crystal in range(len(found)):
        for site in range(start[crystal], start[crystal + 1]):
            if site == start[crystal] or numbers[site] != numbers[site - 1]:
                found[crystal] += 1
    return found


@compiled
def _fingerprint_all(
    numbers: IntArray,
    frac: FloatArray,
    lattice: FloatArray,
    start: IntArray,
    value_start: IntArray,
    values: NDArray[np.float32],
) -> None:
    points = np.empty((3, 4096))
    for crystal in range(len(lattice)):
        first, last = start[crystal], start[crystal + 1]
        if first < last:
            out = values[value_start[crystal] : value_start[crystal + 1]]
            points = _fingerprint(
                numbers[first:last], frac[first:last], lattice[crystal], points, out
            )


@compiled
def _fingerprint(
    kinds: IntArray,
    frac: FloatArray,
    lattice: FloatArray,
    points: FloatArray,
    out: NDArray[np.float32],
) -> FloatArray:
    """Write one crystal's values; returns the room for points, which may have grown.

    Images of one element at a time, as far out as that element asks for.
    """
    n = len(kinds)
    volume = abs(np.linalg.det(lattice))
    cell = lattice * (n / volume) ** (1.0 / 3.0)
    heights = _heights(cell)
    block = _blocks(kinds)
    n_kinds = len(block) - 1
    nearest = np.empty(N_NEAREST)
    total = np.zeros((n_kinds, n_kinds, N_NEAREST))
    for kind in range(n_kinds):
        first, last = block[kind], block[kind + 1]
        wanted = 0.75 / np.pi * (N_NEAREST + _MORE) * n / (last - first)
        radius = _FIRST * wanted ** (1.0 / 3.0)
        points, found = _images(cell, frac[first:last], heights, radius, points)
        for looking in range(n_kinds):
            for atom in range(block[looking], block[looking + 1]):
                x, y, z = _cartesian(frac[atom, 0], frac[atom, 1], frac[atom, 2], cell)
                while not _nearest(points, found, x, y, z, radius, nearest):
                    radius *= _GROWTH
                    points, found = _images(cell, frac[first:last], heights, radius, points)
                for rank in range(N_NEAREST):
                    total[looking, kind, rank] += np.sqrt(nearest[rank])
    place = 0
    for looking in range(n_kinds):
        size = block[looking + 1] - block[looking]
        for kind in range(n_kinds):
            for rank in range(N_NEAREST):
                out[place] = total[looking, kind, rank] / size
                place += 1
    return points


@compiled
def _blocks(kinds: IntArray) -> IntArray:
    """Where the sites of each element begin, and at last how many sites there are."""
    block = np.zeros(len(kinds) + 1, np.int64)
    n_kinds = 0
    for site in range(1, len(kinds) + 1):
        if site == len(kinds) or kinds[site] != kinds[site - 1]:
            n_kinds += 1
            block[n_kinds] = site
    return block[: n_kinds + 1]


@compiled
def _heights(cell: FloatArray) -> FloatArray:
    """Distances between opposite faces."""
    back = np.linalg.inv(cell)
    heights = np.empty(3)
    for axis in range(3):
        heights[axis] = 1.0 / np.sqrt(
            back[0, axis] ** 2 + back[1, axis] ** 2 + back[2, axis] ** 2
        )
    return heights


@compiled
def _cartesian(
    a: float, b: float, c: float, cell: FloatArray
) -> tuple[float, float, float]:
    return (
        a * cell[0, 0] + b * cell[1, 0] + c * cell[2, 0],
        a * cell[0, 1] + b * cell[1, 1] + c * cell[2, 1],
        a * cell[0, 2] + b * cell[1, 2] + c * cell[2, 2],
    )


@compiled
def _images(
    cell: FloatArray,
    frac: FloatArray,
    heights: FloatArray,
    radius: float,
    points: FloatArray,
) -> tuple[FloatArray, int]:
    """Lay out every image of some atoms that is within ``radius`` of the cell."""
    margin = radius / heights
    n = 0
    for atom in range(len(frac)):
        a, b, c = frac[atom, 0], frac[atom, 1], frac[atom, 2]
        i_end = int(np.floor(1.0 + margin[0] - a)) + 1
        j_end = int(np.floor(1.0 + margin[1] - b)) + 1
        k_end = int(np.floor(1.0 + margin[2] - c)) + 1
        for i in range(int(np.ceil(-margin[0] - a)), i_end):
            for j in range(int(np.ceil(-margin[1] - b)), j_end):
                for k in range(int(np.ceil(-margin[2] - c)), k_end):
                    if n == points.shape[1]:
                        more = np.empty((3, 2 * n))
                        more[:, :n] = points
                        points = more
                    points[0, n], points[1, n], points[2, n] = _cartesian(
                        a + i, b + j, c + k, cell
                    )
                    n += 1
    return points, n


@compiled
def _nearest(
    points: FloatArray,
    n_points: int,
    x: float,
    y: float,
    z: float,
    radius: float,
    found: FloatArray,
) -> bool:
    """Squared distances to the nearest points, ``(N_NEAREST,)``, in order.

    False if one of them lies beyond ``radius``, where some images are missing.
    """
    limit = radius * radius
    found[:] = limit
    for point in range(n_points):
        dx, dy, dz = points[0, point] - x, points[1, point] - y, points[2, point] - z
        square = dx * dx + dy * dy + dz * dz
        if square >= found[N_NEAREST - 1] or square < _SAME_SITE:
            continue
        slot = N_NEAREST - 1
        while slot > 0 and found[slot - 1] > square:
            found[slot] = found[slot - 1]
            slot -= 1
        found[slot] = square
    return bool(found[N_NEAREST - 1] < limit)
