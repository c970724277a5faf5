"""Answers as the campaign takes them."""

from __future__ import annotations

from campaigns.oracles.answers import ANSWERS
from campaigns.oracles.inbox.found import Answer
from campaigns.protocols import Verdict


def verdict_of(answer: Answer, *, oracle: str, cost: float, origin: str) -> Verdict:
    """What an answer is to the campaign; ``origin`` says who gave it: a file, a laboratory."""
    if answer.failed:
        return Verdict(
            answer.candidate_id,
            error=answer.failed,
            oracle=oracle,
            cost=cost,
            origin=origin,
        )
    values = answer.values
    return Verdict(
        answer.candidate_id,
        energy_per_atom=values.get("energy_per_atom"),
        formation_energy_per_atom=values.get("formation_energy_per_atom"),
        energy_above_hull=values.get("energy_above_hull"),
        band_gap=values.get("band_gap"),
        band_gap_std=values.get("band_gap_std"),
        converged=True,
        origin=origin,
        oracle=oracle,
        cost=cost,
        properties={name: value for name, value in values.items() if name not in ANSWERS},
    )
