"""Niggli's cell, and what compiled functions need to get there.

Grosse-Kunstleve, Sauter and Adams, Acta Cryst. A60, 1 (2004),
doi:10.1107/S010876730302186X; the step numbers are theirs.
"""

from __future__ import annotations

import math

import numpy as np

from materials.compiling import compiled
from materials.soundness import FloatArray

_EPSILON = 1e-5  # of the cube root of the volume, as in pymatgen
_STEPS = 1000  # of reduction; a dozen are common
_SLACK = 1e-9  # of a length; what rounding may do


@compiled
def wrapped(x: float) -> float:
    """The same place in [0, 1); what rounds up to one is zero."""
    inside = x - np.floor(x)
    return 0.0 if inside >= 1.0 else inside


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
def along_pair(cell: FloatArray, i: int, j: int) -> float:
    """Scalar product of two vectors of a cell, Å2."""
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
                length = along_pair(cell, i, i)
                along = along_pair(cell, i, j)
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
    a, b, c = along_pair(cell, 0, 0), along_pair(cell, 1, 1), along_pair(cell, 2, 2)
    xi, eta, zeta = (
        2.0 * along_pair(cell, 1, 2),
        2.0 * along_pair(cell, 0, 2),
        2.0 * along_pair(cell, 0, 1),
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
