"""The shortlist's sustainability, ready to be read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from campaigns.config import CampaignConfig
from campaigns.reports.style import formula_html
from campaigns.view import CampaignView
from materials.sustainability.columns import AXES, MIN_COVERAGE
from materials.sustainability.incumbents import incumbent_formula
from materials.sustainability.index import Burdens
from materials.sustainability.table import columns_of

AXIS_TITLES = tuple(axis.replace("_", " ") for axis in AXES)
UNKNOWN = "unknown"


@dataclass(frozen=True)
class BurdenRow:
    """One composition's burdens as text: 0 none, 1 the worst."""

    formula: Markup
    is_incumbent: bool
    index: str
    """``0.31 (0.28 to 0.40)``: the second are what it may be, gaps in the data considered."""
    coverage: str
    axes: tuple[str, ...]
    """In the order of :data:`AXIS_TITLES`."""


def burden_rows(view: CampaignView) -> list[BurdenRow]:
    """The incumbent, where the campaign has one, and every formula of the shortlist once."""
    config = CampaignConfig.model_validate(dict(view.spec))
    wish = config.better_than
    first = [incumbent_formula(wish.incumbent)] if wish is not None else []
    found = list(dict.fromkeys(str(f) for f in view.shortlist["formula"]))
    formulas = [*first, *found]
    return _rows(formulas, config, n_incumbents=len(first)) if formulas else []


def _rows(
    formulas: Sequence[str], config: CampaignConfig, *, n_incumbents: int
) -> list[BurdenRow]:
    burdens = Burdens.of(columns_of(formulas))
    index = burdens.index(config.targets.sustainability.weights())
    rows = []
    for i, formula in enumerate(formulas):
        known = np.isfinite(index.central[i])
        middle = f"{index.central[i]:.2f}" if known else UNKNOWN
        axes = tuple(
            f"{value:.2f}" if share >= MIN_COVERAGE else UNKNOWN
            for value, share in zip(burdens.central[i], burdens.coverage[i], strict=True)
        )
        rows.append(
            BurdenRow(
                formula=formula_html(formula),
                is_incumbent=i < n_incumbents,
                index=f"{middle} ({index.low[i]:.2f} to {index.high[i]:.2f})",
                coverage=f"{index.coverage[i]:.0%}",
                axes=axes,
            )
        )
    return rows
