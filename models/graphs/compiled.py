"""Neighbours of many crystals at once, compiled for the processor.

For each crystal the images of its atoms that can be near any of them are laid out once; every
atom then passes over that list, as often as its reach asks for. The cell is first written with
short vectors, so that plates and needles described by slanting ones have few images too.

The edges are those of :func:`models.graphs.neighbours.periodic_neighbours`. Compiling takes
some seconds once per machine, so few crystals are better left to :mod:`models.graphs.batched`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.compiling import compiled
from models.graphs.neighbours import FloatArray, GraphConfig, IntArray

_FIRST = 1.75  # times the cube root of the volume per atom: enough for nine crystals in ten
_GROWTH = 1.4  # for atoms that see further
_SAME_SITE = 1e-12  # Å2; an atom is not its own neighbour
_SLACK = 1e-9  # of a cell; images on the rim are not lost to rounding
_ROUNDS = 100  # of shortening; two or three are common


class FlatEdges(NamedTuple):
    """Directed edges of many crystals, sorted by crystal and then by looking atom."""

    source: IntArray  # (n_edges,) the neighbour, counted over all crystals
    target: IntArray  # (n_edges,) the atom that looks
    vector: NDArray[np.floating]  # (n_edges, 3) Å, from target to source image
    reach: NDArray[np.floating]  # (n_atoms,) Å
    edge_start: IntArray  # (n_crystals + 1,) where each crystal's edges begin
    closest: (
        FloatArray  # (n_crystals,) Å, between two atoms; infinite for one that is alone
    )


class _Scratch(NamedTuple):
    """Room for the images about one crystal; larger is made when it is needed."""

    points: FloatArray  # (3, room) Å
    owner: IntArray  # (room,) atom that a point is an image of
    square: FloatArray  # (room,) Å2, distance from the looking atom
    near: IntArray  # (room,) points within its radius


def compiled_neighbours(
    frac_coords: FloatArray,
    lattice: FloatArray,
    start: IntArray,
    config: GraphConfig,
    *,
    dtype: type[np.floating] = np.float32,
) -> FlatEdges:
    """Every image closer to an atom than that atom's reach; other threads may run meanwhile.

    ``frac_coords`` is ``(n_atoms, 3)`` of all crystals end to end, ``lattice``
    ``(n_crystals, 3, 3)`` in Å, rows being the vectors, and ``start`` ``(n_crystals + 1,)``
    where each crystal's atoms begin. Vectors and reaches come as ``dtype``; they are computed
    in double precision.
    """
    found: FlatEdges = _search(
        np.ascontiguousarray(frac_coords, dtype=np.float64),
        np.ascontiguousarray(lattice, dtype=np.float64),
        np.ascontiguousarray(start, dtype=np.int64),
        config.n_nearest,
        float(config.stretch),
        float(config.max_reach),
        np.empty(0, dtype),
    )
    return found


@compiled
def _search(
    frac_coords: FloatArray,
    lattice: FloatArray,
    start: IntArray,
    n_nearest: int,
    stretch: float,
    max_reach: float,
    like: NDArray[np.floating],
) -> FlatEdges:
    n_atoms, n_crystals = len(frac_coords), len(lattice)
    source = np.empty(20 * n_atoms + 64, np.int64)
    target = np.empty(len(source), np.int64)
    vector = np.empty((len(source), 3), like.dtype)
    reach = np.empty(n_atoms, like.dtype)
    edge_start = np.zeros(n_crystals + 1, np.int64)
    closest = np.full(n_crystals, np.inf)
    scratch = _room(1024)
    shortest = np.empty(n_nearest)
    n_edges = 0
    for crystal in range(n_crystals):
        first, n = start[crystal], start[crystal + 1] - start[crystal]
        cell, frac = _short_cell(lattice[crystal], frac_coords[first : first + n])
        heights, volume = _heights(cell)
        radius = min(_FIRST * (volume / max(n, 1)) ** (1.0 / 3.0), max_reach)
        scratch, n_points = _images(cell, frac, heights, radius, scratch)
        for atom in range(n):
            x, y, z = _cartesian(frac[atom, 0], frac[atom, 1], frac[atom, 2], cell)
            while True:
                n_near, n_here = _within(scratch, n_points, x, y, z, radius)
                far, enough = _reach(scratch, n_near, shortest, stretch, max_reach)
                if radius >= max_reach or (enough and far <= radius):
                    break
                radius = min(_GROWTH * radius, max_reach)
                scratch, n_points = _images(cell, frac, heights, radius, scratch)
            reach[first + atom] = far
            if n_here > 1:  # itself, and another one on the same site
                closest[crystal] = 0.0
            elif n_near:
                closest[crystal] = min(closest[crystal], math.sqrt(shortest[0]))
            if n_edges + n_near > len(source):
                source, target, vector = _longer(source, target, vector, n_near)
            for place in range(n_near):
                point = scratch.near[place]
                if scratch.square[point] < far * far:
                    source[n_edges] = first + scratch.owner[point]
                    target[n_edges] = first + atom
                    vector[n_edges, 0] = scratch.points[0, point] - x
                    vector[n_edges, 1] = scratch.points[1, point] - y
                    vector[n_edges, 2] = scratch.points[2, point] - z
                    n_edges += 1
        edge_start[crystal + 1] = n_edges
    return FlatEdges(
        source[:n_edges], target[:n_edges], vector[:n_edges], reach, edge_start, closest
    )


@compiled
def _short_cell(
    lattice: FloatArray, frac_coords: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """The same crystal by vectors that cannot be shortened in pairs, atoms in [0, 1)."""
    cell, frac = lattice.copy(), _wrapped(frac_coords)
    for _ in range(_ROUNDS):
        changed = False
        for i in range(3):
            for j in range(3):
                if i == j:
                    continue
                length = cell[i, 0] ** 2 + cell[i, 1] ** 2 + cell[i, 2] ** 2
                along = (
                    cell[i, 0] * cell[j, 0]
                    + cell[i, 1] * cell[j, 1]
                    + cell[i, 2] * cell[j, 2]
                )
                if abs(along) > (0.5 + _SLACK) * length:
                    steps = np.rint(along / length)
                    for axis in range(3):
                        cell[j, axis] -= steps * cell[i, axis]
                    for atom in range(len(frac)):
                        frac[atom, i] += steps * frac[atom, j]
                    changed = True
        if not changed:
            break
    return cell, _wrapped(frac)


@compiled
def _wrapped(frac_coords: FloatArray) -> FloatArray:
    """The images in [0, 1); ``np.floor``, since ``math.floor`` gives an int64 to overflow."""
    frac = np.empty_like(frac_coords)
    for atom in range(len(frac)):
        for axis in range(3):
            place = frac_coords[atom, axis]
            frac[atom, axis] = place - np.floor(place)
    return frac


@compiled
def _heights(cell: FloatArray) -> tuple[tuple[float, float, float], float]:
    """Distances between opposite faces in Å, and the volume in Å3."""
    volume = 0.0
    areas = np.empty(3)
    for i in range(3):
        j, k = (i + 1) % 3, (i + 2) % 3
        x = cell[j, 1] * cell[k, 2] - cell[j, 2] * cell[k, 1]
        y = cell[j, 2] * cell[k, 0] - cell[j, 0] * cell[k, 2]
        z = cell[j, 0] * cell[k, 1] - cell[j, 1] * cell[k, 0]
        areas[i] = math.sqrt(x * x + y * y + z * z)
        volume = abs(cell[i, 0] * x + cell[i, 1] * y + cell[i, 2] * z)
    return (volume / areas[0], volume / areas[1], volume / areas[2]), volume


@compiled
def _images(
    cell: FloatArray,
    frac: FloatArray,
    heights: tuple[float, float, float],
    radius: float,
    scratch: _Scratch,
) -> tuple[_Scratch, int]:
    """Lay out every image that is within ``radius`` of the box that holds the atoms."""
    low, high = np.ones(3), np.zeros(3)
    for atom in range(len(frac)):
        for axis in range(3):
            low[axis] = min(low[axis], frac[atom, axis])
            high[axis] = max(high[axis], frac[atom, axis])
    for axis in range(3):
        low[axis] -= radius / heights[axis] + _SLACK
        high[axis] += radius / heights[axis] + _SLACK
    n = 0
    for atom in range(len(frac)):
        images = 1
        for axis in range(3):
            place = frac[atom, axis]
            images *= math.floor(high[axis] - place) - math.ceil(low[axis] - place) + 1
        n += images
    if n > len(scratch.owner):
        scratch = _room(2 * n)
    points, owner = scratch.points, scratch.owner
    point = 0
    for atom in range(len(frac)):
        a, b, c = frac[atom, 0], frac[atom, 1], frac[atom, 2]
        for i in range(math.ceil(low[0] - a), math.floor(high[0] - a) + 1):
            for j in range(math.ceil(low[1] - b), math.floor(high[1] - b) + 1):
                for k in range(math.ceil(low[2] - c), math.floor(high[2] - c) + 1):
                    x, y, z = _cartesian(a + i, b + j, c + k, cell)
                    points[0, point], points[1, point], points[2, point] = x, y, z
                    owner[point] = atom
                    point += 1
    return scratch, n


@compiled
def _within(
    scratch: _Scratch, n_points: int, x: float, y: float, z: float, radius: float
) -> tuple[int, int]:
    """Note which points are closer than ``radius`` to a place; without a branch per point.

    Returns how many those are, and how many points are at the place itself.
    """
    px, py, pz = scratch.points[0], scratch.points[1], scratch.points[2]
    square, near = scratch.square, scratch.near
    for point in range(n_points):
        dx, dy, dz = px[point] - x, py[point] - y, pz[point] - z
        square[point] = dx * dx + dy * dy + dz * dz
    limit = radius * radius
    n = here = 0
    for point in range(n_points):
        near[n] = point
        n += (square[point] < limit) & (square[point] > _SAME_SITE)
        here += square[point] <= _SAME_SITE
    return n, here


@compiled
def _reach(
    scratch: _Scratch, n_near: int, shortest: FloatArray, stretch: float, max_reach: float
) -> tuple[float, bool]:
    """As in :mod:`models.graphs.neighbours`, and whether there are enough neighbours."""
    n_nearest = len(shortest)
    found = 0
    for place in range(n_near):
        square = scratch.square[scratch.near[place]]
        if found < n_nearest:
            slot = found
            found += 1
        elif square < shortest[n_nearest - 1]:
            slot = n_nearest - 1
        else:
            continue
        while slot > 0 and shortest[slot - 1] > square:
            shortest[slot] = shortest[slot - 1]
            slot -= 1
        shortest[slot] = square
    total = (n_nearest - found) * max_reach
    for slot in range(found):
        total += math.sqrt(shortest[slot])
    return min(stretch * total / n_nearest, max_reach), found == n_nearest


@compiled
def _cartesian(
    a: float, b: float, c: float, cell: FloatArray
) -> tuple[float, float, float]:
    """Fractional to Cartesian, Å."""
    return (
        a * cell[0, 0] + b * cell[1, 0] + c * cell[2, 0],
        a * cell[0, 1] + b * cell[1, 1] + c * cell[2, 1],
        a * cell[0, 2] + b * cell[1, 2] + c * cell[2, 2],
    )


@compiled
def _room(n: int) -> _Scratch:
    return _Scratch(
        np.empty((3, n)), np.empty(n, np.int64), np.empty(n), np.empty(n, np.int64)
    )


@compiled
def _longer(
    source: IntArray, target: IntArray, vector: NDArray[np.floating], more: int
) -> tuple[IntArray, IntArray, NDArray[np.floating]]:
    """The same edges with room for twice as many and ``more``."""
    n = len(source)
    sources, targets = np.empty(2 * n + more, np.int64), np.empty(2 * n + more, np.int64)
    vectors = np.empty((2 * n + more, 3), vector.dtype)
    sources[:n], targets[:n], vectors[:n] = source, target, vector
    return sources, targets, vectors
