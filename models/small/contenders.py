"""The ways to learn from a small table, alike from outside.

| name | what learns |
|---|---|
| ``fine-tuned`` | the whole network, from its trained weights on |
| ``frozen`` | a small head on the network's states, which stay as they are |
| ``boosted`` | trees on matminer's features and simple geometry, without a network |
| ``constant`` | nothing: the median, or the share of 1; to compare with |
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from models.small.examples import Examples, FloatArray
from models.small.folds import Fold
from models.small.heads import Head, fit_head
from models.small.network import Base, answers, fine_tune, graphs_of
from models.small.trees import Trees, grow
from models.training.config import TrainConfig

Name = Literal["fine-tuned", "frozen", "boosted", "constant"]
Tell = Callable[[float], None]
Answer = tuple[FloatArray, FloatArray]
"""Mean and spread of held rows, ``(n_held, n_targets)`` each."""

MEANING: dict[Name, str] = {
    "fine-tuned": "fine-tuned network",
    "frozen": "frozen network, small head",
    "boosted": "matminer features, boosted trees",
    "constant": "constant (no learning)",
}


class Contender(Protocol):
    """One way to learn."""

    @property
    def name(self) -> Name: ...

    def answer(self, rows: Examples, fold: Fold, number: int, tell: Tell) -> Answer:
        """Learn ``fold.learn`` and predict ``fold.held``; ``tell`` hears the share done."""


@dataclass(frozen=True)
class FineTuned:
    """One network for all targets; each fold's stays in its own folder."""

    base: Base
    config: TrainConfig  # of the first fold; others differ in their seed
    folder: Path
    name: Name = "fine-tuned"

    def fold_config(self, number: int) -> TrainConfig:
        """A fold's own seed."""
        return dataclasses.replace(self.config, seed=self.config.seed * 100 + number)

    def fold_folder(self, number: int) -> Path:
        """Where a fold's training lives."""
        return self.folder / f"network-{number}"

    def answer(self, rows: Examples, fold: Fold, number: int, tell: Tell) -> Answer:
        import torch

        data = graphs_of(rows, self.config)
        config = self.fold_config(number)
        net = fine_tune(
            self.base,
            data,
            config,
            fold.learn,
            fold.held,
            folder=self.fold_folder(number),
            tell=tell,
        )
        held = data.graphs.select(torch.from_numpy(fold.held))
        mean, spread, _ = answers([net], config, held)
        return mean, spread


@dataclass(frozen=True)
class Frozen:
    """A head per target on states ``(n, width)`` of all rows."""

    states: NDArray[np.float32]
    seed: int
    name: Name = "frozen"

    def fit(self, rows: Examples, learn: NDArray[np.int64], column: int) -> Head:
        """A head for one target."""
        known = learn[np.isfinite(rows.labels[learn, column])]
        kind = rows.kinds[rows.targets[column]]
        return fit_head(
            self.states[known], rows.labels[known, column], kind, seed=self.seed
        )

    def answer(self, rows: Examples, fold: Fold, number: int, tell: Tell) -> Answer:
        found = []
        for column in range(len(rows.targets)):
            head = self.fit(rows, fold.learn, column)
            found.append(head.predict(self.states[fold.held]))
            tell(1.0 / len(rows.targets))
        return _columns(found)


@dataclass(frozen=True)
class Boosted:
    """Trees per target on features ``(n, d)`` of all rows."""

    features: NDArray[np.float32]
    seed: int
    name: Name = "boosted"

    def fit(self, rows: Examples, learn: NDArray[np.int64], column: int) -> Trees:
        """Trees for one target."""
        known = learn[np.isfinite(rows.labels[learn, column])]
        kind = rows.kinds[rows.targets[column]]
        return grow(self.features[known], rows.labels[known, column], kind, seed=self.seed)

    def answer(self, rows: Examples, fold: Fold, number: int, tell: Tell) -> Answer:
        found = []
        for column in range(len(rows.targets)):
            trees = self.fit(rows, fold.learn, column)
            found.append(trees.predict(self.features[fold.held]))
            tell(1.0 / len(rows.targets))
        return _columns(found)


@dataclass(frozen=True)
class Constant:
    """The median of the rows learned from; of 0 and 1, the share of 1."""

    name: Name = "constant"

    def answer(self, rows: Examples, fold: Fold, number: int, tell: Tell) -> Answer:
        seen = rows.labels[fold.learn]
        binary = [kind == "binary" for kind in rows.kinds.values()]
        value = np.where(binary, np.nanmean(seen, axis=0), np.nanmedian(seen, axis=0))
        shape = (len(fold.held), 1)
        tell(1.0)
        return np.tile(value, shape), np.tile(np.nanstd(seen, axis=0), shape)


def _columns(found: list[tuple[FloatArray, FloatArray]]) -> Answer:
    mean, spread = zip(*found, strict=True)
    return np.stack(mean, axis=1), np.stack(spread, axis=1)
