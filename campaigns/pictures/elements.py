"""Which elements were tried, and which led to hits: three periodic tables."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from campaigns.pictures import style
from campaigns.pictures.periodic import draw_table, places
from campaigns.pictures.picture import Picture, with_units
from campaigns.view import CampaignView, judged
from campaigns.words import Words, noted

FEWEST = 3
"""Judged candidates with an element below which no success rate is given."""


def data(view: CampaignView) -> pd.DataFrame:
    """One row per element allowed or met, by atomic number.

    ``candidates``, ``judged`` and ``hits`` count distinct candidates that hold the element;
    ``success_rate`` is hits of judged, NaN below :data:`FEWEST` judged.
    """
    counted = {
        "candidates": _count(view.candidates["formula"]),
        "judged": _count(judged(view.verdicts)["formula"]),
        "hits": _count(view.shortlist["formula"]),
    }
    met = {name for counts in counted.values() for name in counts}
    listed = [name for name in places() if name in met or name in _allowed(view)]
    frame = pd.DataFrame({"element": listed})
    for name, counts in counted.items():
        frame[name] = [counts[element] for element in listed]
    enough = frame["judged"].where(frame["judged"] >= FEWEST)
    frame["success_rate"] = (frame["hits"] / enough).astype(float)
    return with_units(frame)


def _count(formulas: pd.Series) -> Counter[str]:
    from pymatgen.core import Composition

    return Counter(
        str(element) for formula in formulas for element in Composition(str(formula))
    )


def _allowed(view: CampaignView) -> set[str]:
    named = view.spec["elements"].get("allowed") or ()
    return {str(symbol) for symbol in named} & set(places())


def _forbidden(view: CampaignView) -> set[str]:
    named = view.spec["elements"].get("forbidden") or ()
    return {str(symbol) for symbol in named} & set(places())


def draw(view: CampaignView, say: Words) -> Figure:
    """Tables of candidates, of hits, and of hits per judged candidate in per cent."""
    frame = data(view).set_index("element")
    if frame.empty or not frame["candidates"].any():
        return style.empty_figure(say("No candidate yet"))
    figure = Figure(figsize=(style.WIDTH, 8.6), layout="constrained", facecolor="white")
    for number, (column, title) in enumerate(
        (
            ("candidates", say("Candidates with the element")),
            ("hits", say("Hits with the element")),
            ("success_rate", say("Hits per 100 judged candidates")),
        ),
        start=1,
    ):
        values = frame[column] * (100 if column == "success_rate" else 1)
        draw_table(
            *(figure, figure.add_subplot(3, 1, number)),
            {str(name): float(value) for name, value in values.items()},
            title=title,
            digits=0,
            say=say,
            framed=_allowed(view),
            crossed=_forbidden(view),
        )
    return figure


def caption(_view: CampaignView, say: Words) -> str:
    """What is shown and how to read it."""
    return say(
        "Every element of the campaign: in how many distinct candidates it is, in how many "
        "hits, and how many of 100 judged candidates with it are hits, given from {fewest} "
        "judged candidates up. Strong frames are elements that the specification allows, lines "
        "through a cell are elements that it forbids. A candidate counts for each of its "
        "elements.",
        fewest=FEWEST,
    )


def alt(view: CampaignView, say: Words) -> str:
    """What is to be seen, in words and numbers."""
    frame = data(view)
    if frame.empty or not frame["candidates"].any():
        return say("No candidate yet")
    most = frame.sort_values("candidates", ascending=False, kind="stable").head(3)
    told = say(
        "Periodic tables, number of elements of the campaign: {n}. Most often among "
        "candidates: {most}.",
        n=len(frame),
        most=_listed(most["element"], most["candidates"], say),
    )
    hits = frame[frame["hits"] > 0]
    hits = hits.sort_values("hits", ascending=False, kind="stable").head(3)
    if hits.empty:
        return told
    return (
        told
        + " "
        + say(
            "Most often among hits: {hits}.",
            hits=_listed(hits["element"], hits["hits"], say),
        )
    )


def _listed(names: pd.Series, counts: pd.Series, say: Words) -> str:
    return ", ".join(
        f"{name} ({say.number(int(count), 0)})"
        for name, count in zip(names, counts, strict=True)
    )


PICTURE = Picture(
    name="elements",
    title=noted("Elements"),
    data=data,
    draw=draw,
    caption=caption,
    alt=alt,
    shown=lambda view: bool(np.any(data(view)["candidates"] > 0)),
)
