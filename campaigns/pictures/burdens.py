"""What each element costs people and planet: the burden index as a periodic table."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from campaigns.config import CampaignConfig
from campaigns.pictures import style
from campaigns.pictures.periodic import MAP, draw_table, places
from campaigns.pictures.picture import Picture, with_units
from campaigns.view import CampaignView
from campaigns.words import Words, noted, words
from materials.sustainability.columns import AXES
from materials.sustainability.fractions import element_amounts
from materials.sustainability.incumbents import incumbent_formula
from materials.sustainability.index import Burdens, Weights
from materials.sustainability.table import columns_of


def element_burdens(weights: Weights | None = None) -> pd.DataFrame:
    """One row per element: ``index``, its ``coverage``, and a column per axis.

    Burdens go from 0 (none) to 1 (the worst); the index is NaN where less than half of the
    data exists. Each element is taken as such, so that toxicity is that of the element, not of
    its compounds. See :mod:`materials.sustainability.index`.
    """
    symbols = list(places())
    burdens = Burdens.of(columns_of(symbols))
    index = burdens.index(weights or Weights())
    frame = pd.DataFrame(
        {"element": symbols, "index": index.central, "coverage": index.coverage}
    )
    for number, axis in enumerate(AXES):
        frame[axis] = burdens.central[:, number]
    return with_units(frame)


def draw_burdens(
    frame: pd.DataFrame,
    *,
    framed: Collection[str] = (),
    crossed: Collection[str] = (),
    say: Words | None = None,
) -> Figure:
    """The table of :func:`element_burdens`, some elements framed, others struck through."""
    say = say or words()
    figure, (axes,) = style.new_figure(style.WIDTH, 3.6)
    draw_table(
        *(figure, axes),
        dict(zip(frame["element"], frame["index"], strict=True)),
        title=say("Burden index of the elements"),
        digits=1,
        say=say,
        framed=framed,
        crossed=crossed,
        limits=(0.0, 1.0),
        map_name=f"{MAP}_r",
    )
    return figure


def data(view: CampaignView) -> pd.DataFrame:
    """:func:`element_burdens` by the campaign's weights; ``allowed`` and ``incumbent`` mark
    the elements of the specification and of the material in use.
    """
    config = CampaignConfig.model_validate(dict(view.spec))
    frame = element_burdens(config.targets.sustainability.weights())
    frame["allowed"] = frame["element"].isin(list(config.elements.allowed))
    wish = config.better_than
    used = element_amounts(incumbent_formula(wish.incumbent)) if wish is not None else {}
    frame["incumbent"] = frame["element"].isin(list(used))
    return with_units(frame)


def draw(view: CampaignView, say: Words) -> Figure:
    """Elements allowed are framed, those of the material in use struck through."""
    frame = data(view)
    return draw_burdens(
        frame,
        framed=set(frame.loc[frame["allowed"], "element"]),
        crossed=set(frame.loc[frame["incumbent"], "element"]),
        say=say,
    )


def caption(view: CampaignView, say: Words) -> str:
    """What is shown and how to read it."""
    told = say(
        "The burden index of each element by the weights of this campaign, from 0 (none, pale) "
        "to 1 (the worst, dark); white where too little is known. Strong frames are elements "
        "that the specification allows. An element is judged as such here, a compound by all "
        "of its elements."
    )
    wish = view.spec.get("better_than")
    if not wish:
        return told
    return (
        told
        + " "
        + say("Lines cross out the elements of {incumbent}.", incumbent=wish["incumbent"])
    )


def alt(view: CampaignView, say: Words) -> str:
    """What is to be seen, in words and numbers."""
    frame = data(view)
    allowed = frame[frame["allowed"] & np.isfinite(frame["index"])].sort_values("index")
    known = int(np.isfinite(frame["index"]).sum())
    if allowed.empty:
        return say(
            "A periodic table with the burden index of each element, known of {known}.",
            known=known,
        )
    return say(
        "A periodic table with the burden index of each element, known of {known}. Of those "
        "allowed, {best} has the lowest ({low}) and {worst} the highest ({high}).",
        known=known,
        best=str(allowed["element"].iloc[0]),
        low=say.number(float(allowed["index"].iloc[0]), 2),
        worst=str(allowed["element"].iloc[-1]),
        high=say.number(float(allowed["index"].iloc[-1]), 2),
    )


PICTURE = Picture(
    name="burdens",
    title=noted("Burdens of the elements"),
    data=data,
    draw=draw,
    caption=caption,
    alt=alt,
    shown=lambda _view: True,
)
