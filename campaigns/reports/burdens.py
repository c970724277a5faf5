"""The shortlist's sustainability in numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from campaigns.config import CampaignConfig
from campaigns.view import CampaignView
from materials.sustainability.columns import MIN_COVERAGE
from materials.sustainability.incumbents import incumbent_formula
from materials.sustainability.index import Burdens
from materials.sustainability.sensitivity import top_k
from materials.sustainability.table import columns_of

_BEST = 5


@dataclass(frozen=True)
class BurdenRow:
    """One composition's burdens: 0 none, 1 the worst; None where too little is known."""

    formula: str
    is_incumbent: bool
    index: float | None
    low: float
    high: float
    """What the index may be, gaps in the data considered."""
    coverage: float
    in_top: float | None
    """Share of draws of the weights that have it among the best few of the shortlist."""
    axes: tuple[float | None, ...]
    """In the order of :data:`materials.sustainability.columns.AXES`."""


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
            formula=formula,
            is_incumbent=i < len(first),
            index=_known(index.central[i]),
            low=float(index.low[i]),
            high=float(index.high[i]),
            coverage=float(index.coverage[i]),
            in_top=_known(shares[i]),
            axes=tuple(
                float(value) if share >= MIN_COVERAGE else None
                for value, share in zip(
                    burdens.central[i], burdens.coverage[i], strict=True
                )
            ),
        )
        for i, formula in enumerate(formulas)
    ]
    return BurdenTable(tuple(rows), max(k, 0))


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
