"""Which candidates to take together: good ones that are not all alike.

A batch is chosen one by one, each given those before it and those already under way, so the
same functions serve a batch of 25 and the next single candidate of an asynchronous campaign.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist
from scipy.special import log_ndtr

from campaigns.acquisition.arrays import FloatArray
from materials.errors import InputError

SHORTLIST = 4000
"""How many of the best are looked at for a batch; among worse ones none is chosen."""
_LEAST_NEW = 1e-9  # share of variance that a copy of something chosen keeps


def best_distinct(
    formulas: Sequence[str], worth: FloatArray, *, k: int, allowed: Sequence[bool]
) -> list[int]:
    """Positions of the ``k`` largest worths among ``allowed``, one per formula, best first.

    Ties keep the order given, so that the choice is reproducible.
    """
    chosen: list[int] = []
    taken: set[str] = set()
    for i in np.argsort(-np.asarray(worth), kind="stable"):
        if len(chosen) == k:
            break
        if allowed[i] and formulas[i] not in taken and np.isfinite(worth[i]):
            chosen.append(int(i))
            taken.add(formulas[i])
    return chosen


def determinantal_batch(
    worth: ArrayLike,
    embedding: ArrayLike,
    *,
    k: int,
    pending: ArrayLike | None = None,
    length: float | None = None,
    shortlist: int = SHORTLIST,
) -> list[int]:
    """Positions of ``k`` candidates, in order of choice, by greedy determinantal choice.

    The batch with the largest ``det(diag(q) S diag(q))`` for quality ``q = exp(worth)`` and
    likeness ``S = exp(-|x - x'|² / 2 l²)`` of the embeddings (Kulesza & Taskar, Found. Trends
    Mach. Learn. 5, 123 (2012)), grown greedily with an incremental Cholesky factor (Chen,
    Zhang & Zhou, NeurIPS 2018, algorithm 1). In plain words: each next one has the largest
    worth plus half the log of what of it is new, given those before.

    ``worth`` is ``(n,)`` log worth, ``embedding`` ``(n, d)``; ``pending`` ``(p, d)`` are under
    way and count as chosen. ``length`` is the median distance among the best if not given.
    Only the ``shortlist`` best are looked at; cost grows with ``shortlist · k · (d + k)``.
    What has no finite worth is never chosen.
    """
    value, points, others = _checked(worth, embedding, pending)
    rows = _best(value, max(shortlist, k))
    near = points[rows]
    scale = length or typical_distance(np.concatenate([near, others]))
    chosen: list[int] = []
    new = np.ones(len(rows))  # conditional variance given all chosen
    basis = np.empty((len(rows), len(others) + k))
    kept = np.empty((len(others), len(others) + k))
    for step, point in enumerate(others):
        like = likeness(near, point[None], scale)[:, 0]
        own = likeness(others, point[None], scale)[:, 0]
        left = own[step] - kept[step, :step] @ kept[step, :step]
        root = np.sqrt(max(left, _LEAST_NEW))
        basis[:, step] = (like - basis[:, :step] @ kept[step, :step]) / root
        kept[:, step] = (own - kept[:, :step] @ kept[step, :step]) / root
        new -= basis[:, step] ** 2
    free = np.ones(len(rows), dtype=bool)
    for step in range(len(others), len(others) + min(k, len(rows))):
        gain = value[rows] + 0.5 * np.log(np.maximum(new, _LEAST_NEW))
        best = int(np.argmax(np.where(free, gain, -np.inf)))
        chosen.append(int(rows[best]))
        free[best] = False
        like = likeness(near, near[best : best + 1], scale)[:, 0]
        root = np.sqrt(max(new[best], _LEAST_NEW))
        basis[:, step] = (like - basis[:, :step] @ basis[best, :step]) / root
        new -= basis[:, step] ** 2
    return chosen


def penalised_batch(
    worth: ArrayLike,
    embedding: ArrayLike,
    mean: ArrayLike,
    std: ArrayLike,
    *,
    k: int,
    best: float,
    pending: ArrayLike | None = None,
    pending_mean: ArrayLike | None = None,
    pending_std: ArrayLike | None = None,
    slope: float | None = None,
    shortlist: int = SHORTLIST,
) -> list[int]:
    """Positions of ``k`` candidates, in order of choice, by local penalisation.

    Around each one chosen lies a ball in which the best cannot be, if the property changes by
    at most ``slope`` per unit of distance; worth is multiplied by the probability of lying
    outside, ``Φ((L |x - x_j| - M + μ_j) / σ_j)`` (González, Dai, Hennig & Lawrence, AISTATS
    2016, eq. 11), with ``M`` the largest of ``best`` and the means. ``mean`` and ``std`` are
    ``(n,)`` of the property, larger is better. ``slope`` is the steepest rise between near
    neighbours of the shortlist if not given.

    For several objectives, or a worth that is not of one property, take
    :func:`determinantal_batch`.
    """
    value, points, others = _checked(worth, embedding, pending)
    centre, spread = np.asarray(mean, np.float64), np.asarray(std, np.float64)
    rows = _best(value, max(shortlist, k))
    if len(rows) == 0:
        return []
    near = points[rows]
    steepest = slope or _steepest(near, centre[rows])
    top = max(best, float(centre[rows].max()))
    total = value[rows].copy()
    if len(others):
        known = np.asarray(pending_mean, np.float64), np.asarray(pending_std, np.float64)
        if any(given.shape != (len(others),) for given in known):
            raise InputError(
                f"pending_mean and pending_std must each hold {len(others)} number(s)"
            )
        distance = cdist(near, others)
        for j, (m, s) in enumerate(zip(*known, strict=True)):
            total += _outside(distance[:, j], m, s, top, steepest)
    chosen: list[int] = []
    for _ in range(min(k, len(rows))):
        i = int(np.argmax(total))
        chosen.append(int(rows[i]))
        distance = cdist(near, near[i : i + 1])[:, 0]
        total += _outside(distance, centre[rows[i]], spread[rows[i]], top, steepest)
        total[i] = -np.inf
    return chosen


def likeness(a: FloatArray, b: FloatArray, length: float) -> FloatArray:
    """``exp(-|x - x'|² / 2 l²)`` between rows, ``(len(a), len(b))``."""
    return np.asarray(
        np.exp(-0.5 * cdist(a, b, "sqeuclidean") / length**2), dtype=np.float64
    )


def typical_distance(points: FloatArray, *, most: int = 200) -> float:
    """Median distance between distinct rows, of ``most`` of them; one where all are alike."""
    step = max(1, len(points) // most)
    some = points[::step][:most]
    distance = cdist(some, some)[np.triu_indices(len(some), k=1)]
    distance = distance[distance > 0]
    return float(np.median(distance)) if len(distance) else 1.0


def _outside(
    distance: FloatArray, mean: float, std: float, top: float, slope: float
) -> FloatArray:
    """Log probability of lying outside the ball around one point, ``(n,)``."""
    z = (slope * distance - top + mean) / max(std, 1e-12)
    return np.asarray(log_ndtr(z), dtype=np.float64)


def _steepest(points: FloatArray, mean: FloatArray, *, most: int = 1000) -> float:
    """The largest rise of the mean per distance between pairs of the best."""
    some, value = points[:most], mean[:most]
    distance = cdist(some, some)
    rise = np.abs(value[:, None] - value[None])
    apart = distance > 1e-3 * typical_distance(some)
    slope = float((rise[apart] / distance[apart]).max()) if apart.any() else 0.0
    return slope if slope > 0 else 1e-12


def _best(worth: FloatArray, most: int) -> NDArray[np.int64]:
    """Rows of the ``most`` largest finite worths, best first; ties keep their order."""
    order = np.argsort(-worth, kind="stable")[:most]
    return order[np.isfinite(worth[order])]


def _checked(
    worth: ArrayLike, embedding: ArrayLike, pending: ArrayLike | None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    value = np.nan_to_num(
        np.asarray(worth, dtype=np.float64), nan=-np.inf, posinf=-np.inf, neginf=-np.inf
    )
    points = np.asarray(embedding, dtype=np.float64)
    if points.ndim != 2 or value.shape != (len(points),):
        raise InputError(
            f"worth must be (n,) and embedding (n, d), got {value.shape} and {points.shape}"
        )
    if pending is None:
        return value, points, np.empty((0, points.shape[1]))
    others = np.asarray(pending, dtype=np.float64)
    if others.ndim != 2 or others.shape[1] != points.shape[1]:
        raise InputError(
            f"pending must be (p, {points.shape[1]}) as the embedding, got {others.shape}"
        )
    return value, points, others
