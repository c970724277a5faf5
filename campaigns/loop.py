"""The campaign: propose, validate, learn, and again, from whatever point it had reached."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from campaigns.config import CampaignConfig
from campaigns.folder import CampaignFolder
from campaigns.learned import is_hit, oracle_scores
from campaigns.ledger import Ledger, pending
from campaigns.progress import Silent, Watcher
from campaigns.propose import Proposer
from campaigns.protocols import Oracle, Verdict
from campaigns.records import Proposed
from campaigns.results import read_view
from campaigns.sources import decision_sources
from campaigns.space import write_study
from campaigns.tracking.store import model_store
from campaigns.view import CampaignView, agreement, judged
from materials.errors import InputError

Publish = Callable[[CampaignView], None]


@dataclass(frozen=True)
class Machinery:
    """What a campaign runs on; tests put other things here."""

    proposer: Proposer
    oracle: Oracle
    versions: dict[str, str]


def run_campaign(
    config: CampaignConfig,
    folder: Path,
    *,
    machinery: Machinery | None = None,
    watcher: Watcher | None = None,
    publish: Publish | None = None,
    tracking_uri: str | None = None,
) -> CampaignView:
    """Run the campaign in ``folder``, or go on with it, and return its tables.

    ``publish`` is called after every round and at the end with the campaign as it stands, for
    tracking and reports. Running a finished campaign again changes nothing and returns it.
    ``tracking_uri`` is the MLflow store in which a registered ``model`` is looked up.

    Raises:
        InputError: the folder holds another campaign, or this one was begun with another
            model or potential.
        BusyError: another process is at it.
    """
    watcher = watcher or Silent()
    place = CampaignFolder(folder)
    with place.hold():
        ledger = place.open_ledger(config)
        try:
            store = model_store(tracking_uri, beside=folder)
            machinery = machinery or build_machinery(config, watcher, store)
            _same_versions(ledger, machinery.versions, folder)
            for number in range(1, config.rounds + 1):
                if not _round(number, config, ledger, machinery, watcher):
                    break
                _write_study(place, config, ledger, machinery)
                if publish:
                    publish(read_view(ledger))
            if ledger.get("finished") is None:
                ledger.put("finished", _now())
            view = read_view(ledger)
        finally:
            ledger.close()
        if publish:
            publish(view)
        return view


def build_machinery(config: CampaignConfig, watcher: Watcher, store: str) -> Machinery:
    """Load the predictor and the potential named in the specification.

    ``store`` is where MLflow keeps registered models.
    """
    from campaigns.oracles.build import Equipment, build_oracle

    equipment = Equipment.load(config, store)
    oracle = build_oracle(config, equipment, note=watcher.reference)
    proposer = Proposer.build(config, equipment.predictor)
    sources = decision_sources(config, equipment.predictor, equipment.potential)
    return Machinery(replace(proposer, sources=sources), oracle, equipment.versions)


def _round(
    number: int,
    config: CampaignConfig,
    ledger: Ledger,
    machinery: Machinery,
    watcher: Watcher,
) -> bool:
    """Bring one round to its end; False when the budget or the candidates run out."""
    state = {n: closed for n, _, closed in ledger.rounds()}
    if state.get(number):
        return True
    if _spent(config, ledger):
        return number in state and _close(number, ledger)
    if number not in state:
        watcher.proposing(number, config.rounds, machinery.proposer.per_round)
        started = datetime.now(UTC)
        proposal = machinery.proposer.propose(number, ledger, watcher.asked)
        proposal.summary["proposal_seconds"] = (datetime.now(UTC) - started).total_seconds()
        ledger.commit_proposal(number, proposal)
    batch = ledger.batch(number)
    waiting = pending(batch, ledger.judged())
    watcher.judging(number, config.rounds, len(batch), len(batch) - len(waiting))
    for chosen in waiting:
        if _spent(config, ledger):
            _close(number, ledger)
            return False
        verdict = _judge(machinery.oracle, chosen)
        ledger.commit_verdict(number, verdict)
        watcher.judged(chosen.candidate, verdict, is_hit(verdict, config))
    _close(number, ledger)
    watcher.closed(number)
    return bool(batch)


def _judge(oracle: Oracle, chosen: Proposed) -> Verdict:
    """One oracle call; numbers that are not numbers are a failure."""
    verdict = oracle(chosen.candidate)
    values = (verdict.energy_above_hull, verdict.band_gap)
    if verdict.error is None and any(v is None or not np.isfinite(v) for v in values):
        return Verdict(
            chosen.candidate.id,
            n_steps=verdict.n_steps,
            seconds=verdict.seconds,
            origin=verdict.origin,
            error=f"the oracle returned {values} for (energy_above_hull, band_gap)",
        )
    return verdict


def _close(number: int, ledger: Ledger) -> bool:
    """Sum the round up and mark it closed; always False, for the caller that stops."""
    summary = next(s for n, s, _ in ledger.rounds() if n == number)
    view = read_view(ledger)
    verdicts = view.verdicts
    of_round = verdicts[verdicts["round"] == number]
    residual, coverage = agreement(of_round)
    relaxed = judged(of_round)
    stable = relaxed["energy_above_hull"] <= view.targets.energy_above_hull.max
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
        "seconds": summary.get("proposal_seconds", 0.0) + float(of_round["seconds"].sum()),
    }
    ledger.close_round(number, summary, _now())
    return False


def _spent(config: CampaignConfig, ledger: Ledger) -> bool:
    """Whether the budget is used up."""
    budget = config.budget
    verdicts = ledger.verdicts()
    if budget.oracle_calls is not None and len(verdicts) >= budget.oracle_calls:
        return True
    if budget.hours is None:
        return False
    proposing = sum(s.get("proposal_seconds", 0.0) for _, s, _ in ledger.rounds())
    return proposing + sum(v.seconds for _, v in verdicts) >= budget.hours * 3600.0


def _write_study(
    place: CampaignFolder, config: CampaignConfig, ledger: Ledger, machinery: Machinery
) -> None:
    verdicts = {v.candidate_id: v for _, v in ledger.verdicts()}
    scores = oracle_scores(config, ledger.candidates(), verdicts)
    history = list(ledger.asks())
    write_study(place.study, config.name, machinery.proposer.space, history, scores)


def _same_versions(ledger: Ledger, versions: dict[str, str], folder: Path) -> None:
    """A campaign's numbers come from one model and one potential."""
    begun = ledger.get("versions")
    if begun is None:
        ledger.put("versions", versions)
        ledger.put("started", _now())
        return
    for part in ("predictor", "potential"):
        if begun.get(part) != versions.get(part):
            way = _way_back(begun, versions) if part == "predictor" else ""
            raise InputError(
                f"{folder}: begun with {part} {begun.get(part)}, now {versions.get(part)}; "
                f"their numbers must not be mixed. Go on with the former{way}, or start in a "
                "new folder"
            )


def _way_back(begun: dict[str, str], versions: dict[str, str]) -> str:
    """How to name the model that a campaign began with, where that is on record."""
    then, now = begun.get("model"), versions.get("model")
    if then is None or then == now:
        return ""
    return f" (--model {then}; {now} is what was found)"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
