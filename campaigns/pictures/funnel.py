"""How many candidates passed each step, and what turned the others down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from campaigns.pictures import style
from campaigns.pictures.picture import Picture, with_units
from campaigns.view import CampaignView, funnel, rejection_counts
from campaigns.words import Words, noted

FILTERS: Mapping[str, str] = {
    "distinct_elements": noted("an element twice"),
    "allowed_elements": noted("elements not allowed"),
    "charge_neutrality": noted("not charge neutral"),
    "electronegativity_order": noted("electronegativity in the wrong order"),
    "better_than": noted("no better than what is in use"),
    "minimum_distance": noted("atoms too near"),
    "settled": noted("formula settled before"),
    "duplicate": noted("proposed before"),
    "prediction": noted("not predictable"),
}
"""What it means that a filter turned something down, in few words."""

_PASSED, _TURNED_DOWN = "passed", "turned down"
_MOST = 9  # filters that are drawn, the busiest first


def data(view: CampaignView) -> pd.DataFrame:
    """One row per bar: ``kind`` ("passed" or "turned down"), ``step``, ``count``, and for
    steps ``share`` of the step before.
    """
    stages = funnel(view)
    counts = np.array([stage.count for stage in stages], dtype=float)
    before = np.concatenate([counts[:1], counts[:-1]])
    share = np.divide(counts, before, out=np.full(len(counts), np.nan), where=before > 0)
    passed = pd.DataFrame(
        {
            "kind": _PASSED,
            "step": [stage.name for stage in stages],
            "count": counts.astype(int),
            "share": share,
        }
    )
    lost = rejection_counts(view)
    turned_down = pd.DataFrame(
        {
            "kind": _TURNED_DOWN,
            "step": lost["filter"].astype(str),
            "count": lost["count"].astype(int),
            "share": np.full(len(lost), np.nan),
        }
    )
    return with_units(pd.concat([passed, turned_down], ignore_index=True))


def draw(view: CampaignView, say: Words) -> Figure:
    """Above, what is left after each step; below, what the filters turned down."""
    frame = data(view)
    passed = frame[frame["kind"] == _PASSED]
    lost = frame[frame["kind"] == _TURNED_DOWN].head(_MOST)
    heights = (len(passed) + 1.6, max(len(lost), 2) + 1.6)
    figure = Figure(
        figsize=(style.WIDTH, 0.36 * sum(heights) + 0.4),
        layout="constrained",
        facecolor="white",
    )
    upper, lower = figure.subplots(2, 1, height_ratios=heights)
    style.tidy(upper)
    style.tidy(lower)
    shades = [style.PALE, *[style.SKY] * (len(passed) - 2), style.GREEN]
    style.label(
        upper, say("Candidates (logarithmic scale)"), "", say("From proposal to hit")
    )
    style.counts_by_decade(upper, say)
    upper.set_xlim(0.7, max(10, int(passed["count"].max())) * 4)
    _bars(upper, passed["count"], [say(name) for name in passed["step"]], shades, say)
    style.label(lower, say("Proposals"), "", say("Turned down because"))
    style.numbers(lower, say, whole="x")
    if lost.empty:
        style.notice(lower, say("Nothing turned down"))
        lower.set_yticks([])
        return figure
    lower.set_xlim(0, int(lost["count"].max()) * 1.2)
    _bars(
        *(lower, lost["count"], [filter_text(name, say) for name in lost["step"]]),
        *([style.ORANGE] * len(lost), say),
    )
    return figure


def _bars(
    axes: Axes, counts: pd.Series, names: Sequence[str], shades: Sequence[str], say: Words
) -> None:
    """Horizontal bars from the top down, each with its number."""
    rows, left = np.arange(len(counts))[::-1], axes.get_xlim()[0]
    axes.barh(rows, counts, color=shades, height=0.72, edgecolor=style.BLACK, linewidth=0.5)
    for row, count in zip(rows, counts, strict=True):
        axes.annotate(
            *(say.number(int(count), 0), (max(count, left), row)),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=10,
        )
    axes.set_yticks(rows, [style.broken(name, 26) for name in names])
    axes.grid(visible=False)


def filter_text(name: str, say: Words) -> str:
    """A filter's name for people; one of a user's own, as it is."""
    return say(FILTERS[name]) if name in FILTERS else name.replace("_", " ")


def caption(_view: CampaignView, say: Words) -> str:
    """What is shown and how to read it."""
    return say(
        "Where candidates left the campaign. Above, how many were left after each step, on a "
        "logarithmic scale; below, how many proposals each check turned down, the first that "
        "failed counting."
    )


def alt(view: CampaignView, say: Words) -> str:
    """What is to be seen, in words and numbers."""
    frame = data(view)
    passed = frame[frame["kind"] == _PASSED]
    steps = "; ".join(
        f"{say(row.step)}: {say.number(row.count_, 0)}"
        for row in passed.rename(columns={"count": "count_"}).itertuples()
    )
    lost = frame[frame["kind"] == _TURNED_DOWN]
    if lost.empty:
        return say("Bars for the steps of the campaign: {steps}.", steps=steps)
    return say(
        "Bars for the steps of the campaign: {steps}. Most were turned down because of this: "
        "{reason} ({n}).",
        steps=steps,
        reason=filter_text(str(lost["step"].iloc[0]), say),
        n=int(lost["count"].iloc[0]),
    )


PICTURE = Picture(
    name="funnel",
    title=noted("Funnel"),
    data=data,
    draw=draw,
    caption=caption,
    alt=alt,
    shown=lambda view: not view.rounds.empty,
)
