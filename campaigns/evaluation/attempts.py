"""How often a candidate is tried again when the process that had it is gone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from campaigns.evaluation.processes import Loss, Outcome
from campaigns.protocols import Candidate, Verdict
from materials.errors import InputError

ATTEMPTS = 3
"""Losing a worker this often to one candidate is not bad luck any more."""


@dataclass(frozen=True)
class Lost:
    """An attempt whose worker is gone; it was paid for all the same."""

    cause: str
    seconds: float = 0.0


@dataclass
class Attempts:
    """Counts the workers that each candidate has cost."""

    limit: int = ATTEMPTS
    cost: float = 0.0
    """Of one attempt, as the oracle's."""
    _lost: dict[str, list[Lost]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        if self.limit < 1:
            raise InputError(f"attempts must be at least 1, got {self.limit}")

    def verdict(self, outcome: Outcome) -> Verdict | None:
        """What an outcome comes to; None if the candidate is to be tried again."""
        if outcome.verdict is not None:
            return self.settle(outcome.verdict)
        if outcome.loss is Loss.OVERTIME:
            late = Verdict(
                outcome.candidate.id,
                seconds=outcome.seconds,
                error=outcome.cause,
                cost=self.cost,
            )
            return self.settle(late)
        return self.lost(outcome.candidate, Lost(outcome.cause, outcome.seconds))

    def lost(self, candidate: Candidate, attempt: Lost) -> Verdict | None:
        """A worker is gone; the verdict if that was the last attempt, else None."""
        lost = self._lost[candidate.id]
        lost.append(attempt)
        return given_up(candidate, lost, self.cost) if len(lost) >= self.limit else None

    def settle(self, verdict: Verdict) -> Verdict:
        """The verdict with the attempts that were lost before it."""
        return with_losses(verdict, self._lost.pop(verdict.candidate_id, []), self.cost)


def given_up(candidate: Candidate, lost: Sequence[Lost], cost: float) -> Verdict:
    """The verdict on a candidate whose every attempt was lost, in order; each at ``cost``."""
    return Verdict(
        candidate.id,
        error=f"lost its worker {len(lost)} times, most lately: {lost[-1].cause}",
        attempts=len(lost),
        failures=tuple(attempt.cause for attempt in lost[:-1]),
        cost=cost * len(lost),
        seconds=sum(attempt.seconds for attempt in lost),
    )


def with_losses(verdict: Verdict, lost: Sequence[Lost], cost: float) -> Verdict:
    """A verdict that says what became of the attempts before, and has their cost and time."""
    if not lost:
        return verdict
    return replace(
        verdict,
        attempts=verdict.attempts + len(lost),
        failures=(*(attempt.cause for attempt in lost), *verdict.failures),
        cost=verdict.cost + cost * len(lost),
        seconds=verdict.seconds + sum(attempt.seconds for attempt in lost),
    )
