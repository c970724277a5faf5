"""The band gap predicted when a candidate was chosen, and the one found afterwards."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from campaigns.pictures import style
from campaigns.pictures.picture import Picture, with_units
from campaigns.view import CampaignView, judged
from campaigns.words import Words, noted

RELAXED, ORACLE, FURTHER = "relaxed", "oracle", "further oracle"
SOURCES: Mapping[str, str] = {
    RELAXED: noted("predicted again, on the relaxed crystal"),
    ORACLE: noted("answered by the oracle"),
    FURTHER: noted("answered by a further oracle"),
}
"""Where the second gap is from."""
_MARKS = {
    RELAXED: (style.BLUE, "o"),
    ORACLE: (style.GREEN, "s"),
    FURTHER: (style.VERMILLION, "D"),
}
_MARK_SIZE = {RELAXED: 5.0, ORACLE: 5.5, FURTHER: 7.0}


def data(view: CampaignView) -> pd.DataFrame:
    """One row per gap found, eV, with ``source``: "relaxed", "oracle" or "further oracle".

    A potential gives no gap: there it is the same predictor's, on the crystal as relaxed, and
    no independent judgement. ``oracle`` names the further oracle.
    """
    seen = judged(view.verdicts).assign(found_band_gap=lambda frame: frame["band_gap"])
    seen["source"] = RELAXED if "potential" in view.spec["oracle"] else ORACLE
    seen["oracle"] = ""
    further = view.confirmations
    further = further[further["error"].isna() & further["band_gap"].notna()]
    if len(further):
        at_choice = seen.set_index("candidate_id")
        rows = further[further["candidate_id"].isin(at_choice.index)]
        added = at_choice.loc[rows["candidate_id"]].reset_index()
        added = added.assign(
            found_band_gap=rows["band_gap"].to_numpy(),
            source=FURTHER,
            oracle=rows["oracle"].to_numpy(),
        )
        answered = set(rows["candidate_id"])  # a verdict's gap is that of the last oracle
        seen = pd.concat([seen[~seen["candidate_id"].isin(answered)], added])
    numbers = ["predicted_band_gap", "predicted_band_gap_std", "found_band_gap"]
    columns = ["candidate_id", "formula", "round", *numbers, "source", "oracle", "hit"]
    frame = seen[columns].astype(dict.fromkeys(numbers, float) | {"hit": bool})
    both = np.isfinite(frame[[numbers[0], numbers[2]]]).all(axis=1)
    return with_units(frame[both].reset_index(drop=True), **dict.fromkeys(numbers, "eV"))


def draw(view: CampaignView, say: Words) -> Figure:
    """Gap found over gap predicted; on the dashed line both agree."""
    seen = data(view)
    if seen.empty:
        return style.empty_figure(say("No band gap found yet"))
    figure, (axes,) = style.new_figure(style.WIDTH, 5.2)
    style.label(
        axes, say("Band gap, predicted when chosen (eV)"), say("Band gap, found (eV)")
    )
    window = view.targets.band_gap
    axes.axhspan(
        *(window.min, window.max),
        color=style.SKY,
        alpha=0.22,
        linewidth=0,
        label=say("target window"),
    )
    for source, part in seen.groupby("source", sort=False):
        _points(axes, part, str(source), say)
    ends = seen[["predicted_band_gap", "found_band_gap"]].to_numpy()
    low, high = float(ends.min()), float(ends.max())
    axes.plot(
        *([low, high], [low, high]),
        color=style.BLACK,
        linewidth=1.2,
        linestyle="--",
        label=say("both the same"),
    )
    style.fit(axes, seen["predicted_band_gap"], [low, high])
    style.numbers(axes, say)
    style.legend_below(figure, columns=1)
    return figure


def _points(axes: Axes, part: pd.DataFrame, source: str, say: Words) -> None:
    colour, marker = _MARKS[source]
    axes.errorbar(
        *(part["predicted_band_gap"], part["found_band_gap"]),
        xerr=part["predicted_band_gap_std"].clip(lower=0.0).fillna(0.0),
        fmt=marker,
        markersize=_MARK_SIZE[source],
        color=colour,
        markeredgecolor="white",
        markeredgewidth=0.5,
        ecolor=style.PALE,
        elinewidth=0.9,
        label=say(SOURCES[source]),
    )


def caption(view: CampaignView, say: Words) -> str:
    """What is shown and how to read it, and what it is not."""
    told = say(
        "The band gap predicted when a candidate was chosen, against the one found afterwards. "
        "Bars are one predicted standard deviation; on the dashed line both agree."
    )
    if (data(view)["source"] == RELAXED).any():
        told += " " + say(
            "A gap predicted again on the relaxed crystal comes from the same network: it "
            "shows what relaxation changes, not how true the prediction is."
        )
    return told


def alt(view: CampaignView, say: Words) -> str:
    """What is to be seen, in words and numbers."""
    seen = data(view)
    if seen.empty:
        return say("No band gap found yet")
    off = (seen["found_band_gap"] - seen["predicted_band_gap"]).abs()
    parts = [
        say(
            "Gaps {source}, number: {n}. They are {error} eV from the prediction on average, "
            "{most} eV at most.",
            n=len(part),
            source=say(SOURCES[str(source)]),
            error=say.number(float(off[part.index].mean()), 2),
            most=say.number(float(off[part.index].max()), 2),
        )
        for source, part in seen.groupby("source", sort=False)
    ]
    return " ".join(parts)


PICTURE = Picture(
    name="gaps",
    title=noted("Band gap, predicted and found"),
    data=data,
    draw=draw,
    caption=caption,
    alt=alt,
    shown=lambda view: not data(view).empty,
)
