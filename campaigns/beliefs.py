"""What a round believes of candidates, after all verdicts so far.

Two things are learned: each target's value (:mod:`campaigns.surrogate`), and the chance to meet
all targets together (:mod:`campaigns.success`), which sees what values miss: metals that pass
for semiconductors, targets that fail together. The second corrects the first. The same is
replayed by ``galena backtest`` under the name ``galena``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from scipy.special import log_expit

from campaigns.acquisition import success_parts
from campaigns.config import CampaignConfig, Targets
from campaigns.learned import base_of, is_hit, truth_of
from campaigns.protocols import FloatArray, Scores, Verdict
from campaigns.records import Proposed
from campaigns.success import LearnedSuccess, log_odds, pooled
from campaigns.surrogate import CorrectedPredictor
from models.updating.base import Base

_SOUGHT = ("band_gap", "energy_above_hull")


@dataclass(frozen=True)
class Beliefs:
    """The surrogate of one round, and what it has learned of success."""

    targets: Targets
    surrogate: CorrectedPredictor
    success: LearnedSuccess | None = None
    """None before any verdict."""

    @classmethod
    def of_network(cls, targets: Targets) -> Self:
        """What is believed before any verdict."""
        return cls(targets, CorrectedPredictor.fit(None, {}))

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
        believed = cls(config.targets, surrogate)
        guess = believed._guess(base, surrogate.left_out(base, truth))
        hits = np.array([is_hit(v, config) for v in said], dtype=bool)
        return replace(believed, success=LearnedSuccess.fit(guess, base.embedding, hits))

    def score(self, base: Base) -> Scores:
        """The oracle's answers as predicted."""
        return self.surrogate.score(base)

    def lesson(self, base: Base, scores: Scores) -> FloatArray:
        """What success and failure add to the log worth of candidates, ``(n,)``.

        Where the targets weigh 1 the sum is the learned log chance of success; ``scores`` are
        those of :meth:`score`.
        """
        if self.success is None:
            return np.zeros(len(base))
        guess = self._guess(base, scores)
        learned = self.success.log_probability(guess, base.embedding)
        plain = log_expit(log_odds(_log_chance(scores, self.targets)))
        weights = [getattr(self.targets, name).weight for name in _SOUGHT]
        weight = float(np.mean([w for w in weights if w > 0]))
        return np.asarray(weight * (learned - plain), dtype=np.float64)

    def facts(self) -> dict[str, float]:
        """Numbers of what was learned, for a round's summary."""
        facts = self.surrogate.facts()
        if self.success is not None:
            facts |= {
                "success_variance": self.success.variance,
                "success_length": self.success.length,
            }
        return facts

    def _guess(self, base: Base, scores: Scores) -> FloatArray:
        """Log chance of success by network and corrected network together, ``(n,)``."""
        network = self.of_network(self.targets).score(base)
        return pooled(_log_chance(scores, self.targets), _log_chance(network, self.targets))


def _log_chance(scores: Scores, targets: Targets) -> FloatArray:
    """Log probability of meeting all targets that weigh anything, each alike, ``(n,)``."""
    sought = {
        name: getattr(targets, name).model_copy(
            update={"weight": float(getattr(targets, name).weight > 0)}
        )
        for name in _SOUGHT
    }
    alike = targets.model_copy(update=sought)
    one = np.ones(len(scores.band_gap))
    parts = success_parts(scores, alike, one, one)
    return np.asarray(sum(parts[name] for name in _SOUGHT), dtype=np.float64)
