"""Oracles that are people: nothing is computed, answers come in some other way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from campaigns.evaluation.protocol import HoldsNothing
from campaigns.protocols import Candidate, Verdict


class Elsewhere(HoldsNothing):
    """Gives no verdict; :mod:`campaigns.questions` says what waits for an answer."""

    def __call__(self, candidates: Sequence[Candidate]) -> Iterator[Verdict]:
        """Nothing yet."""
        return iter(())
