"""What the surrogate said against what the oracle found, and its progress by round."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from campaigns.pictures import style
from campaigns.pictures.picture import Picture, with_units
from campaigns.view import CampaignView, agreement, judged
from campaigns.words import Words, noted

NORMAL_COVERAGE = 0.683
"""Share of a normal distribution within one standard deviation of its mean."""


def data(view: CampaignView) -> pd.DataFrame:
    """One row per candidate whose energy above hull was predicted and found, eV/atom.

    ``predicted_energy_above_hull`` and its ``_std`` are what the candidate was chosen by.
    """
    numbers = [
        "predicted_energy_above_hull",
        "predicted_energy_above_hull_std",
        "energy_above_hull",
    ]
    frame = judged(view.verdicts)[["candidate_id", "formula", "round", *numbers]]
    frame = frame.astype(dict.fromkeys(numbers, float) | {"round": int})
    both = np.isfinite(frame[[numbers[0], numbers[2]]]).all(axis=1)
    return with_units(
        frame[both].reset_index(drop=True), **dict.fromkeys(numbers, "eV/atom")
    )


def by_round(view: CampaignView) -> pd.DataFrame:
    """Error and coverage of each round that was judged.

    ``n`` verdicts, ``mean_abs_residual`` of energy above hull in eV/atom, ``coverage`` within
    one deviation, of energy above hull and band gap together.
    """
    rows = []
    for number, part in judged(view.verdicts).groupby("round"):
        error, share = agreement(part)
        rows.append((int(number), len(part), error, share))
    frame = pd.DataFrame(rows, columns=["round", "n", "mean_abs_residual", "coverage"])
    return with_units(frame, mean_abs_residual="eV/atom")


def draw(view: CampaignView, say: Words) -> Figure:
    """Above, parity of prediction and finding; below, error and coverage by round."""
    seen, rounds = data(view), by_round(view)
    if seen.empty:
        return style.empty_figure(say("No verdict yet"))
    figure = Figure(figsize=(style.WIDTH, 6.6), layout="constrained", facecolor="white")
    grid = figure.add_gridspec(2, 2, height_ratios=(1.6, 1.0))
    parity = figure.add_subplot(grid[0, :])
    residual, coverage = figure.add_subplot(grid[1, 0]), figure.add_subplot(grid[1, 1])
    for axes in (parity, residual, coverage):
        style.tidy(axes)
    _draw_parity(figure, parity, seen, say)
    style.label(
        *(residual, say("Round"), say("Mean error (eV/atom)")), say("Error by round")
    )
    style.label(
        *(coverage, say("Round"), say("Within one deviation")), say("Coverage by round")
    )
    for axes, column, colour in (
        (residual, "mean_abs_residual", style.BLUE),
        (coverage, "coverage", style.GREEN),
    ):
        axes.bar(
            *(rounds["round"], rounds[column]),
            width=0.66,
            color=colour,
            edgecolor=style.BLACK,
            linewidth=0.5,
        )
    coverage.axhline(NORMAL_COVERAGE, color=style.BLACK, linewidth=1.4, linestyle="--")
    coverage.set_ylim(0.0, 1.0)
    for axes in (residual, coverage):
        style.numbers(axes, say, whole="x")
        style.rounds(axes, rounds["round"])
        axes.grid(visible=False, axis="x")
    return figure


def _draw_parity(figure: Figure, axes: Axes, seen: pd.DataFrame, say: Words) -> None:
    style.label(
        axes,
        say("Energy above hull, predicted (eV/atom)"),
        say("By the oracle (eV/atom)"),
        say("Predicted and found"),
    )
    predicted, found = seen["predicted_energy_above_hull"], seen["energy_above_hull"]
    axes.errorbar(
        *(predicted, found),
        xerr=seen["predicted_energy_above_hull_std"].clip(lower=0.0),
        fmt="none",
        ecolor=style.PALE,
        elinewidth=1.0,
        zorder=1,
    )
    dots = axes.scatter(
        *(predicted, found),
        c=seen["round"],
        cmap="viridis",
        s=34,
        edgecolor=style.BLACK,
        linewidth=0.5,
        zorder=2,
    )
    low, high = min(predicted.min(), found.min()), max(predicted.max(), found.max())
    axes.plot([low, high], [low, high], color=style.SOFT, linewidth=1.2, linestyle="--")
    style.fit(axes, predicted, found)
    style.numbers(axes, say)
    if seen["round"].nunique() > 1:
        bar = figure.colorbar(dots, ax=axes, ticks=MaxNLocator(integer=True, nbins=6))
        bar.set_label(say("Round"), fontsize=11)
        style.numbers(bar.ax, say, whole="y")


def caption(_view: CampaignView, say: Words) -> str:
    """What is shown and how to read it."""
    return say(
        "Above, what the surrogate said when it chose, against what the oracle found; on the "
        "dashed line both agree, and bars are one predicted standard deviation. Below, the "
        "mean error of energy above hull by round, and the share of predictions no further "
        "off than their standard deviation, of band gaps too; dashed: {normal}, which normal "
        "errors would give. Rounds with few verdicts scatter.",
        normal=say.number(NORMAL_COVERAGE, 2),
    )


def alt(view: CampaignView, say: Words) -> str:
    """What is to be seen, in words and numbers."""
    seen, rounds = data(view), by_round(view)
    if seen.empty:
        return say("No verdict yet")
    error, share = agreement(view.verdicts)
    first, last = rounds.iloc[0], rounds.iloc[-1]
    return say(
        "Energies above hull predicted and found, number of candidates: {n}. The mean error "
        "is {error} eV/atom; it was {first} in round {start} and {last} in round {end}. "
        "Within one standard deviation: {share}% of predictions.",
        n=len(seen),
        error=say.number(error, 3),
        first=_text(first["mean_abs_residual"], say),
        start=int(first["round"]),
        last=_text(last["mean_abs_residual"], say),
        end=int(last["round"]),
        share=say.number(100 * share, 0),
    )


def _text(value: float, say: Words) -> str:
    return say.number(float(value), 3) if np.isfinite(value) else "–"


PICTURE = Picture(
    name="learning",
    title=noted("Learning"),
    data=data,
    draw=draw,
    caption=caption,
    alt=alt,
    shown=lambda view: not data(view).empty,
)
