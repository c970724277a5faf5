"""Candidates as tables for whoever is to try them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from pymatgen.core import Structure

from campaigns.config import CampaignConfig
from campaigns.ledger import Ledger, LedgerError
from campaigns.questions import Question
from campaigns.records import Proposed
from campaigns.told_rows import HANDED_COLUMNS
from campaigns.view import (
    CANDIDATE_COLUMNS,
    REJECTION_COLUMNS,
    ROUND_COLUMNS,
    SHORTLIST_COLUMNS,
    VERDICT_COLUMNS,
    CampaignView,
    empty_table,
)
from campaigns.words import Words
from materials.errors import InputError, did_you_mean

OPEN_COLUMNS = ("candidate_id", "formula", "oracle", "round")


def handed_table(
    questions: Sequence[Question], ledger: Ledger, config: CampaignConfig, say: Words
) -> pd.DataFrame:
    """Candidates with what is predicted of them, and why they were chosen, in words."""
    rounds = {number: summary for number, summary, _ in ledger.rounds()}
    rows = []
    for question in questions:
        p, candidate = question.candidate, question.candidate.candidate
        standing = [s for s in ledger.standings(candidate.id) if s.round == question.round]
        rank = standing[0].rank if standing else None
        n = int(rounds[question.round].get("n_pool", 0))
        rows.append(
            {
                "candidate_id": candidate.id,
                "formula": candidate.formula,
                "prototype": candidate.prototype,
                "round": question.round,
                "known": p.known,
                **{f"predicted_{name}": p.predictions[name] for name in _PREDICTED},
                "acquisition": float(np.exp(p.acquisition)),
                "why": _why(p, rank, n, config, say),
            }
        )
    return pd.DataFrame(rows, columns=list(HANDED_COLUMNS))


_PREDICTED = ("band_gap", "band_gap_std", "energy_above_hull", "energy_above_hull_std")


def _why(p: Proposed, rank: int | None, n: int, config: CampaignConfig, say: Words) -> str:
    """The reasons: its place, and what is foreseen against what is sought."""
    window, limit = config.targets.band_gap, config.targets.energy_above_hull
    said, told = p.predictions, []
    if rank is not None:
        told.append(say("rank {n} of {total}", n=rank, total=n))
    if window.weight > 0:
        told.append(
            say(
                "gap {x} eV foreseen, {low} to {high} eV sought",
                x=say.uncertain(said["band_gap"], said["band_gap_std"]),
                low=window.min,
                high=window.max,
            )
        )
    if limit.weight > 0:
        told.append(
            say(
                "{x} eV/atom above the hull foreseen, at most {limit} sought",
                x=say.uncertain(
                    said["energy_above_hull"], said["energy_above_hull_std"], 3
                ),
                limit=limit.max,
            )
        )
    return "; ".join(told)


def open_table(questions: Sequence[Question], config: CampaignConfig) -> pd.DataFrame:
    """Who is to answer what."""
    rows = [
        {
            "candidate_id": question.candidate.candidate.id,
            "formula": question.candidate.candidate.formula,
            "oracle": config.oracles[question.tier].name,
            "round": question.round,
        }
        for question in questions
    ]
    return pd.DataFrame(rows, columns=list(OPEN_COLUMNS))


def crystal(view: CampaignView, candidate_id: str) -> Structure:
    """A candidate's crystal; raises :class:`InputError` that names near ones."""
    try:
        return view.structure(candidate_id)
    except LedgerError as error:
        known = list(view.candidates["candidate_id"])
        raise InputError(
            f"no candidate '{candidate_id}' in this campaign."
            f"{did_you_mean(candidate_id, known)}"
        ) from error


def new_view(config: CampaignConfig) -> CampaignView:
    """A campaign of which there is nothing on disk yet."""

    def load(candidate_id: str) -> Structure:
        raise LedgerError(f"no candidate '{candidate_id}': the campaign has not begun")

    return CampaignView(
        name=config.name,
        spec=config.model_dump(mode="json"),
        versions={},
        status="new",
        candidates=empty_table(CANDIDATE_COLUMNS),
        verdicts=empty_table(VERDICT_COLUMNS),
        rejections=empty_table(REJECTION_COLUMNS),
        rounds=empty_table(ROUND_COLUMNS),
        shortlist=empty_table(SHORTLIST_COLUMNS),
        load_structure=load,
    )
