"""The shortlist's sustainability, ready to be read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from campaigns.config import CampaignConfig
from campaigns.reports.markup import formula_html
from campaigns.view import CampaignView
from materials.sustainability.columns import AXES, MIN_COVERAGE
from materials.sustainability.incumbents import incumbent_formula
from materials.sustainability.index import Burdens, Index
from materials.sustainability.sensitivity import top_k
from materials.sustainability.table import columns_of

AXIS_TITLES = tuple(axis.replace("_", " ") for axis in AXES)
UNKNOWN = "unknown"
_BEST = 5


@dataclass(frozen=True)
class BurdenRow:
    """One composition's burdens as text: 0 none, 1 the worst."""

    formula: Markup
    is_incumbent: bool
    index: str
    """``0.31 (0.28 to 0.40)``: the second are what it may be, gaps in the data considered."""
    coverage: str
    in_top: str
    """Share of draws of the weights that have it among the best few of the shortlist."""
    axes: tuple[str, ...]
    """In the order of :data:`AXIS_TITLES`."""


@dataclass(frozen=True)
class BurdenTable:
    """What the report shows of them."""

    rows: tuple[BurdenRow, ...]
    """The incumbent, where the campaign has one, and every formula of the shortlist once."""
    k: int
    """How many are the best few; 0 where the shortlist is too short to ask."""


def burden_table(view: CampaignView) -> BurdenTable:
    """The shortlist's burdens, and how much their order depends on the weights."""
    config = CampaignConfig.model_validate(dict(view.spec))
    wish = config.better_than
    first = [incumbent_formula(wish.incumbent)] if wish is not None else []
    found = list(dict.fromkeys(str(f) for f in view.shortlist["formula"]))
    formulas = [*first, *found]
    if not formulas:
        return BurdenTable((), 0)
    weights = config.targets.sustainability.weights()
    burdens = Burdens.of(columns_of(formulas))
    index = burdens.index(weights)
    judged = np.isfinite(index.central[len(first) :])  # (n_found,)
    k = min(_BEST, int(judged.sum()) - 1)
    shares = np.full(len(formulas), np.nan)
    if k > 0:
        shares[len(first) :] = top_k(found, k, weights=weights).share
    rows = [
        BurdenRow(
            formula=formula_html(formula),
            is_incumbent=i < len(first),
            index=_index_text(index, i),
            coverage=f"{index.coverage[i]:.0%}",
            in_top=f"{shares[i]:.0%}" if np.isfinite(shares[i]) else "–",
            axes=tuple(
                f"{value:.2f}" if share >= MIN_COVERAGE else UNKNOWN
                for value, share in zip(
                    burdens.central[i], burdens.coverage[i], strict=True
                )
            ),
        )
        for i, formula in enumerate(formulas)
    ]
    return BurdenTable(tuple(rows), max(k, 0))


def _index_text(index: Index, i: int) -> str:
    known = np.isfinite(index.central[i])
    middle = f"{index.central[i]:.2f}" if known else UNKNOWN
    return f"{middle} ({index.low[i]:.2f} to {index.high[i]:.2f})"
