"""Pictures of crystals: one conventional cell each, as crystallographers draw them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from operator import itemgetter

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Patch, PathPatch
from matplotlib.path import Path
from numpy.typing import NDArray
from pymatgen.core.periodic_table import Element
from pymatgen.core.structure import Structure
from scipy.spatial.transform import Rotation

from campaigns.pictures import style
from campaigns.pictures.crystals.shapes import colour_of, radius_of, shape_of
from campaigns.pictures.formulas import formula_text
from campaigns.pictures.picture import Picture, with_units
from campaigns.symmetry import conventional, space_group
from campaigns.view import CampaignView
from campaigns.words import Words, noted

_VIEW = Rotation.from_euler("zx", [18, -80], degrees=True).as_matrix().T
"""From crystal to paper, ``(3, 3)``: the third axis of the cell nearly upright."""

N_PICTURED = 9
"""Crystals of a report, from the top of the shortlist."""


def gallery(named: Sequence[tuple[str, Structure]], columns: int = 3) -> Figure:
    """One picture of the conventional cell per ``(formula, structure)``.

    Atoms on a face of the cell are drawn on the opposite face too, as crystallographers do.
    """
    rows = max(1, -(-len(named) // columns))
    figure = Figure(
        figsize=(style.WIDTH, 2.3 * rows), layout="constrained", facecolor="white"
    )
    for index, (formula, structure) in enumerate(named):
        axes = figure.add_subplot(rows, columns, index + 1)
        _draw(axes, structure)
        axes.set_title(formula_text(formula), fontsize=12, color=style.BLACK)
    return figure


def thumbnail(structure: Structure) -> Figure:
    """One crystal, small, for a table or a card."""
    figure = Figure(figsize=(2.1, 2.2), facecolor="white")
    _draw(figure.add_axes((0.02, 0.14, 0.96, 0.84)), structure)
    return figure


def data(view: CampaignView) -> pd.DataFrame:
    """One row per crystal drawn: conventional cell, Å and degrees, and its symmetry."""
    rows = []
    for row in view.shortlist.head(N_PICTURED).itertuples():
        cell = conventional(view.structure(str(row.candidate_id)))
        edges = dict(zip("abc", cell.lattice.abc, strict=True))
        angles = dict(zip(("alpha", "beta", "gamma"), cell.lattice.angles, strict=True))
        rows.append(
            {
                "candidate_id": row.candidate_id,
                "formula": row.formula,
                "space_group": space_group(cell),
                "atoms": len(cell),
                **edges,
                **angles,
            }
        )
    named = ["candidate_id", "formula", "space_group", "atoms", "a", "b", "c"]
    angular = ["alpha", "beta", "gamma"]
    units = dict.fromkeys("abc", "Å") | dict.fromkeys(angular, "°")
    return with_units(pd.DataFrame(rows, columns=[*named, *angular]), **units)


def draw(view: CampaignView, say: Words) -> Figure:
    """The first of the shortlist."""
    best = view.shortlist.head(N_PICTURED)
    if best.empty:
        return style.empty_figure(say("No hit yet"))
    return gallery(
        [
            (str(row.formula), view.structure(str(row.candidate_id)))
            for row in best.itertuples()
        ]
    )


def caption(_view: CampaignView, say: Words) -> str:
    """What is shown and how to read it."""
    return say(
        "Conventional cells of the first crystals of the shortlist, as the oracle left them. "
        "Atoms on a face of a cell are drawn on the opposite face too."
    )


def alt(view: CampaignView, say: Words) -> str:
    """What is to be seen, in words and numbers."""
    frame = data(view)
    if frame.empty:
        return say("No hit yet")
    crystals = ", ".join(
        f"{row.formula} ({row.space_group})" if row.space_group else str(row.formula)
        for row in frame.itertuples()
    )
    return say("Cells with their atoms as balls: {crystals}.", crystals=crystals)


def _draw(axes: Axes, structure: Structure) -> None:
    """Seen slightly from above and from the left, what is far away drawn first."""
    shape = shape_of(conventional(structure))
    atoms, edges = shape.positions @ _VIEW, shape.edges @ _VIEW  # x, y, towards the reader
    parts: list[tuple[float, Patch]] = [
        (float(place[2]), _ball(element, place))
        for element, place in zip(shape.elements, atoms, strict=True)
    ]
    for one, two in atoms[shape.bonds]:
        parts.append(
            (float(one[2] + two[2]) / 2 - 0.01, _stroke(one, two, style.GREY, 2.2))
        )
    for one, two in edges:
        for start, end in pairwise(np.linspace(one, two, 9)):
            parts.append(
                (float(start[2] + end[2]) / 2, _stroke(start, end, style.BLACK, 0.8))
            )
    parts.sort(key=itemgetter(0))
    axes.add_collection(PatchCollection([part for _, part in parts], match_original=True))
    reach = np.concatenate([atoms[:, :2], edges.reshape(-1, 3)[:, :2]])
    margin = 0.9
    axes.set_xlim(reach[:, 0].min() - margin, reach[:, 0].max() + margin)
    axes.set_ylim(reach[:, 1].min() - margin, reach[:, 1].max() + margin)
    axes.set_aspect("equal")
    axes.set_axis_off()
    named = sorted(
        Element(symbol) for symbol in set(shape.elements)
    )  # as formulas have them
    _name_elements(axes, [element.symbol for element in named])


def _name_elements(axes: Axes, elements: Sequence[str]) -> None:
    for element in elements:
        axes.plot(
            *([], []),
            "o",
            color=colour_of(element),
            markersize=4.0 + 6.0 * radius_of(element),
            markeredgecolor=style.BLACK,
            label=element,
        )
    axes.legend(
        loc="upper center",
        bbox_to_anchor=(0.5, 0.0),
        ncols=4,
        frameon=False,
        fontsize=10,
        handletextpad=0.1,
        columnspacing=0.9,
    )


def _ball(element: str, place: NDArray[np.float64]) -> Circle:
    return Circle(
        (float(place[0]), float(place[1])),
        radius_of(element),
        facecolor=colour_of(element),
        edgecolor=style.BLACK,
        linewidth=0.8,
    )


def _stroke(
    one: NDArray[np.float64], two: NDArray[np.float64], colour: str, width: float
) -> PathPatch:
    return PathPatch(
        Path([one[:2], two[:2]]), facecolor="none", edgecolor=colour, linewidth=width
    )


PICTURE = Picture(
    name="crystals",
    title=noted("Crystals"),
    data=data,
    draw=draw,
    caption=caption,
    alt=alt,
    shown=lambda view: not view.shortlist.empty,
)
