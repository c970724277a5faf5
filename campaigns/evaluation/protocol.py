"""What every place for oracle calls can do, and what is raised when one cannot go on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Protocol, Self

from campaigns.protocols import Candidate, Verdict
from materials.errors import GalenaError


class EvaluationError(GalenaError):
    """Oracle calls cannot go on: workers do not start, or the oracle itself is broken."""


class StartError(EvaluationError):
    """The oracle cannot be built where it is wanted; no candidate is to blame."""


class OpenEvaluator(Protocol):
    """An :class:`campaigns.protocols.Evaluator` that holds processes or connections.

    Use it in a ``with``. A candidate is given once; its one verdict comes when there is one.
    Leaving the loop early, or an error, stops what is being computed here; what a worker
    elsewhere has begun it brings to an end, and the next call finds it.

    What an oracle raises, which it does only if it is broken or lacks something, ends the
    iteration with a :class:`GalenaError` that says it. Among machines that share a database,
    where others may lack nothing, it costs one attempt.
    """

    def __call__(self, candidates: Sequence[Candidate]) -> Iterator[Verdict]: ...

    def finish(self) -> None:
        """The campaign is over: whoever waits for work or is at work need not."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class HoldsNothing:
    """What evaluators share that have no processes and no connections."""

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
        return
