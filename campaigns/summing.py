"""What a round came to, in figures; again where somebody has corrected its verdicts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pandas as pd

from campaigns.config import CampaignConfig
from campaigns.learned import drift_facts
from campaigns.ledger import Ledger
from campaigns.results import verdict_table
from campaigns.view import agreement, judged


def close(number: int, config: CampaignConfig, ledger: Ledger) -> None:
    """Sum the round up and mark it closed."""
    summary = next(s for n, s, _ in ledger.rounds() if n == number)
    summary |= _figures(number, summary, verdict_table(ledger), config, ledger)
    ledger.close_round(number, summary, datetime.now(UTC).isoformat(timespec="seconds"))


def sum_up_again(config: CampaignConfig, ledger: Ledger, since: int) -> None:
    """Bring the figures of closed rounds from ``since`` on to what the ledger says now."""
    closed = [(n, s) for n, s, is_closed in ledger.rounds() if is_closed and n >= since]
    table = verdict_table(ledger) if closed else None
    for number, summary in closed:
        if table is not None:
            figures = _figures(number, summary, table, config, ledger)
            ledger.put_summary(number, summary | figures)


def total_cost(ledger: Ledger, until: int | None = None) -> float:
    """Of all oracle calls so far, or of those up to the end of a round."""
    calls = [*ledger.verdicts(), *((n, v) for n, _, v in ledger.confirmations())]
    return sum(v.cost for n, v in calls if until is None or n <= until)


def _figures(
    number: int,
    summary: dict[str, float],
    table: pd.DataFrame,
    config: CampaignConfig,
    ledger: Ledger,
) -> dict[str, Any]:
    """A round's own, and those of all rounds up to it."""
    verdicts = table[table["round"] <= number]
    of_round = verdicts[verdicts["round"] == number]
    residual, coverage = agreement(of_round)
    relaxed = judged(of_round)
    hull = config.targets.energy_above_hull
    stable = relaxed["energy_above_hull"].astype(float) <= hull.max
    confirmations = [(t, v) for n, t, v in ledger.confirmations() if n == number]
    said = [(n, v) for n, v in ledger.verdicts() if n <= number]
    figures = {
        "n_evaluated": len(of_round),
        "n_failed": int(of_round["error"].notna().sum()),
        "n_relaxed": len(relaxed),
        "n_stable": int(stable.sum()) if hull.weight > 0 else len(relaxed),
        "n_hits": int(of_round["hit"].astype(bool).sum()),
        "n_hits_total": int(verdicts["hit"].astype(bool).sum()),
        "best_score": float(verdicts["score"].max()) if len(verdicts) else float("nan"),
        "mean_abs_residual": residual,
        "coverage": coverage,
        "seconds": summary.get("proposal_seconds", 0.0)
        + float(of_round["seconds"].sum())
        + sum(v.seconds for _, v in confirmations),
        "cost": total_cost(ledger, until=number),
        **drift_facts(number, ledger.judged_candidates(), said),
    }
    for place, tier in enumerate(config.tiers, start=1):
        figures[f"n_{tier.oracle.name}"] = sum(t == place for t, _ in confirmations)
    return figures
