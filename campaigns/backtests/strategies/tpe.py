"""Optuna's TPE over continuous descriptors; what it asks for becomes the nearest crystal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from campaigns.backtests.pool import View
from campaigns.backtests.strategies.descriptors import descriptors, shortfall
from campaigns.backtests.strategies.protocol import Seen
from campaigns.protocols import FloatArray


@dataclass(frozen=True)
class Tpe:
    """Bergstra et al., NeurIPS 2011, as Optuna has it."""

    view: View
    seed: int

    @cached_property
    def points(self) -> FloatArray:
        """Where every row of the pool lies, ``(n, d)``."""
        return descriptors(self.view)

    def __call__(self, seen: Seen, k: int) -> Sequence[int]:
        """Ask ``k`` times; each answer is the nearest row that is neither seen nor chosen."""
        import optuna
        from optuna.distributions import BaseDistribution, FloatDistribution
        from optuna.trial import create_trial

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        names = [f"x{column}" for column in range(self.points.shape[1])]
        ends = zip(self.points.min(axis=0), self.points.max(axis=0), strict=True)
        space: dict[str, BaseDistribution] = {
            name: FloatDistribution(float(low), float(high))
            for name, (low, high) in zip(names, ends, strict=True)
        }
        sampler = optuna.samplers.TPESampler(
            seed=self.seed * 10_007 + len(seen.rows), constant_liar=True
        )
        study = optuna.create_study(sampler=sampler)
        study.add_trials(
            [
                create_trial(
                    params=dict(zip(names, map(float, self.points[row]), strict=True)),
                    distributions=space,
                    value=float(value),
                )
                for row, value in zip(seen.rows, shortfall(self.view, seen), strict=True)
            ]
        )
        free = np.ones(len(self.points), dtype=bool)
        free[seen.rows] = False
        chosen: list[int] = []
        for _ in range(k):
            params = study.ask(space).params
            asked = np.array([params[name] for name in names])
            away = ((self.points - asked) ** 2).sum(axis=1)
            row = int(np.argmin(np.where(free, away, np.inf)))
            free[row] = False
            chosen.append(row)
        return chosen
