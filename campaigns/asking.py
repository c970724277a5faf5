"""Batches handed to whoever asks: the next candidates, on record before anybody sees them."""

from __future__ import annotations

from dataclasses import dataclass

from campaigns.config import CampaignConfig
from campaigns.ledger import Ledger
from campaigns.oracles.specs import InboxSpec
from campaigns.questions import Question, open_questions
from campaigns.rounds import (
    Reached,
    affordable,
    ask_people,
    confirm,
    exhausted,
    propose,
    run_round,
    spent,
)
from campaigns.session import Session
from materials.errors import InputError


@dataclass(frozen=True)
class Handed:
    """Candidates that wait for the first oracle's answer, in the order of their batch."""

    questions: tuple[Question, ...]
    fresh: bool
    """Whether they were chosen now; else they had been handed out before."""
    over: bool = False
    """Whether no more will come."""


def check_count(name: str, value: object, expected: str) -> None:
    """Raises :class:`InputError` for what is no whole number from 1 on, or None."""
    if value is None:
        return
    whole = hasattr(value, "__index__") and not isinstance(value, bool)
    if not whole or int(value) < 1:  # type: ignore[call-overload]
        raise InputError(f"{name} is {value!r}, expected {expected}")


def waiting(config: CampaignConfig, ledger: Ledger) -> list[Question]:
    """Everything that waits for an answer, whoever is to give it, oldest first."""
    people = open_questions(config, ledger)
    if isinstance(config.oracle, InboxSpec):
        return people
    number = next((n for n, _, closed in ledger.rounds() if not closed), None)
    if number is None:
        return people
    batch = affordable(ledger.batch(number), config, ledger)
    return [*(Question(0, number, p) for p in batch), *people]


def hand_out(session: Session, n: int | None = None) -> Handed:
    """What waits for the first oracle; the next batch, ``n`` large, once nothing does.

    A batch is a round: it is chosen as the campaign would choose it, and put on record. Before
    the next is chosen, further oracles are asked about the one before, as always. Nothing is
    handed out once the campaign is over.

    Raises:
        InputError: ``n`` is below 1.
    """
    config, ledger = session.config, session.ledger
    check_count("n", n, "1 candidate or more")
    parts = (config, ledger, session.machinery, session.watcher)
    closed = {number: is_closed for number, _, is_closed in ledger.rounds()}
    done = max((number for number, is_closed in closed.items() if is_closed), default=0)
    rounds = done if exhausted(done, config, ledger) else config.rounds
    for number in range(1, rounds + 1):
        if closed.get(number):
            continue
        fresh = number not in closed and not spent(config, ledger)
        if fresh:
            propose(number, *parts, n=n)
            if isinstance(config.oracle, InboxSpec):
                batch = ledger.batch(number)
                ask_people(number, batch, config.oracle, config, ledger)
            if found := [q for q in _first(config, ledger) if q.round == number]:
                return Handed(tuple(found), fresh=True)
        elif (found := _first(config, ledger)) and not _enough(config, ledger, number):
            return Handed(tuple(found), fresh=False)
        if run_round(number, *parts) is not Reached.END:
            break
        session.write_study()
    found = _first(config, ledger)
    if not found:
        confirm(config.rounds, *parts)  # who answered late
    return Handed(tuple(found), fresh=False, over=not found)


def _first(config: CampaignConfig, ledger: Ledger) -> list[Question]:
    """What waits for the first oracle."""
    return [q for q in waiting(config, ledger) if q.tier == 0]


def _enough(config: CampaignConfig, ledger: Ledger, number: int) -> bool:
    """Whether people have answered enough of a round for the next to be chosen."""
    spec = config.oracle
    if not isinstance(spec, InboxSpec):
        return False
    return ask_people(number, ledger.batch(number), spec, config, ledger)
