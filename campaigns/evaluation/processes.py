"""Oracle calls in worker processes of this machine."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Sequence
from types import TracebackType
from typing import Self

from campaigns.evaluation.attempts import ATTEMPTS, Attempts
from campaigns.evaluation.crew import Crew
from campaigns.evaluation.recipe import Recipe
from campaigns.protocols import Candidate, Verdict

_TICK = 60.0  # s, an upper limit of one wait, so that a clock that jumps does no harm


class ProcessEvaluator:
    """``workers`` processes, which stay from one call to the next.

    A process that dies costs its candidate one of its ``attempts`` and nothing else; after the
    last one the candidate gets a verdict that names the cause. One that is still computing
    after ``time_limit`` seconds is ended, and its candidate gets such a verdict at once.
    ``note`` is told of every process lost.
    """

    def __init__(
        self,
        recipe: Recipe,
        *,
        workers: int,
        time_limit: float | None = None,
        attempts: int = ATTEMPTS,
        threads: int = 1,
        note: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.crew = Crew(recipe, workers, time_limit, threads)
        self.attempts = attempts
        self.note = note
        Attempts(attempts)

    def __call__(self, candidates: Sequence[Candidate]) -> Generator[Verdict]:
        """Verdicts as they are finished.

        Raises:
            EvaluationError: the oracle is broken, or no process can be started.
        """
        todo = deque(candidates)
        attempts = Attempts(self.attempts)
        try:
            while todo or self.crew.busy:
                while todo and self.crew.idle:
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
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.crew.close()
