"""Gap against stability: the target window, every verdict, and the Pareto front by name."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from campaigns.pictures import style
from campaigns.pictures.picture import Picture, with_units
from campaigns.view import CampaignView, gap_distance, judged, pareto_front
from campaigns.words import Words, noted

_NAMED = 12  # of the shortlist, beside the front


def data(view: CampaignView) -> pd.DataFrame:
    """One row per candidate with a gap and an energy above hull, in the order of verdicts.

    ``band_gap`` and its standard deviation in eV, ``energy_above_hull`` in eV/atom;
    ``on_front``: no other is as near to the middle of the gap window and as stable, and better
    in one of the two.
    """
    columns = ["candidate_id", "formula", "round", "band_gap", "band_gap_std"]
    frame = judged(view.verdicts)[[*columns, "energy_above_hull", "hit", "known"]]
    numbers = ["band_gap", "band_gap_std", "energy_above_hull"]
    frame = frame.astype(dict.fromkeys(numbers, float) | {"hit": bool, "known": bool})
    both = np.isfinite(frame["band_gap"]) & np.isfinite(frame["energy_above_hull"])
    frame = frame[both].reset_index(drop=True)
    distance = gap_distance(frame["band_gap"], view.targets)
    frame["on_front"] = pareto_front(
        np.column_stack([distance, frame["energy_above_hull"]])
    )
    return with_units(frame, band_gap="eV", band_gap_std="eV", energy_above_hull="eV/atom")


def draw(view: CampaignView, say: Words) -> Figure:
    """Colour and shape tell hits, known formulas and the rest apart.

    The front weighs closeness to the middle of the gap window against energy above hull. It is
    drawn as the boundary that follows from it: at each distance from the middle, on either
    side, the most stable that was found within that distance.
    """
    seen = data(view)
    if seen.empty:
        return style.empty_figure(say("No verdict yet"))
    figure, (axes,) = style.new_figure(style.WIDTH, 5.4)
    style.label(axes, say("Band gap (eV)"), say("Energy above hull (eV/atom)"))
    _frame(axes, seen, view, say)
    _draw_verdicts(axes, seen, say)
    front = _draw_front(axes, seen, view, say)
    style.numbers(axes, say)
    style.legend_below(figure)
    figure.draw_without_rendering()
    best = seen.set_index("candidate_id").reindex(view.shortlist["candidate_id"])
    best = best.dropna(subset=["formula"]).head(_NAMED).reset_index()
    named = pd.concat([front, best]).drop_duplicates("candidate_id")
    top = axes.get_ylim()[1]
    points = zip(
        named["band_gap"], named["energy_above_hull"], named["formula"], strict=True
    )
    style.name_points(
        axes, [(float(x), float(y), str(name)) for x, y, name in points if y < top]
    )
    return figure


def _frame(axes: Axes, seen: pd.DataFrame, view: CampaignView, say: Words) -> None:
    """Limits that leave far outliers outside, and the target window."""
    window, limit = view.targets.band_gap, view.targets.energy_above_hull.max
    hull, widest = seen["energy_above_hull"], float(seen["band_gap"].max())
    lowest = min(float(hull.min()), 0.0)
    top = min(max(1.1 * float(hull.max()), 1.6 * limit), 4 * limit)
    right = max(1.12 * widest, 1.4 * window.max)
    axes.set_ylim(1.1 * lowest - 0.12 * top, top)
    axes.set_xlim(min(float(seen["band_gap"].min()), 0.0) - 0.03 * right, right)
    low = axes.get_ylim()[0]
    axes.add_patch(
        Rectangle(
            (window.min, low),
            window.max - window.min,
            limit - low,
            facecolor=style.SKY,
            edgecolor=style.BLUE,
            alpha=0.22,
            linewidth=1.0,
            label=say("target window"),
        )
    )
    axes.axhline(0.0, color=style.GREY, linewidth=0.9)


def _draw_verdicts(axes: Axes, seen: pd.DataFrame, say: Words) -> None:
    axes.errorbar(
        *(seen["band_gap"], seen["energy_above_hull"]),
        xerr=seen["band_gap_std"].clip(lower=0.0),
        fmt="none",
        ecolor=style.PALE,
        elinewidth=1.0,
        zorder=1.5,
    )
    hit, known = seen["hit"], seen["known"]
    for mask, face, edge, marker, size, name in (
        (~hit, "white", style.GREY, "o", 4.5, say("outside the targets")),
        (hit & known, style.ORANGE, "white", "s", 8.0, say("hit, known formula")),
        (hit & ~known, style.GREEN, "white", "o", 8.0, say("hit, new formula")),
    ):
        axes.plot(
            *(seen.loc[mask, "band_gap"], seen.loc[mask, "energy_above_hull"]),
            marker,
            color=face,
            markersize=size,
            markeredgecolor=edge,
            markeredgewidth=0.8,
            label=name,
        )
    top = axes.get_ylim()[1]
    beyond = seen[seen["energy_above_hull"] > top]
    if len(beyond):
        axes.plot(
            *(beyond["band_gap"], np.full(len(beyond), 0.985 * top)),
            "^",
            color=style.GREY,
            markersize=7,
            label=say("less stable, beyond the frame"),
        )


def _draw_front(
    axes: Axes, seen: pd.DataFrame, view: CampaignView, say: Words
) -> pd.DataFrame:
    """Circle the front, draw its boundary, and return its rows, the middle first."""
    distance = gap_distance(seen["band_gap"], view.targets)
    front = seen.assign(distance=distance)[seen["on_front"]].sort_values("distance")
    reach = front["distance"].to_numpy()
    hull = front["energy_above_hull"].to_numpy()
    window = view.targets.band_gap
    middle, top = (window.min + window.max) / 2, axes.get_ylim()[1]
    steps = np.concatenate([[reach[0]], reach, [reach[-1] + 20.0]])
    heights = np.concatenate([[2 * top], hull, hull[-1:]])
    for side in (-1, 1):
        axes.step(
            *(middle + side * steps, heights),
            where="post",
            color=style.BLACK,
            linewidth=1.1,
            linestyle="--",
            alpha=0.55,
            label=say("Pareto front") if side > 0 else None,
        )
    axes.plot(
        *(front["band_gap"], front["energy_above_hull"]),
        "o",
        markersize=12,
        markerfacecolor="none",
        markeredgecolor=style.BLACK,
    )
    return front


def caption(_view: CampaignView, say: Words) -> str:
    """What is shown and how to read it."""
    return say(
        "Every judged candidate. Bars show one standard deviation of the gap. The dashed "
        "boundary is the Pareto front: at each distance from the middle of the gap window, the "
        "lowest energy above hull found within that distance; circles mark the candidates that "
        "make it."
    )


def alt(view: CampaignView, say: Words) -> str:
    """What is to be seen, in words and numbers."""
    seen = data(view)
    if seen.empty:
        return say("No verdict yet")
    front = seen[seen["on_front"]].sort_values("energy_above_hull")
    return say(
        "Points by band gap and energy above hull. Candidates judged: {judged}; in the target "
        "window of {low} to {high} eV and at most {limit} eV/atom above the hull: {hits}. On "
        "the Pareto front: {front}.",
        judged=len(seen),
        hits=int(seen["hit"].sum()),
        low=view.targets.band_gap.min,
        high=view.targets.band_gap.max,
        limit=view.targets.energy_above_hull.max,
        front=", ".join(map(str, front["formula"])),
    )


PICTURE = Picture(
    name="pareto",
    title=noted("Gap against stability"),
    data=data,
    draw=draw,
    caption=caption,
    alt=alt,
    shown=lambda view: not data(view).empty,
)
