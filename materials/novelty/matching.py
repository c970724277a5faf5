"""``StructureMatcher.fit`` of pymatgen, compiled for the processor.

The same search with the same tolerances: every way to lay the one lattice on the other with
lengths within ``length`` and angles within ``angle``; for each, every translation that puts
an atom of the rarest element on one of its kind; sites assigned to one another in the mean of
both lattices so that the sum of squared distances is least; the crystals are equal if then no
site is further than ``site`` of the spacing of atoms from its partner. Ong et al., Comput.
Mater. Sci. 68, 314 (2013), doi:10.1016/j.commatsci.2012.10.028.

What is left to differ is rounding, and which of two equally short cells is taken:
``tests/materials/novelty/test_matching.py`` and docs/novelty.md compare the two.
"""

from __future__ import annotations

import math

import numpy as np

from materials.compiling import compiled
from materials.flat import FlatCrystals
from materials.novelty.assignment import assigned
from materials.novelty.cells import rarest_block
from materials.novelty.comparison import Tolerances
from materials.novelty.niggli import niggli, wrapped
from materials.soundness import FloatArray, IntArray

_MOST_POINTS = 2_000_000  # of a lattice; of cells 500 times as long as wide there are more
_FAR = 1e20  # Å2, as in pymatgen: pairs that are never assigned to one another


def matches(
    one: FlatCrystals,
    other: FlatCrystals,
    rows: IntArray,
    others: IntArray,
    tolerances: Tolerances,
) -> FloatArray:
    """Compare ``one``'s ``rows`` ``(p,)`` with ``other``'s ``others`` ``(p,)``, pair by pair.

    Both as :func:`materials.novelty.cells.primitive_cells` returns them. Gives ``(p,)`` the
    distance of the worst pair of sites, in cube roots of the volume per atom, of the first
    fit found; infinite where there is none.
    """
    found: FloatArray = _match_all(
        one.atomic_numbers,
        one.frac_coords,
        one.lattice,
        one.start,
        other.atomic_numbers,
        other.frac_coords,
        other.lattice,
        other.start,
        np.ascontiguousarray(rows, dtype=np.int64),
        np.ascontiguousarray(others, dtype=np.int64),
        float(tolerances.length),
        float(tolerances.site),
        float(tolerances.angle),
    )
    return found


@compiled
def _match_all(
    numbers: IntArray,
    frac: FloatArray,
    lattice: FloatArray,
    start: IntArray,
    other_numbers: IntArray,
    other_frac: FloatArray,
    other_lattice: FloatArray,
    other_start: IntArray,
    rows: IntArray,
    others: IntArray,
    ltol: float,
    stol: float,
    atol: float,
) -> FloatArray:
    found = np.empty(len(rows))
    for pair in range(len(rows)):
        row, other = rows[pair], others[pair]
        a, b = start[row], start[row + 1]
        c, d = other_start[other], other_start[other + 1]
        found[pair] = match(
            numbers[a:b],
            frac[a:b],
            lattice[row],
            other_numbers[c:d],
            other_frac[c:d],
            other_lattice[other],
            ltol,
            stol,
            atol,
        )
    return found


@compiled
def match(
    kinds: IntArray,
    frac: FloatArray,
    lattice: FloatArray,
    other_kinds: IntArray,
    other_frac: FloatArray,
    other_lattice: FloatArray,
    ltol: float,
    stol: float,
    atol: float,
) -> float:
    """The worst distance of the first fit of two reduced crystals, or infinity.

    Needles of more than ``_MOST_POINTS`` lattice points within reach fit nothing: their
    comparison would take gigabytes, with pymatgen too.
    """
    n = len(kinds)
    if n == 0 or n != len(other_kinds):
        return np.inf
    for site in range(n):
        if kinds[site] != other_kinds[site]:
            return np.inf
    ratio = (abs(np.linalg.det(other_lattice)) / abs(np.linalg.det(lattice))) ** (1 / 6)
    cell, target = lattice * ratio, other_lattice / ratio
    lengths, angles = _parameters(target)
    steps, vectors, norms = _lattice_points(cell, lengths.max() * (1 + ltol))
    a_list = _of_length(norms, lengths[0], ltol)
    b_list = _of_length(norms, lengths[1], ltol)
    c_list = _of_length(norms, lengths[2], ltol)
    change = np.empty((3, 3))
    for a in a_list:
        for b in b_list:
            if abs(_angle(vectors[a], vectors[b], norms[a], norms[b]) - angles[2]) > atol:
                continue
            for c in c_list:
                if (
                    abs(_angle(vectors[a], vectors[c], norms[a], norms[c]) - angles[1])
                    > atol
                    or abs(_angle(vectors[b], vectors[c], norms[b], norms[c]) - angles[0])
                    > atol
                ):
                    continue
                change[0], change[1], change[2] = steps[a], steps[b], steps[c]
                if abs(abs(np.linalg.det(change)) - 1.0) > 0.5:
                    continue
                own = np.array([norms[a], norms[b], norms[c]])
                own_angles = np.array(
                    [
                        _angle(vectors[b], vectors[c], norms[b], norms[c]),
                        _angle(vectors[a], vectors[c], norms[a], norms[c]),
                        _angle(vectors[a], vectors[b], norms[a], norms[b]),
                    ]
                )
                mean = _from_parameters((own + lengths) / 2, (own_angles + angles) / 2)
                worst = _fit_sites(kinds, frac, change, other_frac, mean, stol)
                if worst < stol:
                    return worst
    return np.inf


