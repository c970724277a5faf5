"""What a round believes of candidates, after all verdicts so far.

Two things are learned: each target's value (:mod:`campaigns.surrogate`), and the chance to meet
all targets together (:mod:`campaigns.chances`), which sees what values miss: metals that pass
for semiconductors, targets that fail together. The second corrects the first. The same is
replayed by ``galena backtest`` under the name ``galena``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.special import log_expit

from campaigns.acquisition import Window, log_joint_probability
from campaigns.chances import Chances
from campaigns.config import CampaignConfig, Targets
from campaigns.learned import base_of, is_hit, truth_of
from campaigns.protocols import FloatArray, Scores, Verdict
from campaigns.records import Proposed
from campaigns.success import log_odds
from campaigns.surrogate import CorrectedPredictor, labels_of
from models.updating.base import Base


@dataclass(frozen=True)
class Beliefs:
    """The surrogate of one round, and what it has learned of success."""

    targets: Targets
    surrogate: CorrectedPredictor
    chances: Chances | None = None
    """None before any verdict."""

    @classmethod
    def of_network(cls, targets: Targets) -> Self:
        """What is believed before any verdict."""
        return cls(targets, CorrectedPredictor())

    @classmethod
    def learned(
        cls,
        config: CampaignConfig,
        candidates: Sequence[Proposed],
        verdicts: dict[str, Verdict],
    ) -> Self:
        """Learn from every verdict so far, in the order of ``candidates``.

        What failed at the oracle says nothing about success.
        """
        judged = [
            p
            for p in candidates
            if (v := verdicts.get(p.candidate.id)) is not None and v.error is None
        ]
        if not judged:
            return cls.of_network(config.targets)
        said = [verdicts[p.candidate.id] for p in judged]
        base, truth = base_of(judged), truth_of(said)
        surrogate = CorrectedPredictor.fit(base, truth)
        hits = np.array([is_hit(v, config) for v in said], dtype=bool)
        windows = windows_of(config.targets)
        if (update := surrogate.update) is None:
            return cls(config.targets, surrogate)
        chances = Chances.of(update, base, labels_of(truth), windows, hits)
        return cls(config.targets, surrogate, chances)

    def score(self, base: Base) -> Scores:
        """The oracle's answers as predicted."""
        return self.surrogate.score(base)

    def lesson(self, base: Base, scores: Scores) -> FloatArray:
        """What success and failure add to the log worth of candidates, ``(n,)``.

        Where the targets weigh 1 the sum is the learned log chance of success, as far as
        chances are believed at all; ``scores`` are those of :meth:`score`.
        """
        if self.chances is None:
            return np.zeros(len(base))
        mean = np.stack([scores.band_gap, scores.energy_above_hull], axis=1)
        std = np.stack([scores.band_gap_std, scores.energy_above_hull_std], axis=1)
        plain = log_expit(log_odds(log_joint_probability(mean, std, self.chances.windows)))
        weights = (self.targets.band_gap.weight, self.targets.energy_above_hull.weight)
        weight = float(np.mean([w for w in weights if w > 0]))
        learned = self.chances.log_probability(base)
        return np.asarray(weight * (learned - plain), dtype=np.float64)

    def facts(self) -> dict[str, float]:
        """Numbers of what was learned, for a round's summary."""
        facts = self.surrogate.facts()
        if self.chances is not None:
            facts |= {
                "success_variance": self.chances.learned.variance,
                "success_length": self.chances.learned.length,
            }
        return facts


def windows_of(targets: Targets) -> tuple[Window, Window]:
    """Where gap and energy above hull are to lie; anywhere, if that weighs nothing."""
    gap, hull = targets.band_gap, targets.energy_above_hull
    return (
        Window(gap.min, gap.max) if gap.weight > 0 else Window(),
        Window(max=hull.max) if hull.weight > 0 else Window(),
    )
