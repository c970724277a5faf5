"""The burdens of the shortlist beside those of the material in use."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from campaigns.config import CampaignConfig
from campaigns.pictures import style
from campaigns.pictures.formulas import formula_text
from campaigns.pictures.periodic import MAP, ink
from campaigns.pictures.picture import Picture, with_units
from campaigns.view import CampaignView
from campaigns.words import Words, noted
from materials.sustainability.columns import AXES, MIN_COVERAGE
from materials.sustainability.incumbents import incumbent_formula
from materials.sustainability.index import Burdens
from materials.sustainability.table import columns_of

AXIS_NAMES: Mapping[str, str] = {
    "toxicity": noted("toxicity"),
    "supply_risk": noted("supply risk"),
    "carbon": noted("greenhouse gas"),
    "energy": noted("energy"),
    "cost": noted("cost"),
    "criticality": noted("criticality"),
    "recycling": noted("recycling"),
    "companion": noted("by-product"),
    "conflict": noted("conflict"),
}
"""The axes of sustainability in a word or two."""
_MOST = 15  # formulas of the shortlist that are drawn


def data(view: CampaignView) -> pd.DataFrame:
    """The material in use, where the campaign has one, and each formula of the shortlist.

    Burdens from 0 (none) to 1 (the worst): ``index`` with what it may be if what is unknown is
    best (``low``) or worst (``high``), and a column per axis; NaN: too little is known.
    """
    config = CampaignConfig.model_validate(dict(view.spec))
    wish = config.better_than
    first = [incumbent_formula(wish.incumbent)] if wish is not None else []
    found = list(dict.fromkeys(view.shortlist["formula"].astype(str)))
    columns = ["formula", "incumbent", "index", "low", "high", *AXES]
    if not found:
        return with_units(pd.DataFrame(columns=columns))
    burdens = Burdens.of(columns_of([*first, *found]))
    index = burdens.index(config.targets.sustainability.weights())
    central = np.where(burdens.coverage >= MIN_COVERAGE, burdens.central, np.nan)
    frame = pd.DataFrame(
        {
            "formula": [*first, *found],
            "incumbent": [True] * len(first) + [False] * len(found),
            "index": index.central,
            "low": index.low,
            "high": index.high,
        }
    )
    return with_units(pd.concat([frame, pd.DataFrame(central, columns=list(AXES))], axis=1))


def draw(view: CampaignView, say: Words) -> Figure:
    """A row per material, a cell per axis, its burden as number and colour."""
    frame = data(view).head(_MOST + 1)
    if frame.empty:
        return style.empty_figure(say("No hit yet"))
    figure, (axes,) = style.new_figure(style.WIDTH + 0.6, 1.7 + 0.36 * len(frame))
    shown = ["index", *AXES]
    for row, values in enumerate(frame[shown].to_numpy(dtype=float)):
        for column, value in enumerate(values):
            _cell(axes, column, row, float(value), say)
    names = [say("index"), *(say(AXIS_NAMES[axis]) for axis in AXES)]
    axes.set_xticks(
        range(len(names)), names, rotation=40, ha="left", rotation_mode="anchor"
    )
    axes.xaxis.tick_top()
    texts = [
        say("{formula}, in use", formula=formula_text(row.formula))
        if row.incumbent
        else formula_text(row.formula)
        for row in frame.itertuples()
    ]
    axes.set_yticks(range(len(texts)), texts)
    if frame["incumbent"].any():
        axes.axhline(0.5, color=style.BLACK, linewidth=1.4)
    axes.axvline(0.5, color=style.BLACK, linewidth=1.4)
    axes.set_xlim(-0.5, len(names) - 0.5)
    axes.set_ylim(len(frame) - 0.5, -0.5)
    style.leave_layout(axes)
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    return figure


def _cell(axes: Axes, column: int, row: int, value: float, say: Words) -> None:
    known = bool(np.isfinite(value))
    colour = colormaps[MAP](1.0 - value) if known else (1.0, 1.0, 1.0, 1.0)
    axes.add_patch(
        Rectangle(
            (column - 0.5, row - 0.5),
            1,
            1,
            facecolor=colour,
            edgecolor="white",
            linewidth=1.2,
        )
    )
    axes.text(
        *(column, row, say.number(value, 2) if known else "?"),
        ha="center",
        va="center",
        fontsize=10,
        color=ink(colour),
    )


def caption(view: CampaignView, say: Words) -> str:
    """What is shown and how to read it."""
    told = say(
        "Burdens of the materials on the shortlist from 0 (none, pale) to 1 (the worst of all "
        "elements, dark), by composition; the index is their mean by the weights of this "
        "campaign. A question mark: too little is known. Recycling counts what is not "
        "recycled, by-product how much hangs on the mining of other metals."
    )
    wish = view.spec.get("better_than")
    if not wish:
        return told
    return (
        told
        + " "
        + say(
            "The first row is {incumbent}, the material in use.",
            incumbent=wish["incumbent"],
        )
    )


def alt(view: CampaignView, say: Words) -> str:
    """What is to be seen, in words and numbers."""
    frame = data(view)
    if frame.empty:
        return say("No hit yet")
    found = frame[~frame["incumbent"].astype(bool)].sort_values("index")
    told = say(
        "A table of burdens, number of materials: {n}. Of the shortlist, {best} has the lowest "
        "index ({low}).",
        n=len(frame),
        best=str(found["formula"].iloc[0]),
        low=_text(float(found["index"].iloc[0]), say),
    )
    used = frame[frame["incumbent"].astype(bool)]
    if used.empty:
        return told
    return (
        told
        + " "
        + say(
            "The index of {incumbent}, in use, is {index}.",
            incumbent=str(used["formula"].iloc[0]),
            index=_text(float(used["index"].iloc[0]), say),
        )
    )


def _text(value: float, say: Words) -> str:
    return say.number(value, 2) if np.isfinite(value) else say("unknown")


PICTURE = Picture(
    name="sustainability",
    title=noted("Sustainability of the shortlist"),
    data=data,
    draw=draw,
    caption=caption,
    alt=alt,
    shown=lambda view: not view.shortlist.empty,
)
