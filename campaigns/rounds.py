"""One round: propose, ask the oracles, sum up; from whatever point it had reached."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from enum import Enum

from campaigns.config import CampaignConfig
from campaigns.judgements import Judgement, judgements, promoted
from campaigns.learned import drift_facts, lacking
from campaigns.ledger import Ledger, pending
from campaigns.machinery import Machinery
from campaigns.oracles.specs import InboxSpec
from campaigns.progress import Watcher
from campaigns.protocols import Verdict
from campaigns.questions import asked, note_asked
from campaigns.records import Proposed
from campaigns.results import read_view
from campaigns.view import agreement, judged
from materials.errors import GalenaError


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
            _close(number, config, ledger)
        return Reached.BUDGET
    if number not in state:
        watcher.proposing(number, config.rounds, machinery.proposer.per_round)
        started = datetime.now(UTC)
        proposal = machinery.proposer.propose(number, ledger, watcher.asked)
        proposal.summary["proposal_seconds"] = (datetime.now(UTC) - started).total_seconds()
        ledger.commit_proposal(number, proposal)
    batch = ledger.batch(number)
    if not _judge(number, batch, config, ledger, machinery, watcher):
        return Reached.WAITING
    _confirm(number, config, ledger, machinery, watcher)
    _close(number, config, ledger)
    watcher.closed(number)
    return Reached.END if batch else Reached.NOTHING


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
    affordable = waiting[: _calls_left(config, ledger)]
    by_id = {p.candidate.id: p.candidate for p in affordable}
    for given in machinery.evaluators[0](list(by_id.values())):
        verdict = sound(replace(given, oracle=config.oracle.name), config)
        ledger.commit_verdict(number, verdict)
        hit = Judgement(number, verdict, {}).hit(config)
        watcher.judged(by_id[verdict.candidate_id], verdict, hit)
        if _cost_or_hours_spent(config, ledger):
            break
    open_still = pending(batch, ledger.judged())
    if not open_still or spent(config, ledger):
        return True
    if isinstance(config.oracle, InboxSpec):
        answered = len(batch) - len(open_still)
        return answered >= config.oracle.enough * len(batch)
    raise MissingVerdictError(
        f"round {number}: no verdict on {', '.join(p.candidate.id for p in open_still)}; "
        "run the same command again, it goes on with these"
    )


def _confirm(
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
    """Whom a further tier is still to be asked about in this round."""
    asked_before = asked(ledger, place)
    done = sum(n == number and t == place for n, t, _ in ledger.confirmations())
    if isinstance(config.tiers[place - 1].oracle, InboxSpec):
        done = sum(n == number for n in asked_before.values())
    ready = [
        p
        for p in promoted(config, ledger.candidates(), judgements(ledger), place)
        if p.candidate.id not in asked_before
    ]
    return ready[: max(0, config.tiers[place - 1].best - done)]


def sound(verdict: Verdict, config: CampaignConfig) -> Verdict:
    """The verdict; a failure where it lacks numbers that are sought."""
    missing = [] if verdict.error is not None else lacking(verdict, config)
    if not missing:
        return verdict
    values = ", ".join(f"{name} {getattr(verdict, name)}" for name in missing)
    return Verdict(
        verdict.candidate_id,
        n_steps=verdict.n_steps,
        seconds=verdict.seconds,
        origin=verdict.origin,
        oracle=verdict.oracle,
        cost=verdict.cost,
        attempts=verdict.attempts,
        failures=verdict.failures,
        properties=verdict.properties,
        error=f"the oracle returned {values}; numbers are needed, since these are targets",
    )


def _close(number: int, config: CampaignConfig, ledger: Ledger) -> None:
    """Sum the round up and mark it closed."""
    summary = next(s for n, s, _ in ledger.rounds() if n == number)
    view = read_view(ledger)
    verdicts = view.verdicts
    of_round = verdicts[verdicts["round"] == number]
    residual, coverage = agreement(of_round)
    relaxed = judged(of_round)
    stable = relaxed["energy_above_hull"] <= view.targets.energy_above_hull.max
    confirmations = [(t, v) for n, t, v in ledger.confirmations() if n == number]
    summary |= {
        "n_evaluated": len(of_round),
        "n_failed": int(of_round["error"].notna().sum()),
        "n_relaxed": len(relaxed),
        "n_stable": int(stable.sum()),
        "n_hits": int(of_round["hit"].astype(bool).sum()),
        "n_hits_total": int(verdicts["hit"].astype(bool).sum()),
        "best_score": float(verdicts["score"].max()) if len(verdicts) else float("nan"),
        "mean_abs_residual": residual,
        "coverage": coverage,
        "seconds": summary.get("proposal_seconds", 0.0)
        + float(of_round["seconds"].sum())
        + sum(v.seconds for _, v in confirmations),
        "cost": _total_cost(ledger),
        **drift_facts(number, ledger.candidates(), ledger.verdicts()),
    }
    for place, tier in enumerate(config.tiers, start=1):
        summary[f"n_{tier.oracle.name}"] = sum(t == place for t, _ in confirmations)
    ledger.close_round(number, summary, datetime.now(UTC).isoformat(timespec="seconds"))


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
    if budget.cost is not None and _total_cost(ledger) >= budget.cost:
        return True
    if budget.hours is None:
        return False
    proposing = sum(s.get("proposal_seconds", 0.0) for _, s, _ in ledger.rounds())
    judging = sum(v.seconds for _, v in ledger.verdicts())
    confirming = sum(v.seconds for _, _, v in ledger.confirmations())
    return proposing + judging + confirming >= budget.hours * 3600.0


def _total_cost(ledger: Ledger) -> float:
    """Of all oracle calls so far."""
    first = sum(v.cost for _, v in ledger.verdicts())
    return first + sum(v.cost for _, _, v in ledger.confirmations())
