"""One round: propose, ask the oracles, sum up; from whatever point it had reached."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from enum import Enum
from math import ceil

from campaigns.config import CampaignConfig
from campaigns.heap import trim
from campaigns.judgements import Judgement, judgements, promoted
from campaigns.learned import lacking
from campaigns.ledger import Ledger, pending
from campaigns.machinery import Machinery
from campaigns.oracles.specs import InboxSpec
from campaigns.origins import (
    check_answer,
    check_before,
    first_energy,
    of_one_origin,
    origin_of_energy,
    without_numbers,
)
from campaigns.progress import Watcher
from campaigns.protocols import Verdict
from campaigns.questions import asked, note_asked
from campaigns.records import Proposed
from campaigns.summing import close, total_cost
from materials.errors import GalenaError

PATIENCE = 5
"""Rounds in a row in which a sampler may draw nothing new before a campaign is over."""


class Reached(Enum):
    """How a round was left."""

    END = "end"
    BUDGET = "budget"
    """It is closed, and so is the campaign."""
    NOTHING = "nothing"
    """Nothing was left to propose: the campaign is over."""
    WAITING = "waiting"
    """For answers that come from outside; nothing can be done before."""


class MissingVerdictError(GalenaError):
    """Where oracles are asked, some candidates got no verdict."""


def run_round(
    number: int,
    config: CampaignConfig,
    ledger: Ledger,
    machinery: Machinery,
    watcher: Watcher,
) -> Reached:
    """Bring one round to its end, or as far as it goes now."""
    state = {n: closed for n, _, closed in ledger.rounds()}
    if state.get(number):
        return Reached.END
    if spent(config, ledger):
        if number in state:
            close(number, config, ledger)
        return Reached.BUDGET
    if number not in state:
        propose(number, config, ledger, machinery, watcher)
    batch = ledger.batch(number)
    if not _judge(number, batch, config, ledger, machinery, watcher):
        return Reached.WAITING
    confirm(number, config, ledger, machinery, watcher)
    close(number, config, ledger)
    watcher.closed(number)
    trim()
    return (
        Reached.NOTHING if not batch and exhausted(number, config, ledger) else Reached.END
    )


def exhausted(number: int, config: CampaignConfig, ledger: Ledger) -> bool:
    """Whether nothing is left to propose after this round.

    What is asked of a sampler may be known already by chance; a pool that is empty stays so.
    """
    patience = PATIENCE if config.search.asks else 1
    return number >= patience and not any(
        ledger.batch(earlier) for earlier in range(number - patience + 1, number + 1)
    )


def propose(
    number: int,
    config: CampaignConfig,
    ledger: Ledger,
    machinery: Machinery,
    watcher: Watcher,
    *,
    n: int | None = None,
) -> None:
    """Choose the batch of a round that has not begun, ``n`` large, and put it on record."""
    proposer = machinery.proposer
    if n is not None and n != config.batch_size:
        proposer = replace(proposer, config=config.model_copy(update={"batch_size": n}))
    watcher.proposing(number, config.rounds, proposer.per_round)
    started = time.monotonic()  # the wall clock may be set meanwhile
    proposal = proposer.propose(number, ledger, watcher.asked)
    proposal.summary["proposal_seconds"] = time.monotonic() - started
    ledger.commit_proposal(number, proposal)


def affordable(
    batch: Sequence[Proposed], config: CampaignConfig, ledger: Ledger
) -> list[Proposed]:
    """Those of a batch that have no verdict and can be paid for, in order."""
    return pending(batch, ledger.judged())[: _calls_left(config, ledger)]


def _judge(
    number: int,
    batch: Sequence[Proposed],
    config: CampaignConfig,
    ledger: Ledger,
    machinery: Machinery,
    watcher: Watcher,
) -> bool:
    """Ask the first oracle about all of the batch that has no verdict and can be afforded.

    False where answers from outside are missing.
    """
    waiting = pending(batch, ledger.judged())
    watcher.judging(number, config.rounds, len(batch), len(batch) - len(waiting))
    if isinstance(config.oracle, InboxSpec):
        return ask_people(number, batch, config.oracle, config, ledger)
    by_id = {p.candidate.id: p.candidate for p in affordable(batch, config, ledger)}
    first = first_energy(ledger)
    if by_id:
        check_before(first, config, machinery.origin)
    for given in machinery.evaluators[0](list(by_id.values())):
        verdict = sound(replace(given, oracle=config.oracle.name), config)
        check_answer(first, config, verdict)
        verdict = of_one_origin(verdict, "" if first is None else first.origin)
        if first is None and origin_of_energy(verdict):
            first = verdict
        ledger.commit_verdict(number, verdict)
        hit = Judgement(number, verdict, {}).hit(config)
        watcher.judged(by_id[verdict.candidate_id], verdict, hit)
        if _cost_or_hours_spent(config, ledger):
            break
    open_still = pending(batch, ledger.judged())
    if not open_still or spent(config, ledger):
        return True
    raise MissingVerdictError(
        f"round {number}: no verdict on {', '.join(p.candidate.id for p in open_still)}; "
        "run the same command again, it goes on with these"
    )


def ask_people(
    number: int,
    batch: Sequence[Proposed],
    spec: InboxSpec,
    config: CampaignConfig,
    ledger: Ledger,
) -> bool:
    """Ask about as many of the batch as can be paid for; whether enough have answered."""
    asked_before, judged_ids = asked(ledger, 0), ledger.judged()
    n_open = sum(name not in judged_ids for name in asked_before)
    room = len(batch)
    if (left := _calls_left(config, ledger)) is not None:
        room = min(room, left - n_open)
    if config.budget.cost is not None and spec.cost > 0:
        payable = ceil((config.budget.cost - total_cost(ledger)) / spec.cost)
        room = min(room, payable - n_open)
    new = [p.candidate.id for p in batch if p.candidate.id not in asked_before]
    note_asked(ledger, 0, number, new[: max(0, room)])
    of_batch = {name for name, when in asked(ledger, 0).items() if when == number}
    answered = len(of_batch & judged_ids)
    return answered >= spec.enough * len(of_batch)


def confirm(
    number: int,
    config: CampaignConfig,
    ledger: Ledger,
    machinery: Machinery,
    watcher: Watcher,
) -> None:
    """Give every further oracle the best of what those before it accepted."""
    for place, tier in enumerate(config.tiers, start=1):
        if _cost_or_hours_spent(config, ledger):
            return
        chosen = {
            p.candidate.id: p.candidate for p in _ready(number, place, config, ledger)
        }
        if not chosen:
            continue
        if isinstance(tier.oracle, InboxSpec):
            note_asked(ledger, place, number, list(chosen))
        watcher.confirming(number, config.rounds, tier.oracle.name, len(chosen))
        for given in machinery.evaluators[place](list(chosen.values())):
            verdict = replace(given, oracle=tier.oracle.name)
            ledger.commit_confirmation(number, place, verdict)
            watcher.confirmed(chosen[verdict.candidate_id], verdict)
            if _cost_or_hours_spent(config, ledger):
                return


def _ready(
    number: int, place: int, config: CampaignConfig, ledger: Ledger
) -> list[Proposed]:
    """Whom a further tier is still to be asked about by the end of this round.

    Places that a round leaves over, for want of candidates or of answers, are not lost.
    """
    asked_before = asked(ledger, place)
    used = sum(tier == place for _, tier, _ in ledger.confirmations())
    if isinstance(config.tiers[place - 1].oracle, InboxSpec):
        used = len(asked_before)
    ready = [
        p
        for p in promoted(config, ledger.candidates(), judgements(ledger), place)
        if p.candidate.id not in asked_before
    ]
    return ready[: max(0, config.tiers[place - 1].best * number - used)]


def sound(verdict: Verdict, config: CampaignConfig) -> Verdict:
    """The verdict; a failure where it lacks numbers that are sought."""
    missing = [] if verdict.error is not None else lacking(verdict, config)
    if not missing:
        return verdict
    values = ", ".join(f"{name} {getattr(verdict, name)}" for name in missing)
    return replace(
        without_numbers(verdict),
        error=f"the oracle returned {values}; numbers are needed, since these are targets",
    )


def spent(config: CampaignConfig, ledger: Ledger) -> bool:
    """Whether the budget is used up."""
    return _calls_left(config, ledger) == 0 or _cost_or_hours_spent(config, ledger)


def _calls_left(config: CampaignConfig, ledger: Ledger) -> int | None:
    """Calls of the first oracle that may still be made; None for any number."""
    if config.budget.oracle_calls is None:
        return None
    return max(0, config.budget.oracle_calls - len(ledger.judged()))


def _cost_or_hours_spent(config: CampaignConfig, ledger: Ledger) -> bool:
    budget = config.budget
    if budget.cost is not None and total_cost(ledger) >= budget.cost:
        return True
    if budget.hours is None:
        return False
    proposing = sum(s.get("proposal_seconds", 0.0) for _, s, _ in ledger.rounds())
    judging = sum(v.seconds for _, v in ledger.verdicts())
    confirming = sum(v.seconds for _, _, v in ledger.confirmations())
    return proposing + judging + confirming >= budget.hours * 3600.0
