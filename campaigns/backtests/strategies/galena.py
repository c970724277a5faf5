"""Galena's own way, and what is left of it without one of its parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from campaigns.acquisition import log_joint_probability
from campaigns.backtests.pool import IntArray, View, margins
from campaigns.backtests.strategies.protocol import Seen, windows
from campaigns.chances import Chances, network_guess
from campaigns.protocols import FloatArray
from models.updating.base import Base
from models.updating.update import fit_update

SHORTLIST = 4000
"""Rows looked at in a round: the likeliest by the network alone."""
_LEAST_STD = 1e-4  # in the scale that models learn; a prediction is never certain


@dataclass(frozen=True)
class Network:
    """The network alone: what is measured teaches it nothing."""

    view: View
    seed: int

    @cached_property
    def guess(self) -> FloatArray:
        """Log probability of meeting all targets that the network knows, ``(n,)``."""
        return network_guess(self.base(np.arange(len(self.view))), windows(self.view))

    def base(self, rows: IntArray) -> Base:
        """What the network says of some rows."""
        return Base(
            targets=tuple(self.view.targets.tolist()),
            mean=self.view.mean[rows],
            std=np.maximum(self.view.std[rows], _LEAST_STD),
            embedding=self.view.embedding[rows].astype(np.float64),
        )

    def shortlist(self, seen: Seen) -> IntArray:
        """Rows worth a closer look, none of them measured."""
        worth = self.guess.copy()
        worth[seen.rows] = -np.inf
        order = np.argsort(-worth, kind="stable")
        return np.asarray(order[: min(SHORTLIST, len(order) - len(seen.rows))])

    def __call__(self, seen: Seen, k: int) -> Sequence[int]:
        """The ``k`` likeliest hits; a target that the network does not know has no say."""
        return [int(row) for row in self.shortlist(seen)[:k]]


@dataclass(frozen=True)
class Updated(Network):
    """The network corrected by what was measured, target by target."""

    def __call__(self, seen: Seen, k: int) -> Sequence[int]:
        """The ``k`` likeliest hits."""
        rows = self.shortlist(seen)
        update = fit_update(self.base(seen.rows), seen.labels)
        worth = log_joint_probability(*update.predict(self.base(rows)), windows(self.view))
        return _best(rows, worth, k)


@dataclass(frozen=True)
class Greedy(Network):
    """The corrected network's means alone, as if they were certain."""

    def __call__(self, seen: Seen, k: int) -> Sequence[int]:
        """The ``k`` whose predicted means lie deepest inside all windows."""
        rows = self.shortlist(seen)
        mean, _ = fit_update(self.base(seen.rows), seen.labels).predict(self.base(rows))
        unit = np.nanstd(seen.labels, axis=0)
        inside = margins(mean, self.view.low, self.view.high) / np.where(unit > 0, unit, 1)
        return _best(rows, inside.min(axis=1), k)


@dataclass(frozen=True)
class Galena(Network):
    """Network and corrected network together, corrected by successes and failures."""

    def __call__(self, seen: Seen, k: int) -> Sequence[int]:
        """The ``k`` likeliest hits."""
        rows = self.shortlist(seen)
        known = self.base(seen.rows)
        chances = Chances.fit(known, seen.labels, windows(self.view))
        return _best(rows, chances.log_probability(self.base(rows)), k)


def _best(rows: IntArray, worth: FloatArray, k: int) -> list[int]:
    """The ``k`` rows of largest worth ``(len(rows),)``; ties keep their order."""
    order = np.argsort(-np.where(np.isnan(worth), -np.inf, worth), kind="stable")
    return [int(row) for row in rows[order[:k]]]
