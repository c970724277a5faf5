"""How often a candidate is tried again when the process that had it is gone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from campaigns.evaluation.processes import Loss, Outcome
from campaigns.protocols import Candidate, Verdict
from materials.errors import InputError

ATTEMPTS = 3
"""Losing a worker this often to one candidate is not bad luck any more."""


@dataclass
class Attempts:
    """Counts the workers that each candidate has cost."""

    limit: int = ATTEMPTS
    _lost: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        if self.limit < 1:
            raise InputError(f"attempts must be at least 1, got {self.limit}")

    def verdict(self, outcome: Outcome) -> Verdict | None:
        """What an outcome comes to; None if the candidate is to be tried again."""
        if outcome.verdict is not None:
            return self.settle(outcome.verdict)
        if outcome.loss is Loss.OVERTIME:
            late = Verdict(
                outcome.candidate.id, seconds=outcome.seconds, error=outcome.cause
            )
            return self.settle(late)
        return self.lost(outcome.candidate, outcome.cause)

    def lost(self, candidate: Candidate, cause: str) -> Verdict | None:
        """A worker is gone; the verdict if that was the last attempt, else None."""
        causes = self._lost[candidate.id]
        causes.append(cause)
        return given_up(candidate, causes) if len(causes) >= self.limit else None

    def settle(self, verdict: Verdict) -> Verdict:
        """The verdict with the attempts that were lost before it."""
        return with_losses(verdict, self._lost.pop(verdict.candidate_id, []))


def given_up(candidate: Candidate, causes: Iterable[str]) -> Verdict:
    """The verdict on a candidate whose every attempt was lost; ``causes`` in order."""
    found = tuple(causes)
    return Verdict(
        candidate.id,
        error=f"lost its worker {len(found)} times, most lately: {found[-1]}",
        attempts=len(found),
        failures=found[:-1],
    )


def with_losses(verdict: Verdict, causes: Iterable[str]) -> Verdict:
    """A verdict that says what became of the attempts before."""
    found = tuple(causes)
    if not found:
        return verdict
    return replace(
        verdict,
        attempts=verdict.attempts + len(found),
        failures=(*found, *verdict.failures),
    )
