"""Views as odd as a campaign can make them, and a language that marks all it says."""

from __future__ import annotations

import dataclasses
import gettext

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from campaigns.view import CONFIRMATION_COLUMNS, CampaignView, ranked_shortlist
from campaigns.words import Words
from tests.campaigns.views import empty_view, make_view


class _Marking(gettext.NullTranslations):
    """Every message longer than in English, and in marks that nothing else has."""

    def gettext(self, message: str) -> str:
        return f"«{message} {message.split()[-1].strip('.')}»"

    def ngettext(self, one: str, many: str, n: int) -> str:
        return self.gettext(one if n == 1 else many)


MARKED = Words("eu", _Marking())
"""Long words, decimal commas."""

_NUMBERS = (
    *("band_gap", "band_gap_std", "energy_above_hull"),
    *("predicted_band_gap", "predicted_band_gap_std"),
    *("predicted_energy_above_hull", "predicted_energy_above_hull_std"),
)
_odd_number = st.sampled_from([np.nan, 0.0, -0.5, 1e-9, 3.0, 4000.0])


def with_confirmations(view: CampaignView, gaps: list[float | None]) -> CampaignView:
    """A further oracle that answered for the first of the shortlist; None: it failed."""
    rows = [
        {
            "candidate_id": row.candidate_id,
            "round": row.round,
            "tier": 1,
            "oracle": "gpaw",
            "formula": row.formula,
            "band_gap": gap,
            "cost": 100.0,
            "error": None if gap is not None else "killed",
        }
        for row, gap in zip(view.shortlist.itertuples(), gaps, strict=False)
    ]
    table = pd.DataFrame(rows, columns=list(CONFIRMATION_COLUMNS))
    return dataclasses.replace(view, confirmations=table)


@st.composite
def odd_views(draw: st.DrawFn) -> CampaignView:
    """Few calls, all failed, no hits, constant or missing or absurd numbers, odd rounds."""
    view = make_view(calls=draw(st.sampled_from([1, 2, 5, 11])), status="running")
    verdicts = view.verdicts.copy()
    for name in draw(st.lists(st.sampled_from(_NUMBERS), max_size=4)):
        value = draw(_odd_number)
        rows = draw(st.sampled_from([slice(None), slice(0, 1)]))
        verdicts[name] = verdicts[name].astype(float)
        verdicts.loc[verdicts.index[rows], name] = abs(value) if "std" in name else value
    if draw(st.booleans()):
        verdicts["hit"] = False
    if draw(st.booleans()):
        verdicts["round"] = draw(st.sampled_from([1, 7, 250]))
    if draw(st.integers(0, 4)) == 0:
        verdicts["error"], verdicts["hit"] = "out of memory", False
    candidates = view.candidates.assign(
        acquisition=draw(st.sampled_from([np.nan, 0.0, 1e-30, 0.4, 1.0]))
    )
    spec = dict(view.spec)
    if draw(st.booleans()):
        spec["better_than"] = {"incumbent": "CdTe", "on": ["toxicity"]}
    return dataclasses.replace(
        view,
        spec=spec,
        candidates=candidates.head(draw(st.sampled_from([0, 1, 30]))),
        verdicts=verdicts,
        shortlist=ranked_shortlist(verdicts),
        rejections=view.rejections.head(draw(st.sampled_from([0, 1, 1550]))),
    )


def all_views() -> dict[str, CampaignView]:
    """Views worth a look at every picture of."""
    whole = make_view()
    incumbent = {"incumbent": "CdTe", "on": ["toxicity", "supply_risk"]}
    return {
        "empty": empty_view(),
        "one call": make_view(calls=1, status="running"),
        "whole": whole,
        "full": dataclasses.replace(
            with_confirmations(whole, [1.31, None, 2.02]),
            spec=dict(whole.spec) | {"better_than": incumbent},
        ),
    }