@compiled
def _fit_sites(
    kinds: IntArray,
    frac: FloatArray,
    change: FloatArray,
    other_frac: FloatArray,
    mean: FloatArray,
    stol: float,
) -> float:
    """The worst distance of the first translation that fits, or infinity."""
    n = len(kinds)
    back = np.linalg.inv(change)
    sites = np.empty((n, 3))
    for site in range(n):
        for j in range(3):
            sites[site, j] = wrapped(
                frac[site, 0] * back[0, j]
                + frac[site, 1] * back[1, j]
                + frac[site, 2] * back[2, j]
            )
    inverse = np.linalg.inv(mean)
    spacing = (abs(np.linalg.det(mean)) / n) ** (1.0 / 3.0)
    reach = np.empty(3)  # fractional
    for axis in range(3):
        along = math.sqrt(
            inverse[0, axis] ** 2 + inverse[1, axis] ** 2 + inverse[2, axis] ** 2
        )
        reach[axis] = 2.0 * stol * spacing * along
    first, size = rarest_block(kinds)
    moved = np.empty((n, 3))
    for own in range(first, first + size):
        for site in range(n):
            for axis in range(3):
                moved[site, axis] = other_frac[site, axis] + (
                    sites[own, axis] - other_frac[first, axis]
                )
        if _all_near(kinds, sites, moved, reach):
            worst = _worst_distance(kinds, sites, moved, mean, 2.0 * stol * spacing)
            relative: float = worst / spacing
            if relative < stol:
                return relative
    return np.inf


@compiled
def _all_near(
    kinds: IntArray, sites: FloatArray, moved: FloatArray, reach: FloatArray
) -> bool:
    """Whether every moved site has one of its kind within reach along each axis."""
    n = len(kinds)
    for site in range(
        n - 1, -1, -1
    ):  # the common elements, which fail first, are often last
        near = False
        for other in range(n):
            if kinds[other] != kinds[site]:
                continue
            d = moved[site, 0] - sites[other, 0]
            if abs(d - np.rint(d)) > reach[0]:
                continue
            d = moved[site, 1] - sites[other, 1]
            if abs(d - np.rint(d)) > reach[1]:
                continue
            d = moved[site, 2] - sites[other, 2]
            if abs(d - np.rint(d)) > reach[2]:
                continue
            near = True
            break
        if not near:
            return False
    return True


@compiled
def _worst_distance(
    kinds: IntArray, sites: FloatArray, moved: FloatArray, mean: FloatArray, far: float
) -> float:
    """Å between partners at most, their mean displacement taken off."""
    n = len(kinds)
    cell, to_short = niggli(mean, np.eye(3))  # (3, 3): fractions in the one to the other
    partner = np.empty((n, 3))
    first = 0
    while first < n:
        last = first
        while last < n and kinds[last] == kinds[first]:
            last += 1
        size = last - first
        square = np.empty((size, size))
        vector = np.empty((size, size, 3))
        for i in range(size):
            for j in range(size):
                square[i, j] = _shortest(
                    sites[first + j] - moved[first + i], cell, to_short, vector[i, j]
                )
                if square[i, j] > far * far:
                    square[i, j] = _FAR
        chosen = assigned(square)
        for i in range(size):
            if square[i, chosen[i]] >= _FAR:
                return np.inf
            partner[first + i] = vector[i, chosen[i]]
        first = last
    shift = np.zeros(3)
    for axis in range(3):
        shift[axis] = partner[:, axis].mean()
    worst = 0.0
    for site in range(n):
        x, y, z = partner[site] - shift
        worst = max(worst, x * x + y * y + z * z)
    return math.sqrt(worst)


