"""What a strategy is: labels seen so far in, rows to measure next out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from campaigns.acquisition import Window
from campaigns.backtests.pool import IntArray, View
from campaigns.protocols import FloatArray


@dataclass(frozen=True)
class Seen:
    """What the oracle has said."""

    rows: IntArray  # (k,) of the pool
    labels: FloatArray  # (k, m), in the scale that models learn; NaN: not believed

    def __post_init__(self) -> None:
        if len(self.rows) != len(self.labels):
            raise ValueError(f"{len(self.rows)} rows with {len(self.labels)} labels")


class Strategy(Protocol):
    """Chooses the next batch."""

    def __call__(self, seen: Seen, k: int) -> Sequence[int]:
        """``k`` distinct rows of the pool that are not among those seen."""


def windows(view: View) -> list[Window]:
    """What is sought, ``m`` of them."""
    ends = zip(view.low, view.high, strict=True)
    return [Window(float(low), float(high)) for low, high in ends]


class Factory(Protocol):
    """Makes a strategy for one replay."""

    def __call__(self, view: View, seed: int) -> Strategy: ...


def best_rows(worth: FloatArray, seen: Seen, k: int) -> list[int]:
    """The ``k`` rows of largest worth that nobody has measured; ties keep their order."""
    open_worth = np.where(np.isnan(worth), -np.inf, worth)
    open_worth[seen.rows] = -np.inf
    order = np.argsort(-open_worth, kind="stable")
    taken = set(seen.rows.tolist())
    return [int(row) for row in order if int(row) not in taken][:k]
