"""How much sooner than by chance: plain functions of what was found when.

A pool of ``N`` candidates that nobody has measured holds ``K`` hits. Drawn at random without
replacement, ``n`` of them hold ``n K / N`` hits on average (hypergeometric), and it takes
``h (N + 1) / (K + 1)`` draws on average until ``h`` are found (negative hypergeometric).

- The *acceleration factor* is the second number over the calls that a strategy has made for the
  same ``h`` (Rohr et al., Chem. Sci. 11, 2696 (2020)). All calls so far count, those after its
  last hit too: a search that is stuck is not fast. Only once no hit is left to be found do
  calls no longer count. Random search has a mean of about 1.
- The *enhancement factor* is the hits a strategy found over the first number at as many calls
  (the same paper).

Calls come in batches that are chosen together, so a hit counts from the end of its batch.
Starting labels, and hits among them, count for nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from campaigns.protocols import FloatArray


class Interval(NamedTuple):
    """A mean over seeds with its 95 % interval."""

    mean: float
    low: float
    high: float


def expected_hits(calls: FloatArray, n_pool: int, n_hits: int) -> FloatArray:
    """Hits that random draws find on average, shape of ``calls``."""
    return np.asarray(calls * n_hits / n_pool, dtype=np.float64)


def random_band(
    calls: FloatArray, n_pool: int, n_hits: int, level: float = 0.95
) -> tuple[FloatArray, FloatArray]:
    """Between which numbers of hits random draws lie with probability ``level``."""
    from scipy.stats import hypergeom

    law = hypergeom(n_pool, n_hits, np.asarray(calls, dtype=np.int64))
    low, high = law.ppf((1 - level) / 2), law.ppf((1 + level) / 2)
    return np.maximum(low, 0.0), np.maximum(high, 0.0)


def expected_calls(hits: FloatArray, n_pool: int, n_hits: int) -> FloatArray:
    """Random draws needed on average until as many hits are found, shape of ``hits``."""
    return np.asarray(hits * (n_pool + 1) / (n_hits + 1), dtype=np.float64)


def hits_by_round(found: Sequence[bool], batch_size: int) -> FloatArray:
    """Hits after each round ``(rounds,)``, given whether each call in order was one."""
    each = np.asarray(found, dtype=np.float64).reshape(-1, batch_size)
    return np.asarray(each.sum(axis=1).cumsum(), dtype=np.float64)


def acceleration(hits: FloatArray, batch_size: int, n_pool: int, n_hits: int) -> FloatArray:
    """Acceleration factor after each round ``(rounds,)``, of ``hits`` after each round.

    The calls are all those so far; where all ``n_hits`` are found, those up to the end of the
    round that brought the last. Where nothing was found the factor is 0.
    """
    rounds = np.arange(1.0, len(hits) + 1)
    finished = np.searchsorted(hits, n_hits, side="left") + 1  # the round that had them all
    calls = np.minimum(rounds, finished) * batch_size
    return np.asarray(expected_calls(hits, n_pool, n_hits) / calls, dtype=np.float64)


def enhancement(hits: FloatArray, batch_size: int, n_pool: int, n_hits: int) -> FloatArray:
    """Enhancement factor after each round ``(rounds,)``."""
    calls = batch_size * np.arange(1.0, len(hits) + 1)
    return np.asarray(hits / expected_hits(calls, n_pool, n_hits), dtype=np.float64)


def best_so_far(inside: FloatArray, batch_size: int) -> FloatArray:
    """How deep inside all windows the best find is after each round ``(rounds,)``.

    ``inside`` ``(calls, m)`` are margins, each in units that can be compared; the depth of a
    candidate is its least margin.
    """
    depth = inside.min(axis=1).reshape(-1, batch_size).max(axis=1)
    return np.asarray(np.maximum.accumulate(depth), dtype=np.float64)


def hypervolume(points: FloatArray) -> float:
    """Volume between the origin and the points ``(n, m)`` that dominate it, more being better.

    Slices along the last coordinate, each the hypervolume of one dimension less (While et
    al., IEEE Trans. Evol. Comput. 10, 29 (2006)).
    """
    good = points[(points > 0).all(axis=1)]
    if len(good) == 0:
        return 0.0
    if good.shape[1] == 1:
        return float(good.max())
    good = good[np.argsort(-good[:, -1], kind="stable")]
    ends = np.append(good[1:, -1], 0.0)
    thick = good[:, -1] - ends
    volume = 0.0
    for place in np.flatnonzero(thick > 0):
        volume += float(thick[place]) * hypervolume(_front(good[: place + 1, :-1]))
    return volume


def _front(points: FloatArray) -> FloatArray:
    """The points that no other one equals or exceeds in everything."""
    if points.shape[1] == 1:
        return np.asarray(points.max(axis=0, keepdims=True), dtype=np.float64)
    unique = np.unique(points, axis=0)
    beaten = (unique[None, :, :] >= unique[:, None, :]).all(axis=2).sum(axis=1) > 1
    return np.asarray(unique[~beaten], dtype=np.float64)


def interval(values: FloatArray) -> Interval:
    """Mean of values over seeds ``(n_seeds,)`` and its 95 % interval by Student's t."""
    from scipy.stats import t

    mean = float(np.mean(values))
    if len(values) < 2:
        return Interval(mean, float("nan"), float("nan"))
    half = float(
        t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / len(values) ** 0.5
    )
    return Interval(mean, mean - half, mean + half)
