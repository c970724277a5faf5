"""Oracles that are people: nothing is computed, answers come in some other way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self

from campaigns.protocols import Candidate, Verdict


class Elsewhere:
    """Gives no verdict; :mod:`campaigns.questions` says what waits for an answer."""

    def __call__(self, candidates: Sequence[Candidate]) -> Iterator[Verdict]:
        """Nothing yet."""
        return iter(())

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
