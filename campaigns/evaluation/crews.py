"""Oracle calls by a crew that stays: processes of this machine, or actors on a cluster."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Sequence
from types import TracebackType
from typing import Protocol, Self

from campaigns.evaluation.attempts import ATTEMPTS, Attempts
from campaigns.evaluation.processes import Outcome
from campaigns.evaluation.recipe import Recipe
from campaigns.protocols import Candidate, Verdict

_TICK = 60.0  # s, an upper limit of one wait, so that a clock that jumps does no harm


class AnyCrew(Protocol):
    """What :class:`Crew` and :class:`RayCrew` share."""

    recipe: Recipe

    @property
    def idle(self) -> int: ...
    @property
    def busy(self) -> int: ...
    def give(self, candidate: Candidate) -> None: ...
    def wait(self, timeout: float) -> list[Outcome]: ...
    def stop(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class CrewEvaluator:
    """Gives candidates to whoever is free; the crew stays from one call to the next.

    A worker that dies costs its candidate one of its ``attempts``, which is paid for; after the
    last one the candidate gets a verdict that names the cause. One that is still computing at
    the crew's time limit is ended, and its candidate gets such a verdict at once. ``note`` is
    told of every worker lost.
    """

    def __init__(
        self,
        crew: AnyCrew,
        *,
        attempts: int = ATTEMPTS,
        note: Callable[[str], None] = lambda _: None,
    ) -> None:
        Attempts(attempts)
        self.crew, self.attempts, self.note = crew, attempts, note

    def __call__(self, candidates: Sequence[Candidate]) -> Generator[Verdict]:
        """Verdicts as they are finished.

        Raises:
            EvaluationError: the oracle is broken, or no worker can be started.
            GalenaError: what the oracle said.
        """
        todo = deque(candidates)
        attempts = Attempts(self.attempts, self.crew.recipe.cost)
        try:
            while todo or self.crew.busy:
                while todo and self.crew.idle > 0:
                    self.crew.give(todo.popleft())
                for outcome in self.crew.wait(_TICK):
                    if outcome.loss is not None:
                        self.note(f"{outcome.candidate.formula}: {outcome.cause}")
                    verdict = attempts.verdict(outcome)
                    if verdict is None:
                        todo.append(outcome.candidate)
                    else:
                        yield verdict
        finally:
            self.crew.stop()

    def finish(self) -> None:
        """Nobody waits."""
        return

    def __enter__(self) -> Self:
        self.crew.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.crew.__exit__(kind, error, trace)
