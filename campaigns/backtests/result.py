"""From replays to figures: curves and factors with their intervals, and a verdict."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from campaigns.backtests import metrics
from campaigns.backtests.metrics import Interval
from campaigns.backtests.pool import Pool, margins
from campaigns.backtests.records import BACKTEST
from campaigns.backtests.replay import Replay
from campaigns.protocols import FloatArray
from materials.errors import InputError
from materials.whole import write_whole

Verdict = Literal["accelerates", "unclear", "decelerates"]

_DEEP = 3.0  # label deviations; nothing counts as further inside a window than this


@dataclass(frozen=True)
class Curve:
    """A number after each round: mean over seeds with its 95 % interval."""

    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    @classmethod
    def of(cls, values: FloatArray) -> Curve:
        """``values`` ``(n_seeds, rounds)``."""
        found = [metrics.interval(column) for column in values.T]
        return cls(*(tuple(part) for part in zip(*found, strict=True)))

    @property
    def last(self) -> Interval:
        """At the end of the budget."""
        return Interval(self.mean[-1], self.low[-1], self.high[-1])


@dataclass(frozen=True)
class StrategyResult:
    """What one strategy came to; every curve has a point per round."""

    strategy: str
    n_seeds: int  # that count
    hits: Curve
    acceleration: Curve
    enhancement: Curve
    best: Curve
    """Depth inside all windows of the best find, in deviations of the labels."""
    hypervolume: Curve
    """Share of the hypervolume of the whole pool."""
    per_seed: tuple[float, ...]
    """Acceleration at the end of the budget, of each seed that counts."""
    seconds_per_round: float

    @property
    def verdict(self) -> Verdict:
        """``accelerates`` if the whole interval of the acceleration reaches 1, ``decelerates``
        if not even its mean does; what lies between is ``unclear``.
        """
        last = self.acceleration.last
        if last.low >= 1.0:
            return "accelerates"
        return "unclear" if last.mean >= 1.0 else "decelerates"


@dataclass(frozen=True)
class RandomSearch:
    """What draws at random find, by the hypergeometric law."""

    calls: tuple[int, ...]
    hits: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True)
class BacktestResult:
    """Everything that a back-test found out."""

    name: str
    facts: Mapping[str, Any]
    """Specification, versions and hashes."""
    n_pool: int
    n_hits: int
    random: RandomSearch
    strategies: tuple[StrategyResult, ...]
    left_out: tuple[int, ...] = ()
    """Seeds that count nowhere: every hit was among their starting labels."""

    def document(self) -> dict[str, Any]:
        """As plain numbers, lists and mappings."""
        found = {**asdict(self)}
        for part, each in zip(found["strategies"], self.strategies, strict=True):
            part["verdict"] = each.verdict
        return found

    def save(self, path: Path) -> None:
        """Write JSON, complete or not at all."""
        document = {**BACKTEST.stamp(), **self.document()}
        write_whole(path, json.dumps(document, indent=1, allow_nan=False) + "\n")


def summarise(
    pool: Pool,
    replays: Sequence[Replay],
    *,
    name: str,
    batch_size: int,
    facts: Mapping[str, Any],
) -> BacktestResult:
    """Figures of all replays, by strategy in the order in which each first comes.

    Seeds whose starting labels hold every hit are left out.

    Raises:
        InputError: hits are left in fewer than two seeds, so that there is no interval.
    """
    left_out = sorted({one.seed for one in replays if not _findable(pool, one.start)})
    replays = [one for one in replays if one.seed not in left_out]
    check_seeds(name, len({one.seed for one in replays}), len(left_out))
    names = list(dict.fromkeys(one.strategy for one in replays))
    by_name = {n: [one for one in replays if one.strategy == n] for n in names}
    n_initial = len(replays[0].start)
    n_pool, n_hits = len(pool), int(pool.hits.sum())
    calls = batch_size * np.arange(1.0, len(replays[0].seconds) + 1)
    # What is left after starting labels holds on average as large a share of hits.
    left = n_pool - n_initial
    low, high = metrics.random_band(calls, left, round(n_hits * left / n_pool))
    random = RandomSearch(
        tuple(map(int, calls)),
        tuple(metrics.expected_hits(calls, n_pool, n_hits).tolist()),
        tuple(low.tolist()),
        tuple(high.tolist()),
    )
    results = tuple(_strategy(pool, by_name[n], batch_size) for n in names)
    return BacktestResult(name, facts, n_pool, n_hits, random, results, tuple(left_out))


def check_seeds(name: str, counted: int, left_out: int) -> None:
    """Raise :class:`InputError` if too few seeds have something to find."""
    if counted < 2:
        raise InputError(
            f"{name}: in {left_out} of {counted + left_out} seeds every hit is among the "
            "starting labels, and at least two must have something to find; widen the "
            "windows, or start with fewer labels"
        )


def _strategy(pool: Pool, replays: Sequence[Replay], batch_size: int) -> StrategyResult:
    depth = _depth(pool)
    whole = metrics.hypervolume(depth[pool.hits])
    parts: dict[str, list[FloatArray]] = {
        part: [] for part in ("hits", "acceleration", "enhancement", "best", "volume")
    }
    for one in replays:
        chosen = np.array(one.chosen)
        n_left = len(pool) - len(one.start)
        n_hits = _findable(pool, one.start)
        hits = metrics.hits_by_round(pool.hits[chosen], batch_size)
        odds = (batch_size, n_left, n_hits)
        parts["hits"].append(hits)
        parts["acceleration"].append(metrics.acceleration(hits, *odds))
        parts["enhancement"].append(metrics.enhancement(hits, *odds))
        parts["best"].append(metrics.best_so_far(depth[chosen], batch_size))
        ends = range(batch_size, len(chosen) + 1, batch_size)
        found = [metrics.hypervolume(depth[chosen[:end]]) for end in ends]
        parts["volume"].append(np.array(found) / whole if whole > 0 else np.array(found))
    curves = {part: Curve.of(np.stack(values)) for part, values in parts.items()}
    return StrategyResult(
        replays[0].strategy,
        len(replays),
        curves["hits"],
        curves["acceleration"],
        curves["enhancement"],
        curves["best"],
        curves["volume"],
        tuple(float(values[-1]) for values in parts["acceleration"]),
        float(np.mean([one.seconds for one in replays])),
    )


def _findable(pool: Pool, start: Sequence[int]) -> int:
    """Hits that are not among the starting labels."""
    return int(pool.hits.sum() - pool.hits[list(start)].sum())


def _depth(pool: Pool) -> FloatArray:
    """How deep inside each window every row lies ``(n, m)``, in deviations of the labels."""
    unit = np.nanstd(pool.labels, axis=0)
    inside = margins(pool.labels, pool.view.low, pool.view.high)
    return np.clip(inside / np.where(unit > 0, unit, 1.0), -_DEEP, _DEEP)
