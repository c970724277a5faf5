"""What the sampler of the structure space is told: one number, or every target by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from campaigns.config import CampaignConfig
from campaigns.learned import lacking, oracle_scores, parts_of, said
from campaigns.protocols import Scores, Verdict
from campaigns.records import Proposed
from campaigns.searchers import tells_apart

Values = tuple[float, ...]


@dataclass(frozen=True)
class Objectives:
    """Log worth, or its parts, larger is better."""

    config: CampaignConfig

    @property
    def names(self) -> tuple[str, ...]:
        """The targets that count, or their sum."""
        if not tells_apart(self.config.search.sampler):
            return ("worth",)
        targets = self.config.targets
        weights = {
            "band_gap": targets.band_gap.weight,
            "energy_above_hull": targets.energy_above_hull.weight,
            "simplicity": targets.simplicity.weight,
            "sustainability": targets.sustainability.weight,
        }
        return tuple(name for name, weight in weights.items() if weight > 0)

    def predicted(self, proposed: Sequence[Proposed]) -> dict[str, Values]:
        """By candidate, from the surrogate's predictions."""
        if not tells_apart(self.config.search.sampler):
            return {p.candidate.id: (p.acquisition,) for p in proposed}
        if not proposed:
            return {}
        columns = (
            np.array([p.predictions[name] for p in proposed])
            for name in (
                "band_gap",
                "band_gap_std",
                "energy_above_hull",
                "energy_above_hull_std",
            )
        )
        return self._parts(Scores(*columns), proposed)

    def known(
        self, earlier: Sequence[Proposed], verdicts: dict[str, Verdict]
    ) -> Mapping[str, Values | None]:
        """By candidate of earlier rounds, from the oracle where it was asked.

        None means that the oracle failed on it. A sum that was only predicted is with its
        proposal already, and left out here.
        """
        if not tells_apart(self.config.search.sampler):
            scores = oracle_scores(self.config, earlier, verdicts)
            return {name: None if s is None else (s,) for name, s in scores.items()}
        judged = [p for p in earlier if p.candidate.id in verdicts]
        good = [
            p
            for p in judged
            if (v := verdicts[p.candidate.id]).error is None and not lacking(v, self.config)
        ]
        found: dict[str, Values | None] = dict(self.predicted(earlier))
        found |= dict.fromkeys((p.candidate.id for p in judged), None)
        if good:
            answers = [verdicts[p.candidate.id] for p in good]
            found |= self._parts(said(answers, self.config.targets), good)
        return found

    def _parts(self, scores: Scores, proposed: Sequence[Proposed]) -> dict[str, Values]:
        candidates = [p.candidate for p in proposed]
        parts = parts_of(scores, self.config.targets, candidates)
        columns = [parts[name] for name in self.names]
        return {
            candidate.id: tuple(float(column[i]) for column in columns)
            for i, candidate in enumerate(candidates)
        }
