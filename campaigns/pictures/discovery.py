"""Hits found as oracle calls were spent."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from campaigns.pictures import style
from campaigns.pictures.picture import Picture, with_units
from campaigns.view import CampaignView
from campaigns.words import Words, noted


def data(view: CampaignView) -> pd.DataFrame:
    """One row per oracle call, failed calls too.

    ``hits`` and ``new_hits`` (of formulas not known before) count all up to this call.
    ``expected_at_random`` is what a random order of the same candidates would have found by
    then on average; it is NaN unless every candidate was judged, as its hits are not known
    otherwise.
    """
    verdicts = view.verdicts
    hit = verdicts["hit"].to_numpy(dtype=bool)
    fresh = hit & ~verdicts["known"].to_numpy(dtype=bool)
    call = np.arange(1, len(hit) + 1)
    share = hit.mean() if _all_judged(view) else np.nan
    frame = pd.DataFrame(
        {
            "call": call,
            "round": verdicts["round"].to_numpy(dtype=int),
            "candidate_id": verdicts["candidate_id"].to_numpy(),
            "formula": verdicts["formula"].to_numpy(),
            "hit": hit,
            "new": ~verdicts["known"].to_numpy(dtype=bool),
            "failed": verdicts["error"].notna().to_numpy(),
            "hits": np.cumsum(hit),
            "new_hits": np.cumsum(fresh),
            "expected_at_random": call * share,
        }
    )
    return with_units(frame)


def _all_judged(view: CampaignView) -> bool:
    """Whether the hits among all candidates are known."""
    judged = view.verdicts["error"].isna().sum()
    return bool(len(view.verdicts) and judged == len(view.candidates))


def draw(view: CampaignView, say: Words) -> Figure:
    """Steps for all hits and for those of new formulas, crosses for failed calls."""
    frame = data(view)
    if frame.empty:
        return style.empty_figure(say("No oracle call yet"))
    figure, (axes,) = style.new_figure(style.WIDTH, 4.3)
    style.label(axes, say("Oracle calls"), say("Hits found"))
    calls = np.arange(len(frame) + 1)
    total = np.concatenate([[0], frame["hits"]])
    fresh = np.concatenate([[0], frame["new_hits"]])
    axes.fill_between(calls, fresh, step="post", color=style.GREEN, alpha=0.18, linewidth=0)
    axes.step(
        *(calls, total),
        where="post",
        color=style.BLUE,
        linewidth=2.2,
        label=say("all hits"),
    )
    axes.step(
        *(calls, fresh),
        where="post",
        color=style.GREEN,
        linewidth=1.8,
        linestyle="--",
        label=say("hits with a new formula"),
    )
    if np.isfinite(frame["expected_at_random"]).all():
        expected = np.concatenate([[0], frame["expected_at_random"]])
        axes.plot(
            *(calls, expected),
            color=style.BLACK,
            linestyle=":",
            linewidth=1.6,
            label=say("expected of a random order"),
        )
    failed = frame.loc[frame["failed"], "call"]
    if len(failed):
        axes.plot(
            *(failed, np.zeros(len(failed))),
            "x",
            color=style.VERMILLION,
            markersize=7,
            markeredgewidth=1.8,
            clip_on=False,
            label=say("failed calls"),
        )
    axes.set_xlim(0, len(frame) * 1.02)
    axes.set_ylim(0, max(1.0, total[-1] * 1.2))
    _mark_rounds(axes, frame["round"].to_numpy(dtype=int), say)
    style.numbers(axes, say, whole="xy")
    style.legend_below(figure)
    return figure


def _mark_rounds(axes: Axes, rounds: np.ndarray, say: Words) -> None:
    """A thin line where each round begins; its number above, where there is room."""
    starts = np.flatnonzero(np.diff(rounds, prepend=rounds[0] - 1))
    for start in starts:
        axes.axvline(float(start), color=style.GREY, linewidth=0.7, linestyle=":")
    every = -(-len(starts) // 8)
    wide = len(starts) <= 5
    for start in starts[::every]:
        number = int(rounds[start])
        axes.text(
            *(start + 0.01 * len(rounds), axes.get_ylim()[1] * 0.985),
            say("round {n}", n=number) if wide else say.number(number, 0),
            fontsize=9,
            color=style.SOFT,
            va="top",
        )


def caption(view: CampaignView, say: Words) -> str:
    """What is shown and how to read it."""
    told = say(
        "Hits found as oracle calls were spent; failed calls count as spent. Dotted upright "
        "lines are the beginnings of rounds. The steeper a line, the better the choices."
    )
    if _all_judged(view):
        return told
    return (
        told
        + " "
        + say(
            "What a random choice would have found is not drawn, as it is not known here: only "
            "what was chosen was judged. The command {command} measures it on known crystals.",
            command="galena backtest",
        )
    )


def alt(view: CampaignView, say: Words) -> str:
    """What is to be seen, in words and numbers."""
    frame = data(view)
    if frame.empty:
        return say("No oracle call yet")
    last = frame.iloc[-1]
    return say(
        "A curve of hits over oracle calls. Calls: {calls}, of which failed: {failed}. Hits: "
        "{hits}, of which with a new formula: {new}.",
        hits=int(last["hits"]),
        calls=len(frame),
        new=int(last["new_hits"]),
        failed=int(frame["failed"].sum()),
    )


PICTURE = Picture(
    name="discovery",
    title=noted("Discovery"),
    data=data,
    draw=draw,
    caption=caption,
    alt=alt,
    shown=lambda view: not view.verdicts.empty,
)
