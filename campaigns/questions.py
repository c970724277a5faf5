"""What a campaign has asked people and laboratories, and what they have not answered yet."""

from __future__ import annotations

from dataclasses import dataclass

from campaigns.config import CampaignConfig
from campaigns.ledger import Ledger
from campaigns.oracles.specs import InboxSpec
from campaigns.records import Proposed

_ASKED = "asked"
"""The ledger's fact: by tier, the round in which each candidate was asked about."""


@dataclass(frozen=True)
class Question:
    """One candidate that waits for an answer."""

    tier: int
    """0 for the first oracle."""
    round: int
    candidate: Proposed


def inboxes(config: CampaignConfig) -> dict[int, InboxSpec]:
    """The oracles that are people, by tier."""
    return {
        tier: spec
        for tier, spec in enumerate(config.oracles)
        if isinstance(spec, InboxSpec)
    }


def asked(ledger: Ledger, tier: int) -> dict[str, int]:
    """Who a tier was asked about, and in which round."""
    found: dict[str, int] = (ledger.get(_ASKED) or {}).get(str(tier), {})
    return found


def note_asked(ledger: Ledger, tier: int, number: int, names: list[str]) -> None:
    """Record that a tier was asked about candidates in round ``number``."""
    everything = ledger.get(_ASKED) or {}
    new = dict.fromkeys(names, number)
    everything[str(tier)] = new | everything.get(str(tier), {})
    ledger.put(_ASKED, everything)


def open_questions(config: CampaignConfig, ledger: Ledger) -> list[Question]:
    """Everything that waits for an answer, oldest first."""
    answered = {(tier, v.candidate_id) for _, tier, v in ledger.confirmations()}
    answered |= {(0, name) for name in ledger.judged()}
    return [
        question
        for question in all_questions(config, ledger)
        if (question.tier, question.candidate.candidate.id) not in answered
    ]


def all_questions(config: CampaignConfig, ledger: Ledger) -> list[Question]:
    """Everything that people were ever asked, oldest first."""
    wanted = inboxes(config)
    if not wanted:
        return []
    candidates = {p.candidate.id: p for p in ledger.candidates()}
    found = []
    for tier in wanted:
        names = asked(ledger, tier)
        found += [
            Question(tier, number, candidates[name]) for name, number in names.items()
        ]
    return sorted(found, key=lambda q: (q.tier, q.round, q.candidate.chosen or 0))
