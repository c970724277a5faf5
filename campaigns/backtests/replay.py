"""One campaign replayed: starting labels, then round by round what a strategy asks for."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from campaigns.backtests.pool import IntArray, Pool
from campaigns.backtests.strategies import Seen, build
from materials.errors import GalenaError


@dataclass(frozen=True)
class Replay:
    """What one strategy measured with one set of starting labels."""

    strategy: str
    seed: int
    start: tuple[int, ...]
    """Rows whose labels were known, (n_initial,)."""
    chosen: tuple[int, ...]
    """Rows in the order in which they were measured, (rounds * batch_size,)."""
    seconds: tuple[float, ...]
    """What choosing took, (rounds,)."""


class StrategyError(GalenaError):
    """A strategy asked for what it may not have."""


def starting_rows(n_pool: int, n_initial: int, seed: int) -> IntArray:
    """Rows known at the start, the same for every strategy, ``(n_initial,)``."""
    rng = np.random.default_rng((seed, n_initial))
    return np.asarray(rng.permutation(n_pool)[:n_initial], dtype=np.int64)


def replay(
    pool: Pool, strategy: str, seed: int, *, n_initial: int, rounds: int, batch_size: int
) -> Replay:
    """Replay one campaign. Strategies see labels only of what they have asked for.

    Raises :class:`StrategyError` if a batch is not ``batch_size`` new rows.
    """
    start = starting_rows(len(pool), n_initial, seed)
    choose = build(strategy, pool.view, seed)
    known = start
    seconds = []
    for number in range(1, rounds + 1):
        seen = Seen(known, pool.labels[known])
        begun = time.perf_counter()
        batch = np.asarray(choose(seen, batch_size), dtype=np.int64)
        seconds.append(time.perf_counter() - begun)
        if len(set(batch.tolist())) != batch_size or np.isin(batch, known).any():
            raise StrategyError(
                f"{strategy}, round {number}: expected {batch_size} rows not yet measured, "
                f"got {len(batch)}, some of them twice or known"
            )
        known = np.concatenate([known, batch])
    chosen = known[n_initial:]
    return Replay(
        strategy, seed, tuple(start.tolist()), tuple(chosen.tolist()), tuple(seconds)
    )
