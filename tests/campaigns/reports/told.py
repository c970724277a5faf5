"""A made-up campaign with all that a report can have."""

from __future__ import annotations

import dataclasses

import pandas as pd

from campaigns.steps import Outcome, Step
from campaigns.trace import Trace
from campaigns.view import CONFIRMATION_COLUMNS, CampaignView, ranked_shortlist
from tests.campaigns.views import make_view

SOURCE = "predictor galena-gated-1+ab12cd34, training data sha256:" + "9f2c" * 16

TRAINED_ON = "e0d374a318303b8fdf0de8e24cb5409e7576b42dbed397c0b55a4bc5900e928f"
"""The table of the Materials Project that shipped models learned from."""


def told_view(**changes: object) -> CampaignView:
    """With an incumbent, a further oracle, traces, drift on record and times."""
    view = make_view()
    spec = dict(view.spec) | {
        "better_than": {"incumbent": "CdTe", "on": ["toxicity", "supply_risk"]},
        "tiers": [{"oracle": {"kind": "dft", "name": "gpaw", "threads": 4}, "best": 2}],
    }
    verdicts = view.verdicts.assign(standing="", cost=1.0)
    hits = verdicts.index[verdicts["hit"].astype(bool)]
    verdicts.loc[hits[0], "standing"] = "confirmed"
    rounds = view.rounds.assign(
        proposal_seconds=36.0,
        band_gap_drift_chance=[1.0, 0.5, 0.01, 0.4, 0.6],
        energy_above_hull_drift_chance=[1.0, 0.5, 0.3, 0.4, 0.03],
    )
    changed = dataclasses.replace(
        view,
        spec=spec,
        verdicts=verdicts,
        rounds=rounds,
        shortlist=ranked_shortlist(verdicts),
        confirmations=_confirmations(verdicts.loc[hits[:2]]),
        started="2026-11-01T08:00:00+00:00",
        finished="2026-11-01T10:30:00+00:00",
        versions=dict(view.versions) | {"model": "accurate"},
        sources={"training data": f"mp_train.parquet sha256:{TRAINED_ON}"},
        traces=tuple(_trace(row) for _, row in verdicts.loc[hits].iterrows()),
    )
    return dataclasses.replace(changed, **changes)


def _confirmations(verdicts: pd.DataFrame) -> pd.DataFrame:
    rows = [
        {
            "candidate_id": row["candidate_id"],
            "round": row["round"],
            "tier": 1,
            "oracle": "gpaw",
            "formula": row["formula"],
            "band_gap": None if place else 1.31,
            "band_gap_std": None,
            "energy_above_hull": None,
            "energy_per_atom": -5.1,
            "cost": 100.0,
            "attempts": 1,
            "seconds": 900.0,
            "origin": "GPAW 26.7.0",
            "error": "killed after 3600 s" if place else None,
        }
        for place, (_, row) in enumerate(verdicts.iterrows())
    ]
    return pd.DataFrame(rows, columns=list(CONFIRMATION_COLUMNS))


def _trace(row: pd.Series) -> Trace:
    steps = (
        Step(1, "charge_neutrality", Outcome.PASSED, "S-2 Zn+2", "total charge 0", SOURCE),
        Step(1, "prediction", Outcome.NOTED, "band_gap 1.2 ± 0.1 eV", "gap 1 to 2", SOURCE),
        Step(1, "hull", Outcome.PASSED, "+0.01 eV/atom", "at most 0.1 eV/atom", SOURCE),
        Step(1, "gpaw", Outcome.FAILED, "gap 2.31 eV", "gap 1 to 1.8 eV", "GPAW 26.7.0"),
    )
    name, formula = row["candidate_id"], row["formula"]
    return Trace(name, formula, row["prototype"], "sampler", "a hit", steps)
