"""Several objectives at once: what a candidate adds to the volume that the front dominates.

All objectives should be large; hand over the negative of those that should be small. What no
known point dominates is cut into boxes; a box's gain is a product over the objectives, so the
expectation of independent normal predictions is exact (Emmerich, Deutz & Klinkenberg, CEC
2011; Yang et al., J. Glob. Optim. 75, 3 (2019)).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logsumexp

from campaigns.acquisition.arrays import FloatArray, log_difference, predictions
from campaigns.acquisition.improvement import log_gain
from materials.errors import InputError

Box = tuple[tuple[float, ...], tuple[float, ...]]  # lower and upper corner

_CHUNK = 4096  # candidates at a time


def pareto_front(points: ArrayLike) -> FloatArray:
    """Return ``(k, m)``, the distinct points that none dominates, the first falling."""
    given = np.asarray(points, dtype=np.float64)
    distinct = np.unique(given, axis=0)[::-1]  # what dominates a row is above it
    kept: list[FloatArray] = []
    for row in distinct:
        if not kept or not (np.array(kept) >= row).all(axis=1).any():
            kept.append(row)
    return np.array(kept).reshape(-1, given.shape[1])


def hypervolume(points: ArrayLike, reference: ArrayLike) -> float:
    """Volume between ``reference`` ``(m,)`` and what the points ``(k, m)`` dominate.

    In the product of the objectives' units.
    """
    front, corner = _front(points, reference)
    if len(front) == 0:
        return 0.0
    ideal = front.max(axis=0)
    lower, upper = boxes(front, corner)
    free = np.prod(np.maximum(np.minimum(upper, ideal) - lower, 0.0), axis=1).sum()
    return float(np.prod(ideal - corner) - free)


def expected_hypervolume_improvement(
    mean: ArrayLike, std: ArrayLike, front: ArrayLike, reference: ArrayLike
) -> FloatArray:
    """Return ``(n,)`` expected gain in :func:`hypervolume`, exact for any ``m`` objectives.

    ``mean`` and ``std`` are ``(n, m)``, ``front`` ``(k, m)`` points already known (dominated
    ones do no harm), ``reference`` ``(m,)``. Boxes grow with ``k`` for two and three
    objectives and with ``k^(m-2)`` beyond, so that four are the practical limit.
    """
    logs = log_expected_hypervolume_improvement(mean, std, front, reference)
    return np.asarray(np.exp(logs), dtype=np.float64)


def log_expected_hypervolume_improvement(
    mean: ArrayLike, std: ArrayLike, front: ArrayLike, reference: ArrayLike
) -> FloatArray:
    """Log of :func:`expected_hypervolume_improvement`, finite where that underflows."""
    centre, spread = predictions(mean, std, ndim=2)
    known, corner = _front(front, reference)
    if centre.shape[1] != len(corner):
        raise InputError(
            f"predictions of {centre.shape[1]} objectives and a reference of {len(corner)}"
        )
    lower, upper = boxes(known, corner)
    edges = [
        np.unique(np.concatenate([lower[:, j], upper[:, j]])) for j in range(len(corner))
    ]
    places = [
        (np.searchsorted(edge, lower[:, j]), np.searchsorted(edge, upper[:, j]))
        for j, edge in enumerate(edges)
    ]
    found = np.empty(len(centre))
    for start in range(0, len(centre), _CHUNK):
        rows = slice(start, start + _CHUNK)
        total = np.zeros((len(centre[rows]), len(lower)))
        for j, (edge, (low, high)) in enumerate(zip(edges, places, strict=True)):
            gain = log_gain(centre[rows, j, None], spread[rows, j, None], edge[None])
            total += log_difference(gain[:, low], gain[:, high])
        found[rows] = logsumexp(total, axis=1)
    return found


def boxes(front: FloatArray, reference: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Cut what ``front`` leaves free above ``reference`` into boxes that do not overlap.

    Returns lower and upper corners, ``(b, m)`` each; upper ones may be infinite. ``front``
    ``(k, m)`` holds no dominated point.
    """
    found = _cut(front, tuple(reference))
    m = len(reference)
    lower = np.array([low for low, _ in found], dtype=np.float64).reshape(-1, m)
    upper = np.array([high for _, high in found], dtype=np.float64).reshape(-1, m)
    return lower, upper


def _cut(front: FloatArray, reference: tuple[float, ...]) -> list[Box]:
    m = len(reference)
    if m == 1:
        return [((max([*front[:, 0], reference[0]]),), (np.inf,))]
    if m == 2:
        return _strips(front, reference)
    if m == 3:
        return _sweep(front, reference)
    return _slabs(front, reference)


def _strips(front: FloatArray, reference: tuple[float, ...]) -> list[Box]:
    """Two objectives: one strip between neighbouring steps of the staircase."""
    found: list[Box] = []
    left = reference[0]
    for x, y in sorted(map(tuple, front)):  # first objective rising, second falling
        found.append(((left, y), (x, np.inf)))
        left = x
    found.append(((left, reference[1]), (np.inf, np.inf)))
    return found


def _sweep(front: FloatArray, reference: tuple[float, ...]) -> list[Box]:
    """Three objectives: strips that live while the third falls past the points one by one.

    A point closes the strips it covers and opens two, so there are at most 2k + 1 boxes
    (as in Yang et al., EMO 2017, by another way).
    """
    found: list[Box] = []
    strips: list[tuple[float, float, float, float]] = [
        (reference[0], np.inf, reference[1], np.inf)  # x from, x to, y from, z below
    ]
    for x, y, z in sorted(map(tuple, front), key=lambda p: -p[2]):
        kept: list[tuple[float, float, float, float]] = []
        left = x
        for strip in strips:
            x0, x1, y0, top = strip
            if x0 >= x or y0 >= y:
                kept.append(strip)
                continue
            if top > z:
                found.append(((x0, y0, z), (x1, np.inf, top)))
            left = min(left, x0)
            if x1 > x:
                kept.append((x, x1, y0, z))
        if left < x:
            kept.append((left, x, y, z))
        strips = sorted(kept)
    found += [((x0, y0, reference[2]), (x1, np.inf, top)) for x0, x1, y0, top in strips]
    return [box for box in found if all(a < b for a, b in zip(*box, strict=True))]


def _slabs(front: FloatArray, reference: tuple[float, ...]) -> list[Box]:
    """More objectives: between neighbouring values of the last one, a problem of one less."""
    levels = np.unique(np.concatenate([[reference[-1]], front[:, -1]]))
    found: list[Box] = []
    for i, level in enumerate(levels):
        above = front[front[:, -1] > level, :-1]
        top = levels[i + 1] if i + 1 < len(levels) else np.inf
        below = pareto_front(above) if len(above) else above
        found += [
            ((*low, float(level)), (*high, float(top)))
            for low, high in _cut(below, reference[:-1])
        ]
    return found


def _front(points: ArrayLike, reference: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """The front's part above the reference point, checked."""
    corner = np.asarray(reference, dtype=np.float64)
    if corner.ndim != 1 or len(corner) < 1 or not np.isfinite(corner).all():
        raise InputError(f"reference must be m finite numbers, got {corner.tolist()}")
    given = np.asarray(points, dtype=np.float64)
    if given.size == 0:
        return np.empty((0, len(corner))), corner
    if given.ndim != 2 or given.shape[1] != len(corner):
        raise InputError(
            f"points of {given.shape[-1]} objectives and a reference of {len(corner)}"
        )
    above = given[np.isfinite(given).all(axis=1) & (given > corner).all(axis=1)]
    return pareto_front(above), corner
