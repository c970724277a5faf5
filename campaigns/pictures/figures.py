"""The figures of a campaign, each a function of the view alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from campaigns.pictures import style
from campaigns.view import (
    CampaignView,
    agreement,
    funnel,
    gap_distance,
    judged,
    pareto_front,
    rejection_counts,
)

NORMAL_COVERAGE = 0.683
"""Share of a normal distribution within one standard deviation of its mean."""


def discovery(view: CampaignView) -> Figure:
    """Hits found against oracle calls spent; failed calls are calls too."""
    figure, (axes,) = style.new_figure(8.0, 4.2)
    style.label(axes, "Oracle calls", "Hits found")
    verdicts = view.verdicts
    if verdicts.empty:
        style.notice(axes, "No oracle call yet")
        return figure
    hit = verdicts["hit"].to_numpy(dtype=bool)
    unknown = ~verdicts["known"].to_numpy(dtype=bool)
    calls = np.arange(len(hit) + 1)
    total = np.concatenate([[0], np.cumsum(hit)])
    fresh = np.concatenate([[0], np.cumsum(hit & unknown)])
    axes.fill_between(calls, fresh, step="post", color=style.GREEN, alpha=0.18, linewidth=0)
    axes.step(calls, total, where="post", color=style.BLUE, linewidth=2.2, label="all hits")
    axes.step(
        *(calls, fresh),
        where="post",
        color=style.GREEN,
        linewidth=1.8,
        linestyle="--",
        label="hits with a new formula",
    )
    failed = np.flatnonzero(verdicts["error"].notna().to_numpy()) + 1
    if len(failed):
        axes.plot(
            *(failed, np.zeros(len(failed))),
            "x",
            color=style.VERMILLION,
            clip_on=False,
            label="failed calls",
        )
    axes.set_xlim(0, len(hit) * 1.02)
    axes.set_ylim(0, max(1.0, total[-1] * 1.15))
    _mark_rounds(axes, verdicts)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(loc="upper left", frameon=False, fontsize=10, bbox_to_anchor=(0.0, 0.94))
    return figure


def _mark_rounds(axes: Axes, verdicts: pd.DataFrame) -> None:
    """A thin line where each round begins, with its number."""
    height = axes.get_ylim()[1]
    starts = np.flatnonzero(verdicts["round"].ne(verdicts["round"].shift()).to_numpy())
    for start in starts:
        axes.axvline(float(start), color=style.GREY, linewidth=0.7, linestyle=":")
    if len(starts) <= 12:
        for start, number in zip(starts, verdicts["round"].iloc[starts], strict=True):
            axes.text(
                *(start + 0.2, height * 0.99, f"round {number}"),
                fontsize=8.5,
                color=style.GREY,
                va="top",
            )


def gap_stability(view: CampaignView) -> Figure:
    """Gap against stability: the target window, every verdict, and the Pareto front.

    The front weighs closeness to the middle of the gap window against energy above hull. It is
    drawn as the boundary that follows from it: at each distance from the middle, on either
    side, the most stable that was found within that distance.
    """
    figure, (axes,) = style.new_figure(8.0, 5.8)
    style.label(
        axes,
        "Band gap, predicted on the relaxed crystal (eV)",
        "Energy above hull (eV/atom)",
    )
    targets, seen = view.targets, judged(view.verdicts)
    window, limit = targets.band_gap, targets.energy_above_hull.max
    lowest = min(float(seen["energy_above_hull"].min()), 0.0) if len(seen) else 0.0
    highest = float(seen["energy_above_hull"].max()) if len(seen) else 0.0
    top = min(max(1.1 * highest, 1.6 * limit), 4 * limit)
    widest = float(seen["band_gap"].max()) if len(seen) else 0.0
    axes.set_ylim(lowest - 0.12 * top, top)
    axes.set_xlim(-0.03 * widest, max(1.12 * widest, 1.4 * window.max))
    axes.add_patch(
        Rectangle(
            (window.min, lowest - top),
            window.max - window.min,
            limit - lowest + top,
            facecolor=style.SKY,
            alpha=0.18,
            linewidth=0,
            label="target window",
        )
    )
    axes.axhline(0.0, color=style.GREY, linewidth=0.9)
    if seen.empty:
        style.notice(axes, "No verdict yet")
        return figure
    _draw_verdicts(axes, seen)
    front = _draw_front(axes, seen, view)
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=10)
    figure.draw_without_rendering()
    named = pd.concat([front, view.shortlist.head(12)]).drop_duplicates("candidate_id")
    points = zip(
        named["band_gap"], named["energy_above_hull"], named["formula"], strict=True
    )
    style.name_points(
        axes,
        [(float(gap), float(hull), str(name)) for gap, hull, name in points if hull < top],
    )
    return figure


def _draw_front(axes: Axes, seen: pd.DataFrame, view: CampaignView) -> pd.DataFrame:
    """Circle the front, draw its boundary, and return its rows, the middle first."""
    distance = gap_distance(seen["band_gap"], view.targets)
    values = np.column_stack([distance, seen["energy_above_hull"].astype(float)])
    nearest_first = np.argsort(distance)
    on_front = nearest_first[pareto_front(values)[nearest_first]]
    reach, hull = values[on_front].T
    window = view.targets.band_gap
    middle, top = (window.min + window.max) / 2, axes.get_ylim()[1]
    steps = np.concatenate([[reach[0]], reach, [20.0]])
    heights = np.concatenate([[2 * top], hull, hull[-1:]])
    for side in (-1, 1):
        axes.step(
            *(middle + side * steps, heights),
            where="post",
            color=style.BLACK,
            linewidth=1.1,
            linestyle="--",
            alpha=0.5,
            label="Pareto front" if side > 0 else None,
        )
    front = seen.iloc[on_front]
    axes.plot(
        *(front["band_gap"], front["energy_above_hull"]),
        "o",
        markersize=12,
        markerfacecolor="none",
        markeredgecolor=style.BLACK,
    )
    return front


def _draw_verdicts(axes: Axes, seen: pd.DataFrame) -> None:
    """Colour tells hits from the rest, shape tells new formulas from known ones."""
    axes.errorbar(
        seen["band_gap"].astype(float),
        seen["energy_above_hull"].astype(float),
        xerr=seen["band_gap_std"].astype(float),
        fmt="none",
        ecolor=style.PALE,
        elinewidth=1.0,
        zorder=1.5,
    )
    hit, known = seen["hit"].astype(bool), seen["known"].astype(bool)
    for mask, colour, marker, name in (
        (~hit, style.GREY, "o", "outside the targets"),
        (hit & known, style.ORANGE, "s", "hit, known formula"),
        (hit & ~known, style.GREEN, "o", "hit, new formula"),
    ):
        axes.plot(
            *(seen.loc[mask, "band_gap"], seen.loc[mask, "energy_above_hull"]),
            marker,
            color=colour,
            markersize=5 if colour == style.GREY else 8,
            markeredgecolor="white",
            markeredgewidth=0.6,
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
            label="less stable, beyond the frame",
        )


def funnel_chart(view: CampaignView) -> Figure:
    """How many candidates passed each step, and what the filters said."""
    figure, (left, right) = style.new_figure(10.5, 4.2, columns=2)
    stages = funnel(view)
    widths = [stage.count for stage in stages]
    rows = np.arange(len(stages))[::-1]
    shades = [style.PALE, style.SKY, style.SKY, style.BLUE, style.BLUE, style.GREEN]
    left.barh(rows, widths, color=shades, height=0.72)
    for row, stage in zip(rows, stages, strict=True):
        left.text(stage.count, row, f" {stage.count:,}", va="center", fontsize=10)
    left.set_yticks(rows, [stage.name for stage in stages])
    if any(widths):
        left.set_xscale("log")
    left.set_xlim(0.7, max(10, *widths) * 3)
    left.grid(visible=False)
    style.label(left, "Candidates (logarithmic scale)", "", "From proposal to hit")
    counts = rejection_counts(view)
    style.label(right, "Proposals", "", "Turned down by")
    right.grid(visible=False)
    if counts.empty:
        style.notice(right, "Nothing turned down")
        right.set_yticks([])
        return figure
    rows = np.arange(len(counts))[::-1]
    right.barh(
        rows, counts["count"], color=style.ORANGE, height=min(0.72, 0.2 * len(counts))
    )
    for row, count in zip(rows, counts["count"], strict=True):
        right.text(count, row, f" {count:,}", va="center", fontsize=10)
    right.set_yticks(rows, [str(name).replace("_", " ") for name in counts["filter"]])
    right.set_xlim(0, counts["count"].max() * 1.16)
    return figure


def learning(view: CampaignView) -> Figure:
    """What the surrogate said against what the oracle found, and its progress by round."""
    figure, (parity, residual, coverage) = style.new_figure(12.0, 4.0, columns=3)
    style.label(parity, "Predicted (eV/atom)", "Oracle (eV/atom)", "Energy above hull")
    style.label(residual, "Round", "Mean |residual| (eV/atom)", "Error by round")
    style.label(coverage, "Round", "Within one deviation", "Coverage by round")
    seen = judged(view.verdicts)
    if seen.empty:
        for axes in (parity, residual, coverage):
            style.notice(axes, "No verdict yet")
        return figure
    predicted = seen["predicted_energy_above_hull"].astype(float)
    found = seen["energy_above_hull"].astype(float)
    parity.errorbar(
        *(predicted, found),
        xerr=seen["predicted_energy_above_hull_std"].astype(float),
        fmt="none",
        ecolor=style.PALE,
        elinewidth=1.0,
        zorder=1,
    )
    dots = parity.scatter(
        predicted, found, c=seen["round"].astype(int), cmap="viridis", s=30
    )
    low, high = min(predicted.min(), found.min()), max(predicted.max(), found.max())
    parity.plot([low, high], [low, high], color=style.GREY, linewidth=1.0)
    rounds = sorted(seen["round"].unique())
    ticks = MaxNLocator(integer=True, nbins=6)
    figure.colorbar(dots, ax=parity, label="round", ticks=ticks)
    by_round = [agreement(seen[seen["round"] == number]) for number in rounds]
    residual.bar(rounds, [error for error, _ in by_round], color=style.BLUE, width=0.66)
    coverage.bar(rounds, [share for _, share in by_round], color=style.GREEN, width=0.66)
    coverage.axhline(
        NORMAL_COVERAGE,
        color=style.BLACK,
        linewidth=1.2,
        linestyle="--",
        label="if errors are normal: 0.68",
    )
    coverage.legend(loc="upper left", fontsize=9, frameon=False)
    coverage.set_ylim(0.0, 1.25)
    coverage.set_yticks(np.linspace(0.0, 1.0, 6))
    for axes in (residual, coverage):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(visible=False, axis="x")
    return figure


FIGURES: dict[str, Callable[[CampaignView], Figure]] = {
    "discovery": discovery,
    "gap_stability": gap_stability,
    "funnel": funnel_chart,
    "learning": learning,
}
"""Every figure of a report by the name of its file."""
