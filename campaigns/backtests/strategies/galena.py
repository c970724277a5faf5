"""Galena's own way, and what is left of it without one of its parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from campaigns.backtests.pool import View, margins
from campaigns.backtests.strategies.protocol import Seen, best_rows
from campaigns.backtests.strategies.success import log_success
from campaigns.protocols import FloatArray
from campaigns.surrogate import Base, Correction


@dataclass(frozen=True)
class Galena:
    """The network corrected by what was measured; the likeliest to meet all targets."""

    view: View
    seed: int

    def __call__(self, seen: Seen, k: int) -> Sequence[int]:
        """The ``k`` likeliest hits."""
        mean, std = corrected(self.view, seen)
        worth = log_success(mean, std, self.view.low, self.view.high)
        return best_rows(worth, seen, k)


@dataclass(frozen=True)
class Network:
    """The network alone: what is measured teaches it nothing."""

    view: View
    seed: int

    def __call__(self, seen: Seen, k: int) -> Sequence[int]:
        """The ``k`` likeliest hits; a target that the network does not know has no say."""
        known = np.isfinite(self.view.mean).all(axis=0)
        worth = log_success(
            self.view.mean[:, known],
            self.view.std[:, known],
            self.view.low[known],
            self.view.high[known],
        )
        return best_rows(worth, seen, k)


@dataclass(frozen=True)
class Greedy:
    """The corrected network's means alone, as if they were certain."""

    view: View
    seed: int

    def __call__(self, seen: Seen, k: int) -> Sequence[int]:
        """The ``k`` whose predicted means lie deepest inside all windows."""
        mean, _ = corrected(self.view, seen)
        unit = np.nanstd(seen.labels, axis=0)
        inside = margins(mean, self.view.low, self.view.high) / np.where(unit > 0, unit, 1)
        return best_rows(inside.min(axis=1), seen, k)


def corrected(view: View, seen: Seen) -> tuple[FloatArray, FloatArray]:
    """Mean and deviation of every target ``(n, m)`` each, given what was measured.

    A target that the network does not predict is taken to be what was measured on average,
    give or take its deviation, before the correction.
    """
    names = view.targets.tolist()
    blank = np.isnan(view.mean).any(axis=0)
    mean = np.where(blank, np.nanmean(seen.labels, axis=0), view.mean)
    std = np.where(blank, np.nanstd(seen.labels, axis=0), view.std)
    whole = Base(
        dict(zip(names, mean.T, strict=True)),
        dict(zip(names, std.T, strict=True)),
        view.embedding.astype(np.float64),
    )
    known = whole.take(seen.rows.tolist())
    found = [
        Correction.fit(name, known, seen.labels[:, place]).apply(whole)
        for place, name in enumerate(names)
    ]
    means, stds = zip(*found, strict=True)
    return np.stack(means, axis=1), np.stack(stds, axis=1)
