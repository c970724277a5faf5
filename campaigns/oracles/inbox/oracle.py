"""Answers as the campaign takes them."""

from __future__ import annotations

from collections.abc import Mapping

from campaigns.oracles.failures import AttemptFailed
from campaigns.oracles.inbox.found import Answer
from campaigns.oracles.reply import ANSWERS
from campaigns.protocols import Candidate, Verdict


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


class Inbox:
    """Answers that have come, as an oracle; of the others it says that they are awaited."""

    def __init__(self, answers: Mapping[str, Answer], *, oracle: str, origin: str) -> None:
        self._answers, self._oracle, self._origin = answers, oracle, origin

    def __call__(self, candidate: Candidate) -> Verdict:
        """The answer; raises :class:`AttemptFailed` where none has come."""
        answer = self._answers.get(candidate.id)
        if answer is None:
            raise AttemptFailed(f"no answer about '{candidate.id}' has come yet")
        return verdict_of(answer, oracle=self._oracle, cost=0.0, origin=self._origin)
