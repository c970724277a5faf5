"""How the worth of candidates changed by round, and what was chosen."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from campaigns.pictures import style
from campaigns.pictures.picture import Picture, with_units
from campaigns.view import CampaignView
from campaigns.words import Words, noted

LOWEST = 1e-6
"""What is worth less is drawn at the foot."""


def data(view: CampaignView) -> pd.DataFrame:
    """One row per distinct candidate: ``round``, ``acquisition``, ``chosen``, ``cutoff``.

    ``acquisition`` is what a candidate was worth to the campaign in that round: a chance of
    success weighted by the targets. The round is that in which it was chosen, else that in
    which it was first seen. ``cutoff`` is the least that was chosen in the round, NaN where
    nothing was.
    """
    columns = ["candidate_id", "formula", "round", "acquisition", "chosen"]
    frame = view.candidates[columns].astype(
        {"round": int, "acquisition": float, "chosen": bool}
    )
    frame = frame[np.isfinite(frame["acquisition"])].reset_index(drop=True)
    least = frame[frame["chosen"]].groupby("round")["acquisition"].min()
    frame["cutoff"] = frame["round"].map(least).astype(float)
    return with_units(frame)


def draw(view: CampaignView, say: Words) -> Figure:
    """A column of points per round, those chosen larger, and the least that was chosen."""
    frame = data(view)
    if frame.empty:
        return style.empty_figure(say("No candidate yet"))
    figure, (axes,) = style.new_figure(style.WIDTH, 4.6)
    style.label(axes, say("Round"), say("Worth by acquisition (logarithmic scale)"))
    frame["drawn"] = frame["acquisition"].clip(lower=LOWEST)
    frame["place"] = frame["round"] + _spread(len(frame))
    chosen = frame["chosen"]
    axes.plot(
        *(frame.loc[~chosen, "place"], frame.loc[~chosen, "drawn"]),
        "o",
        color=style.GREY,
        markersize=3,
        alpha=0.6,
        markeredgewidth=0,
        rasterized=True,
        label=say("candidates"),
    )
    axes.plot(
        *(frame.loc[chosen, "place"], frame.loc[chosen, "drawn"]),
        "D",
        color=style.ORANGE,
        markersize=5,
        markeredgecolor=style.BLACK,
        markeredgewidth=0.5,
        label=say("chosen for the oracle"),
    )
    _cutoffs(axes, frame, say)
    axes.set_yscale("log")
    axes.set_ylim(LOWEST / 2, max(1.5, 2 * float(frame["drawn"].max())))
    style.numbers(axes, say, whole="x")
    style.rounds(axes, frame["round"])
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: _power(y, say)))
    axes.yaxis.set_minor_formatter(FuncFormatter(lambda *_: ""))
    axes.grid(visible=False, axis="x")
    style.legend_below(figure)
    return figure


def _cutoffs(axes: Axes, frame: pd.DataFrame, say: Words) -> None:
    least = frame.dropna(subset=["cutoff"]).groupby("round")["cutoff"].first()
    if least.empty:
        return
    rounds = least.index.to_numpy(dtype=float)
    axes.hlines(
        least.clip(lower=LOWEST),
        *(rounds - 0.42, rounds + 0.42),
        color=style.BLACK,
        linewidth=1.8,
        label=say("least that was chosen"),
    )


def _spread(n: int) -> np.ndarray:
    """Sideways places within a round, ``(n,)``, even and the same every time."""
    golden = (np.sqrt(5.0) - 1.0) / 2.0
    return np.asarray(0.68 * ((golden * np.arange(n)) % 1.0 - 0.5))


def _power(value: float, say: Words) -> str:
    """``0.001``; at the foot ``≤ 0.000001``."""
    if value < LOWEST * 0.99:
        return ""
    text = say.number(value, max(0, round(-np.log10(value))))
    return f"≤ {text}" if value < LOWEST * 1.01 else text


def caption(_view: CampaignView, say: Words) -> str:
    """What is shown and how to read it."""
    return say(
        "What each candidate was worth to the campaign in its round: the predicted chance that "
        "it meets the targets, weighted as the specification says. Diamonds were chosen; a bar "
        "marks the least that was. Bars that fall from round to round say that the best has "
        "been taken. A batch is chosen for variety too, so that some above a bar were not "
        "chosen."
    )


def alt(view: CampaignView, say: Words) -> str:
    """What is to be seen, in words and numbers."""
    frame = data(view)
    if frame.empty:
        return say("No candidate yet")
    chosen = frame[frame["chosen"]]
    told = say(
        "Candidates by their worth and round. Rounds: {rounds}, candidates: {n}, of which "
        "chosen: {chosen}.",
        n=len(frame),
        rounds=frame["round"].nunique(),
        chosen=len(chosen),
    )
    if chosen.empty:
        return told
    median = chosen.groupby("round")["acquisition"].median()
    return (
        told
        + " "
        + say(
            "The median worth of those chosen was {first} in round {start} and {last} in round "
            "{end}.",
            first=_short(float(median.iloc[0]), say),
            start=int(median.index[0]),
            last=_short(float(median.iloc[-1]), say),
            end=int(median.index[-1]),
        )
    )


def _short(value: float, say: Words) -> str:
    """Two digits that count: ``0.00031``."""
    if value < LOWEST:
        return f"< {say.number(LOWEST, 6)}"
    return say.number(value, max(2, 1 - int(np.floor(np.log10(value)))))


PICTURE = Picture(
    name="acquisition",
    title=noted("Acquisition by round"),
    data=data,
    draw=draw,
    caption=caption,
    alt=alt,
    shown=lambda view: not view.candidates.empty,
)
