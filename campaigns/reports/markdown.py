"""A campaign in a few lines of Markdown, as MLflow shows it above a run."""

from __future__ import annotations

import html

from campaigns.reports.page import number, plus_minus
from campaigns.view import CampaignView, agreement

N_LISTED = 30
"""Rows of the shortlist; the rest is in the report."""


def markdown_summary(view: CampaignView) -> str:
    """What was sought and what was found, with the first of the shortlist."""
    targets = view.targets
    residual, coverage = agreement(view.verdicts)
    n_failed = int(view.verdicts["error"].notna().sum())
    lines = [
        f"**{len(view.shortlist)} hits** in {len(view.verdicts)} oracle calls ({n_failed} "
        f"failed), {len(view.rounds)} rounds; {view.status}. Sought: band gap "
        f"{targets.band_gap.min}–{targets.band_gap.max} eV, at most "
        f"{targets.energy_above_hull.max} eV/atom above the hull.",
        "",
        html.escape(str(view.spec.get("description", ""))),
        "",
        f"The surrogate's energy above hull was off by {number(residual)} eV/atom on average, "
        f"coverage {number(coverage, 2)}.",
        "",
        "The full report is the artifact `report/report.html`.",
        "",
        "| # | formula | known | prototype | gap, eV | above hull, eV/atom | score |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in view.shortlist.head(N_LISTED).itertuples():
        gap = plus_minus(row.band_gap, row.band_gap_std)
        known = "known" if row.known else "**new**"
        lines.append(
            f"| {row.rank} | {row.formula} | {known} | {row.prototype} | {gap} "
            f"| {number(row.energy_above_hull)} | {number(row.score, 2)} |"
        )
    return "\n".join(lines)
