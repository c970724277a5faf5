"""All that oracles said of one candidate, and what of it counts.

A campaign may have several oracles as tiers: the first judges every batch, each further one
the best of what those before it accepted. Gaps are of one kind throughout: the last tier that
gave one is believed. Energies are not: a distance from the hull of one method is never put in
the place of another's. A further tier that brings its own can only turn a candidate down.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from campaigns.config import CampaignConfig, Targets
from campaigns.learned import is_hit, oracle_scores
from campaigns.ledger import Ledger
from campaigns.protocols import FloatArray, Verdict
from campaigns.records import Proposed

CONFIRMED, REFUTED, FAILED, NOT_ASKED = "confirmed", "refuted", "failed", ""
UNTESTED = "nothing on targets"
"""A further tier answered, but not about what is sought."""
ASKED = "asked"
"""A worksheet is out, and nobody has answered yet; questions are no verdicts, so it is for who
reads the ledger to say so."""


@dataclass(frozen=True)
class Judgement:
    """One candidate's verdicts."""

    round: int
    first: Verdict
    further: Mapping[int, Verdict]
    """By tier, counted from 1."""

    @property
    def verdict(self) -> Verdict:
        """The first tier's, with the gap of the last tier that gave one."""
        gaps = [
            v
            for _, v in sorted(self.further.items())
            if v.error is None and v.band_gap is not None
        ]
        if not gaps or self.first.error is not None:
            return self.first
        properties: dict[str, float] = dict(self.first.properties)
        for later in self.further.values():
            properties |= later.properties
        last = gaps[-1]
        return replace(
            self.first,
            band_gap=last.band_gap,
            band_gap_std=last.band_gap_std,
            properties=properties,
        )

    def refuted(self, config: CampaignConfig) -> bool:
        """Whether a further tier found it outside the targets."""
        return any(outside(v, config.targets) for v in self.further.values())

    def hit(self, config: CampaignConfig) -> bool:
        """Within the targets by the first tier, and turned down by no other."""
        return is_hit(self.first, config) and not self.refuted(config)

    def standing(self, config: CampaignConfig) -> str:
        """What the further tiers made of it, in a word; empty where none was asked."""
        if self.refuted(config):
            return REFUTED
        answered = [v for v in self.further.values() if v.error is None]
        if any(_tests(v, config.targets) for v in answered):
            return CONFIRMED
        if answered:
            return UNTESTED
        return FAILED if self.further else NOT_ASKED

    @property
    def cost(self) -> float:
        """Of all its oracle calls together, in the specification's unit."""
        return self.first.cost + sum(v.cost for v in self.further.values())


def judgements(ledger: Ledger) -> list[Judgement]:
    """Every judged candidate, in the order of first verdicts."""
    further: dict[str, dict[int, Verdict]] = {}
    for _, tier, verdict in ledger.confirmations():
        further.setdefault(verdict.candidate_id, {})[tier] = verdict
    return [Judgement(n, v, further.get(v.candidate_id, {})) for n, v in ledger.verdicts()]


def by_candidate(found: Sequence[Judgement]) -> dict[str, Verdict]:
    """What counts, by candidate: this teaches the surrogate and ranks the shortlist."""
    return {j.first.candidate_id: j.verdict for j in found}


def promoted(
    config: CampaignConfig,
    candidates: Sequence[Proposed],
    found: Sequence[Judgement],
    tier: int,
) -> list[Proposed]:
    """Who waits for a tier, best first: accepted by every tier before it.

    A candidate on which a tier failed goes no further.
    """
    scores = oracle_scores(config, candidates, by_candidate(found))
    of = {j.first.candidate_id: j for j in found}
    ready = [
        p
        for p in candidates
        if (j := of.get(p.candidate.id)) is not None
        and tier not in j.further
        and j.hit(config)
        and all(
            before in j.further and j.further[before].error is None
            for before in range(1, tier)
        )
    ]
    worth: FloatArray = np.array([scores[p.candidate.id] or 0.0 for p in ready])
    order = sorted(range(len(ready)), key=lambda i: (-worth[i], ready[i].candidate.id))
    return [ready[i] for i in order]


def _tests(verdict: Verdict, targets: Targets) -> bool:
    """Whether a verdict says anything about what is sought."""
    gap = verdict.band_gap is not None and targets.band_gap.weight > 0
    hull = verdict.energy_above_hull is not None and targets.energy_above_hull.weight > 0
    return gap or hull


def outside(verdict: Verdict, targets: Targets) -> bool:
    """Whether what a verdict says of the targets is not what is sought."""
    gap, hull = verdict.band_gap, verdict.energy_above_hull
    if verdict.error is not None:
        return False
    if gap is not None and targets.band_gap.weight > 0:
        window = targets.band_gap
        if not window.min <= gap <= window.max:
            return True
    limit = targets.energy_above_hull
    return hull is not None and limit.weight > 0 and hull > limit.max
