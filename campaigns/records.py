"""What a campaign writes down: proposals, what became of them, candidates, standings."""

from __future__ import annotations

from dataclasses import dataclass, field

from campaigns.protocols import Candidate, FloatArray

VOLUME = "volume"
"""Parameter of an ask: the factor on the guessed volume, as text that reads back exactly."""


@dataclass(frozen=True)
class Ask:
    """One proposal of the sampler and what became of it."""

    params: dict[str, str]
    state: str  # "scored" | "rejected" | "repeated"
    score: float | None = None
    candidate_id: str | None = None
    formula: str = ""
    prototype: str = ""
    filter: str = ""
    value: str = ""
    limit: str = ""
    passed: tuple[tuple[str, str, str], ...] = ()
    """Filter, value and limit of every filter that let it through."""


@dataclass(frozen=True)
class Standing:
    """How a candidate stood among those that a round chose from."""

    round: int
    candidate_id: str
    rank: int  # from 1
    acquisition: float  # log worth by that round's surrogate


@dataclass(frozen=True)
class Proposed:
    """One distinct valid candidate with what was predicted when it was first seen."""

    candidate: Candidate
    round: int
    known: bool
    acquisition: float
    predictions: dict[str, float]  # the surrogate's, physical units, with _std
    network: dict[str, float]  # the network's before any correction, with _std
    embedding: FloatArray  # (d,) float32 values
    chosen: int | None = None  # place in the round's batch


@dataclass(frozen=True)
class Proposal:
    """All that a round decided before its first oracle call."""

    asks: tuple[Ask, ...]
    pool: tuple[Proposed, ...]  # candidates not seen in earlier rounds
    batch: tuple[str, ...]  # candidate ids, in order; may name earlier candidates
    rescored: dict[str, Proposed] = field(default_factory=dict)  # earlier ones now chosen
    summary: dict[str, float] = field(default_factory=dict)
    standings: tuple[tuple[str, float], ...] = ()  # id and log worth of the best, in order
    sources: dict[str, str] = field(default_factory=dict)  # what decided -> version or hash
