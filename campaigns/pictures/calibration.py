"""Whether the deviations that candidates were chosen by kept their word."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from campaigns.pictures import style
from campaigns.pictures.picture import Picture, with_units
from campaigns.pictures.predictions import LEVELS, draw_reliability, reliability
from campaigns.view import CampaignView, judged
from campaigns.words import Words, noted

TARGETS: Mapping[str, str] = {
    "energy_above_hull": noted("energy above hull"),
    "band_gap": noted("band gap"),
}
FEWEST = 8
"""Verdicts below which no curve is drawn: chance alone would cover most of the square."""


def data(view: CampaignView) -> pd.DataFrame:
    """One row per target and nominal level, see
    :func:`campaigns.pictures.predictions.reliability`; shares from 0 to 1.
    """
    seen = judged(view.verdicts)
    parts = []
    for target in TARGETS:
        predicted = seen[f"predicted_{target}"].astype(float)
        error = seen[target].astype(float) - predicted
        part = reliability(error, seen[f"predicted_{target}_std"].astype(float))
        if part["n"].iloc[0] >= FEWEST:
            part.insert(0, "target", target)
            parts.append(part)
    columns = ["target", "level", "observed", "low", "high", "n"]
    return with_units(
        pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
    )


def draw(view: CampaignView, say: Words) -> Figure:
    """A curve per target, with the band of chance around perfect calibration."""
    frame = data(view)
    if frame.empty:
        return style.empty_figure(say("Too few verdicts to judge the predicted deviations"))
    parts = frame.groupby("target", sort=False)
    return draw_reliability({say(TARGETS[str(t)]): part for t, part in parts}, say)


def caption(_view: CampaignView, say: Words) -> str:
    """What is shown and how to read it."""
    return say(
        "Candidates were chosen by predictions with a standard deviation. To the right, the "
        "share of findings that intervals of a normal distribution should hold; upwards, the "
        "share that they held. A curve on the line keeps its word; below it deviations were "
        "too small, above it too large. Inside the grey band the difference may be chance. As "
        "candidates were chosen, not drawn at random, some optimism is to be expected."
    )


def alt(view: CampaignView, say: Words) -> str:
    """What is to be seen, in words and numbers."""
    frame = data(view)
    if frame.empty:
        return say("Too few verdicts to judge the predicted deviations")
    at = LEVELS[np.abs(LEVELS - 0.8).argmin()]
    return " ".join(
        say(
            "Curve for {target}, number of findings: {n}. Inside the interval that should hold "
            "{level}% of them: {share}%.",
            n=int(row.n),
            target=say(TARGETS[str(row.target)]),
            share=say.number(100 * row.observed, 0),
            level=say.number(100 * at, 0),
        )
        for row in frame[frame["level"] == at].itertuples()
    )


PICTURE = Picture(
    name="calibration",
    title=noted("Calibration"),
    data=data,
    draw=draw,
    caption=caption,
    alt=alt,
    shown=lambda view: not data(view).empty,
)
