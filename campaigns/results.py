"""From the ledger to the tables that people, reports and MLflow read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pymatgen.core import Structure

from campaigns.config import CampaignConfig
from campaigns.folder import CampaignFolder
from campaigns.intact import of_intact
from campaigns.judgements import ASKED, NOT_ASKED, Judgement, by_candidate, judgements
from campaigns.learned import oracle_scores
from campaigns.ledger import Ledger, LedgerError
from campaigns.questions import open_questions
from campaigns.records import Ask, Proposed
from campaigns.trace import Teller, Trace
from campaigns.view import (
    CANDIDATE_COLUMNS,
    CONFIRMATION_COLUMNS,
    REJECTION_COLUMNS,
    ROUND_COLUMNS,
    VERDICT_COLUMNS,
    CampaignView,
    empty_table,
    ranked_shortlist,
)
from materials.errors import InputError, did_you_mean

_PREDICTED = (
    "band_gap",
    "band_gap_std",
    "energy_above_hull",
    "energy_above_hull_std",
)


def open_view(folder: Path) -> CampaignView:
    """The campaign in ``folder`` as it stands, also while it runs.

    Raises:
        InputError: there is no campaign in the folder.
        LedgerError: its ledger is damaged.
    """
    ledger = CampaignFolder(folder).open_existing()
    try:
        ledger.check()
        return read_view(ledger)
    finally:
        ledger.close()


@of_intact
def read_view(ledger: Ledger) -> CampaignView:
    """Everything the ledger knows, as tables."""
    config, spec = _begun(ledger)
    candidates = ledger.candidates()
    found = judgements(ledger)
    judged = by_candidate(found)
    scores = oracle_scores(config, candidates, judged)
    proposed = {p.candidate.id: p for p in candidates}
    asked = {q.candidate.candidate.id for q in open_questions(config, ledger) if q.tier}
    rows = _verdict_rows(config, proposed, found, scores, asked)
    table = _table(rows, VERDICT_COLUMNS)
    shortlist = ranked_shortlist(table)
    ranks = dict(zip(shortlist["candidate_id"], shortlist["rank"], strict=True))
    teller = Teller(ledger, config, candidates, found, ranks)
    rejections, shortlisted = _split_asks(ledger, ranks)
    relaxed = {i: v.structure for i, v in judged.items() if v.structure is not None}
    return CampaignView(
        name=config.name,
        spec=spec,
        versions=ledger.get("versions") or {},
        status=_status(ledger),
        candidates=_table([_candidate_row(p) for p in candidates], CANDIDATE_COLUMNS),
        verdicts=table,
        rejections=_table(rejections, REJECTION_COLUMNS),
        rounds=_table(_round_rows(ledger), ROUND_COLUMNS),
        shortlist=shortlist,
        confirmations=_table(
            _confirmation_rows(config, ledger, proposed), CONFIRMATION_COLUMNS
        ),
        n_waiting=ledger.get("waiting") or 0,
        started=ledger.get("started") or "",
        finished=ledger.get("finished") or "",
        latest=max(ledger.closing_times().values(), default=""),
        sources=ledger.sources(max((n for n, _, _ in ledger.rounds()), default=0)),
        load_structure=_loader(candidates, relaxed),
        traces=tuple(teller.traces(shortlisted, list(ranks))),
    )


def verdict_table(ledger: Ledger) -> pd.DataFrame:
    """The verdicts of :func:`read_view` alone, for which no other candidate is read."""
    config, _ = _begun(ledger)
    found = judgements(ledger)
    candidates = ledger.judged_candidates()
    scores = oracle_scores(config, candidates, by_candidate(found))
    proposed = {p.candidate.id: p for p in candidates}
    asked = {q.candidate.candidate.id for q in open_questions(config, ledger) if q.tier}
    return _table(_verdict_rows(config, proposed, found, scores, asked), VERDICT_COLUMNS)


@of_intact
def explain(ledger: Ledger, name: str) -> list[Trace]:
    """Trace a candidate by its identifier, or all candidates of a formula, oldest first.

    Whatever was proposed can be asked for, also what a filter turned down at once. Raises
    :class:`InputError` if the campaign never saw it; the message names what is near.
    """
    config, _ = _begun(ledger)
    candidates = ledger.candidates()
    # What was turned down for an element asked twice has an empty formula.
    asks = list(ledger.asks(named=name)) if name else []
    if not asks:
        names = {n for p in candidates for n in (p.candidate.id, p.candidate.formula)}
        raise InputError(
            f"{ledger.path.parent}: no candidate or formula '{name}' was proposed."
            f"{did_you_mean(name, sorted(names))} Identifiers are in the report and in "
            "galena campaign status FOLDER --json"
        )
    shortlist = read_view(ledger).shortlist
    ranks = dict(zip(shortlist["candidate_id"], shortlist["rank"], strict=True))
    teller = Teller(ledger, config, candidates, judgements(ledger), ranks)
    return teller.traces(asks, [ask.candidate_id for _, _, ask in asks if ask.candidate_id])


def _begun(ledger: Ledger) -> tuple[CampaignConfig, dict[str, Any]]:
    """What the campaign was begun with; raises :class:`LedgerError` if it never began."""
    spec = ledger.get("spec")
    if spec is None:
        raise LedgerError(
            f"{ledger.path}: holds no specification; the campaign never began"
        )
    return CampaignConfig.model_validate(spec), spec


def _verdict_rows(
    config: CampaignConfig,
    candidates: dict[str, Proposed],
    found: Sequence[Judgement],
    scores: dict[str, float | None],
    asked: Collection[str],
) -> list[dict[str, Any]]:
    """``asked`` are those whose question to people is open, beyond the first oracle."""
    rows = []
    for order, judgement in enumerate(found, start=1):
        v = judgement.verdict
        p = candidates[v.candidate_id]
        worth = scores[v.candidate_id]
        standing = judgement.standing(config)
        if standing == NOT_ASKED and v.candidate_id in asked:
            standing = ASKED
        row = {
            "candidate_id": v.candidate_id,
            "round": judgement.round,
            "order": order,
            "formula": p.candidate.formula,
            "prototype": p.candidate.prototype,
            "n_sites": p.candidate.n_sites,
            "known": p.known,
            "hit": judgement.hit(config),
            "standing": standing,
            "cost": judgement.cost,
            "oracle": judgement.first.oracle or config.oracle.name,
            "origin": judgement.first.origin,
            "score": np.nan if worth is None else float(np.exp(worth)),
        }
        for name in VERDICT_COLUMNS:
            if name not in row and not name.startswith("predicted_"):
                row[name] = getattr(v, name)
        row |= {f"predicted_{name}": p.predictions[name] for name in _PREDICTED}
        rows.append(row)
    return rows


def _confirmation_rows(
    config: CampaignConfig, ledger: Ledger, candidates: dict[str, Proposed]
) -> list[dict[str, Any]]:
    """What further oracles said, each with all it found."""
    rows = []
    for number, tier, v in ledger.confirmations():
        row = {name: getattr(v, name, None) for name in CONFIRMATION_COLUMNS}
        row |= {"round": number, "tier": tier, "oracle": config.oracles[tier].name}
        row["formula"] = candidates[v.candidate_id].candidate.formula
        rows.append(row | v.properties)
    return rows


def _status(ledger: Ledger) -> str:
    if ledger.get("finished"):
        return "finished"
    return "waiting" if ledger.get("waiting") else "running"


def _candidate_row(p: Proposed) -> dict[str, Any]:
    return {
        "candidate_id": p.candidate.id,
        "formula": p.candidate.formula,
        "prototype": p.candidate.prototype,
        "n_sites": p.candidate.n_sites,
        "round": p.round,
        **{name: p.predictions[name] for name in _PREDICTED},
        "formation_energy_per_atom": p.network["formation_energy_per_atom"],
        "formation_energy_per_atom_std": p.network["formation_energy_per_atom_std"],
        "acquisition": float(np.exp(p.acquisition)),
        "chosen": p.chosen is not None,
        "known": p.known,
    }


def _split_asks(
    ledger: Ledger, names: Collection[str]
) -> tuple[list[dict[str, Any]], list[tuple[int, int, Ask]]]:
    """Rows of all that was turned down, and the proposals of some candidates."""
    rows, kept = [], []
    for number, position, ask in ledger.asks():
        if ask.candidate_id in names:
            kept.append((number, position, ask))
        if ask.filter:
            row = {"round": number, "formula": ask.formula, "prototype": ask.prototype}
            why = {"filter": ask.filter, "value": ask.value, "limit": ask.limit}
            rows.append(row | why)
    return rows, kept


def _round_rows(ledger: Ledger) -> list[dict[str, Any]]:
    missing = dict.fromkeys(ROUND_COLUMNS, np.nan)
    return [missing | {"round": number} | summary for number, summary, _ in ledger.rounds()]


def _table(rows: list[dict[str, Any]], columns: Sequence[str]) -> pd.DataFrame:
    if not rows:
        return empty_table(columns)
    table = pd.DataFrame(rows)
    return table[[*columns, *(c for c in table.columns if c not in columns)]]


def _loader(
    candidates: Sequence[Proposed], relaxed: dict[str, Structure]
) -> Callable[[str], Structure]:
    proposed = {p.candidate.id: p.candidate for p in candidates}

    def load(candidate_id: str) -> Structure:
        if candidate_id in relaxed:
            return relaxed[candidate_id]
        if candidate_id in proposed:
            return proposed[candidate_id].structure
        raise LedgerError(f"no candidate '{candidate_id}' in this campaign")

    return load
