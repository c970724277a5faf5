"""The report as one HTML page that needs nothing but itself."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from pymatgen.core.structure import Structure

from campaigns.reports.burdens import AXIS_TITLES, burden_table
from campaigns.reports.crystals import cif
from campaigns.reports.markup import formula_html, space_group_html
from campaigns.symmetry import space_group
from campaigns.view import (
    CampaignView,
    agreement,
    decomposition_text,
    funnel,
    rejection_counts,
)

CAPTIONS = {
    "pareto": (
        "Every relaxed candidate. Bars show one standard deviation of the predicted gap. The "
        "dashed boundary is the Pareto front: at each distance from the middle of the window, "
        "the lowest energy above hull found within that distance; circles mark the candidates "
        "that make it."
    ),
    "discovery": "Hits found as oracle calls were spent; failed calls count as spent.",
    "crystals": "Conventional cells of the first of the shortlist, relaxed by the oracle.",
    "funnel": "Where candidates left the campaign. Numbers and reasons are tabled below.",
    "learning": (
        "Left: what the surrogate said when it chose, against what the oracle found. Middle "
        "and right: the same by round. Bars of few candidates scatter."
    ),
}


@dataclass(frozen=True)
class Hit:
    """One row of the shortlist as text, ready to be read."""

    rank: int
    formula: Markup
    is_known: bool
    prototype: str
    space_group: Markup
    n_sites: int
    gap: str
    hull: str
    predicted_hull: str
    formation: str
    decomposition: Markup
    score: str
    round: int
    file_name: str
    file: str  # as a data URI


def number(value: Any, digits: int = 3) -> str:
    """A number with commas and a real minus sign; a dash where there is none."""
    if value is None or pd.isna(value):
        return "–"
    return f"{float(value):,.{digits}f}".replace("-", "−")


def plus_minus(value: Any, deviation: Any, digits: int = 2) -> str:
    """``1.42 ± 0.31``; the value alone where no deviation is known."""
    if value is None or pd.isna(value) or deviation is None or pd.isna(deviation):
        return number(value, digits)
    return f"{number(value, digits)} ± {number(deviation, digits)}"


def data_uri(content: bytes, kind: str) -> str:
    """Content a page carries within itself."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def hits(view: CampaignView) -> list[Hit]:
    """The shortlist as it is printed."""
    rows = (row._asdict() for row in view.shortlist.itertuples(index=False))
    return [_hit(row, view.structure(str(row["candidate_id"]))) for row in rows]


def _hit(row: Mapping[str, Any], crystal: Structure) -> Hit:
    return Hit(
        rank=int(row["rank"]),
        formula=formula_html(str(row["formula"])),
        is_known=bool(row["known"]),
        prototype=str(row["prototype"]),
        space_group=space_group_html(space_group(crystal) or "–"),
        n_sites=int(row["n_sites"]),
        gap=plus_minus(row["band_gap"], row["band_gap_std"]),
        hull=number(row["energy_above_hull"]),
        predicted_hull=plus_minus(
            row["predicted_energy_above_hull"], row["predicted_energy_above_hull_std"]
        ),
        formation=number(row["formation_energy_per_atom"]),
        decomposition=formula_html(decomposition_text(row["decomposition"])),
        score=number(row["score"], 2),
        round=int(row["round"]),
        file_name=f"{int(row['rank']):02d}_{row['formula']}.cif",
        file=data_uri(cif(crystal).encode(), "chemical/x-cif"),
    )


def confirmations(view: CampaignView) -> list[dict[str, Any]]:
    """Calls of further oracles, and what became of their candidates."""
    if view.confirmations.empty:
        return []
    standing = view.verdicts.set_index("candidate_id")["standing"]
    rows = view.confirmations.to_dict("records")
    return [row | {"standing": standing[row["candidate_id"]]} for row in rows]


def _judge(view: CampaignView) -> str:
    """What the first oracle is called."""
    oracle = view.spec["oracle"]
    return str(oracle.get("potential") or oracle.get("name") or oracle.get("kind"))


def render(view: CampaignView, figures: Mapping[str, bytes]) -> str:
    """The page, with ``figures`` (PNG by name) inside it. Everything shown is escaped."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["formula"] = formula_html
    environment.filters["number"] = number
    spec = yaml.safe_dump(dict(view.spec), sort_keys=False, allow_unicode=True)
    failures = view.verdicts[view.verdicts["error"].notna()]
    residual, coverage = agreement(view.verdicts)
    return environment.get_template("template.html").render(
        view=view,
        targets=view.targets,
        hits=hits(view),
        n_new=int((~view.shortlist["known"].astype(bool)).sum()),
        stages=funnel(view),
        rejections=rejection_counts(view).to_dict("records"),
        rounds=view.rounds.to_dict("records"),
        failures=failures.to_dict("records"),
        residual=residual,
        coverage=coverage,
        hours=float(view.verdicts["seconds"].astype(float).sum()) / 3600,
        figures={name: data_uri(png, "image/png") for name, png in figures.items()},
        better_than=view.spec.get("better_than"),
        burdens=burden_table(view),
        axis_titles=AXIS_TITLES,
        traces=view.traces,
        captions=CAPTIONS,
        spec=spec,
        spec_sha256=hashlib.sha256(spec.encode()).hexdigest(),
        potential=view.spec["oracle"].get("potential"),
        judge=_judge(view),
        confirmations=confirmations(view),
    )