@compiled
def _shortest(
    difference: FloatArray, cell: FloatArray, to_short: FloatArray, out: FloatArray
) -> float:
    """Write the shortest of a vector's images in Å; return its square."""
    f = np.empty(3)
    for j in range(3):
        f[j] = (
            difference[0] * to_short[0, j]
            + difference[1] * to_short[1, j]
            + difference[2] * to_short[2, j]
        )
        f[j] -= np.rint(f[j])
    best = np.inf
    for i in range(-1, 2):
        for j in range(-1, 2):
            for k in range(-1, 2):
                a, b, c = f[0] + i, f[1] + j, f[2] + k
                x = a * cell[0, 0] + b * cell[1, 0] + c * cell[2, 0]
                y = a * cell[0, 1] + b * cell[1, 1] + c * cell[2, 1]
                z = a * cell[0, 2] + b * cell[1, 2] + c * cell[2, 2]
                square = x * x + y * y + z * z
                if square < best:
                    best = square
                    out[0], out[1], out[2] = x, y, z
    return best


@compiled
def _parameters(cell: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Lengths in Å and angles in degrees."""
    lengths = np.empty(3)
    for i in range(3):
        lengths[i] = math.sqrt(cell[i, 0] ** 2 + cell[i, 1] ** 2 + cell[i, 2] ** 2)
    angles = np.empty(3)
    for i in range(3):
        j, k = (i + 1) % 3, (i + 2) % 3
        angles[i] = _angle(cell[j], cell[k], lengths[j], lengths[k])
    return lengths, angles


@compiled
def _angle(a: FloatArray, b: FloatArray, a_length: float, b_length: float) -> float:
    cosine = (a[0] * b[0] + a[1] * b[1] + a[2] * b[2]) / (a_length * b_length)
    return math.degrees(math.acos(min(1.0, max(-1.0, cosine))))


@compiled
def _from_parameters(lengths: FloatArray, angles: FloatArray) -> FloatArray:
    """Vectors of such lengths in Å and angles in degrees."""
    alpha, beta, gamma = (
        math.radians(angles[0]),
        math.radians(angles[1]),
        math.radians(angles[2]),
    )
    cell = np.zeros((3, 3))
    cell[0, 0] = lengths[0]
    cell[1, 0], cell[1, 1] = lengths[1] * math.cos(gamma), lengths[1] * math.sin(gamma)
    x = math.cos(beta)
    y = (math.cos(alpha) - math.cos(beta) * math.cos(gamma)) / math.sin(gamma)
    cell[2, 0], cell[2, 1] = lengths[2] * x, lengths[2] * y
    cell[2, 2] = lengths[2] * math.sqrt(max(1e-12, 1.0 - x * x - y * y))
    return cell


@compiled
def _lattice_points(
    cell: FloatArray, radius: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Lattice vectors up to ``radius`` Å: whole steps ``(m, 3)``, Å ``(m, 3)``, lengths."""
    back = np.linalg.inv(cell)
    most = np.empty(3, np.int64)
    total = 1
    for axis in range(3):
        reciprocal = math.sqrt(back[0, axis] ** 2 + back[1, axis] ** 2 + back[2, axis] ** 2)
        most[axis] = math.floor(radius * reciprocal + 1e-9)
        total *= 2 * most[axis] + 1
    if total > _MOST_POINTS:
        total = 0
        most[:] = -1
    steps, vectors, norms = np.empty((total, 3)), np.empty((total, 3)), np.empty(total)
    m = 0
    for i in range(-most[0], most[0] + 1):
        for j in range(-most[1], most[1] + 1):
            for k in range(-most[2], most[2] + 1):
                x = i * cell[0, 0] + j * cell[1, 0] + k * cell[2, 0]
                y = i * cell[0, 1] + j * cell[1, 1] + k * cell[2, 1]
                z = i * cell[0, 2] + j * cell[1, 2] + k * cell[2, 2]
                norm = math.sqrt(x * x + y * y + z * z)
                if 0.0 < norm <= radius:
                    steps[m, 0], steps[m, 1], steps[m, 2] = i, j, k
                    vectors[m, 0], vectors[m, 1], vectors[m, 2] = x, y, z
                    norms[m] = norm
                    m += 1
    return steps[:m], vectors[:m], norms[:m]


@compiled
def _of_length(norms: FloatArray, length: float, ltol: float) -> IntArray:
    """Which vectors are as long as that, within the tolerance."""
    near = np.empty(len(norms), np.int64)
    m = 0
    for point in range(len(norms)):
        if 1.0 / (1.0 + ltol) < norms[point] / length < 1.0 + ltol:
            near[m] = point
            m += 1
    return near[:m]
