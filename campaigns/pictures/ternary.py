"""A composition triangle: energy above hull over the phases of one chemical system."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pymatgen.core.composition import Composition

from campaigns.pictures import style
from campaigns.pictures.formulas import formula_text
from campaigns.pictures.picture import Picture, with_units
from campaigns.view import CampaignView, judged
from campaigns.words import Words, noted
from materials.errors import InputError

FEWEST = 3
"""Judged compositions of a system below which no triangle is drawn by itself."""
_TOLERANCE = 1e-6
_HEIGHT = np.sqrt(3.0) / 2.0
_NAMED = 8
_CAP = 0.5  # eV/atom; what is higher has the colour of this

Corners = tuple[str, str, str]


def busiest_system(view: CampaignView) -> Corners | None:
    """The three elements among which most compositions were judged; None for too few.

    Compositions of two or one of the elements count too; of equals, the first in the alphabet.
    """
    found = [
        frozenset(element.symbol for element in Composition(formula))
        for formula in dict.fromkeys(judged(view.verdicts)["formula"].astype(str))
    ]
    counted = Counter(found)
    systems = {each for each in counted if len(each) == 3} | {
        one | two
        for one, two in combinations([e for e in counted if len(e) == 2], 2)
        if len(one | two) == 3
    }
    within = {
        tuple(sorted(system)): sum(n for each, n in counted.items() if each <= system)
        for system in systems
    }
    if not within:
        return None
    best = min(within, key=lambda system: (-within[system], system))
    return (best[0], best[1], best[2]) if within[best] >= FEWEST else None


def triangle_data(view: CampaignView, corners: Sequence[str]) -> pd.DataFrame:
    """The campaign's compositions inside a triangle, the most stable of each.

    ``corners`` are three elements or formulas, as in ``("Na2S", "ZnS", "SnS2")``. One row per
    composition that some mixture of them makes: ``share_1`` to ``share_3`` of the atoms
    belong to each corner; ``energy_above_hull`` in eV/atom is the oracle's, or where it was not
    asked the prediction's, and ``judged`` tells which.

    Raises:
        InputError: the corners are not three compositions that mix to a triangle.
    """
    matrix, names = _corner_matrix(corners)
    seen = judged(view.verdicts)[["formula", "energy_above_hull"]].assign(judged=True)
    other = view.candidates[["formula", "energy_above_hull"]].assign(judged=False)
    frame = pd.concat([seen, other], ignore_index=True)
    frame["energy_above_hull"] = frame["energy_above_hull"].astype(float)
    frame = frame[np.isfinite(frame["energy_above_hull"])]
    frame = frame.sort_values(
        ["judged", "energy_above_hull"], ascending=[False, True], kind="stable"
    ).drop_duplicates("formula")
    shares = [_mixture(str(formula), matrix, names) for formula in frame["formula"]]
    inside = [share is not None for share in shares]
    frame = frame[inside].reset_index(drop=True)
    found = np.array([s for s in shares if s is not None], dtype=float).reshape(-1, 3)
    for number in range(3):
        frame[f"share_{number + 1}"] = found[:, number]
    return with_units(frame, energy_above_hull="eV/atom")


def _corner_matrix(corners: Sequence[str]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Atomic fractions of the corners, ``(n_elements, 3)``, and the elements."""
    try:
        compositions = [Composition(corner) for corner in corners]
    except ValueError as error:
        raise InputError(f"a corner of the triangle is no formula: {error}") from error
    names = tuple(sorted({e.symbol for each in compositions for e in each}))
    matrix = np.array(
        [[c.get_atomic_fraction(name) for c in compositions] for name in names]
    )
    if len(compositions) != 3 or np.linalg.matrix_rank(matrix) < 3:
        raise InputError(
            f"{', '.join(corners)} make no triangle; give three compositions of which none "
            "is a mixture of the others, such as Na2S, ZnS and SnS2"
        )
    return matrix, names


def _mixture(formula: str, matrix: np.ndarray, names: tuple[str, ...]) -> np.ndarray | None:
    """Shares of the corners that make ``formula``, ``(3,)``; None where none do."""
    composition = Composition(formula)
    if not {e.symbol for e in composition} <= set(names):
        return None
    wanted = np.array([composition.get_atomic_fraction(name) for name in names])
    share, *_ = np.linalg.lstsq(matrix, wanted, rcond=None)
    off = np.abs(matrix @ share - wanted).max()
    if off > _TOLERANCE or share.min() < -_TOLERANCE:
        return None
    return np.asarray(np.clip(share, 0.0, None) / np.clip(share, 0.0, None).sum())


def triangle(view: CampaignView, corners: Sequence[str], say: Words) -> Figure:
    """Draw the triangle of any three elements or compositions.

    Raises :class:`InputError` as :func:`triangle_data` does.
    """
    frame = triangle_data(view, corners)
    if frame.empty:
        return style.empty_figure(
            say("No candidate is a mixture of {corners}", corners=", ".join(corners))
        )
    figure, (axes,) = style.new_figure(style.WIDTH, 5.2)
    axes.set_axis_off()
    axes.set_aspect("equal")
    _draw_frame(axes, corners)
    x, y = _places(frame[["share_1", "share_2", "share_3"]].to_numpy())
    energy = frame["energy_above_hull"].clip(upper=_CAP)
    top = max(float(energy.max()), 0.05)
    for mask, marker, size, name in (
        (~frame["judged"], "s", 26, say("predicted only")),
        (frame["judged"], "o", 80, say("judged by the oracle")),
    ):
        drawn = axes.scatter(
            *(x[mask], y[mask]),
            c=energy[mask],
            vmin=min(float(energy.min()), 0.0),
            vmax=top,
            cmap="cividis",
            s=size,
            marker=marker,
            edgecolor=style.BLACK,
            linewidth=0.7,
            label=name,
            zorder=3,
        )
    bar = figure.colorbar(drawn, ax=axes, shrink=0.75, extend="max")
    bar.set_label(say("Energy above hull (eV/atom)"), fontsize=11)
    style.numbers(bar.ax, say)
    style.legend_below(figure)
    figure.draw_without_rendering()
    best = frame[frame["judged"]].sort_values("energy_above_hull").head(_NAMED).index
    style.name_points(
        axes, [(float(x[i]), float(y[i]), str(frame["formula"][i])) for i in best]
    )
    return figure


def _places(share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points of the triangle with its first corner left, second right, third on top."""
    return share[:, 1] + share[:, 2] / 2, _HEIGHT * share[:, 2]


def _draw_frame(axes: Axes, corners: Sequence[str]) -> None:
    """The sides, a grid of fifths, and the names of the corners."""
    ends = np.eye(3)
    for step in np.linspace(0.0, 1.0, 6):
        for number in range(3):
            one, two = ends[(number + 1) % 3], ends[(number + 2) % 3]
            line = np.stack([step * ends[number] + (1 - step) * end for end in (one, two)])
            axes.plot(
                *_places(line),
                color=style.BLACK if step == 0 else style.PALE,
                linewidth=1.4 if step == 0 else 0.7,
                zorder=2 if step == 0 else 1,
            )
    for (x, y), name, across, up in zip(
        np.stack(_places(ends), axis=1), corners, (1, 0, 0.5), (-1, -1, 1), strict=True
    ):
        axes.annotate(
            formula_text(name),
            (x, y),
            xytext=(8 - 16 * across, 6 * up),
            textcoords="offset points",
            ha="right" if across == 1 else "left" if across == 0 else "center",
            va="top" if up < 0 else "bottom",
            fontsize=12,
            fontweight="bold",
        )
    axes.set_xlim(-0.08, 1.08)
    axes.set_ylim(-0.1, _HEIGHT + 0.1)


def data(view: CampaignView) -> pd.DataFrame:
    """:func:`triangle_data` of the busiest system, with its ``corner_1`` to ``corner_3``."""
    corners = busiest_system(view)
    if corners is None:
        columns = ["formula", "energy_above_hull", "judged"]
        return with_units(pd.DataFrame(columns=[*columns, "share_1", "share_2", "share_3"]))
    frame = triangle_data(view, corners)
    for number, corner in enumerate(corners, start=1):
        frame[f"corner_{number}"] = corner
    return frame


def draw(view: CampaignView, say: Words) -> Figure:
    """The triangle of the busiest system."""
    corners = busiest_system(view)
    if corners is None:
        return style.empty_figure(
            say("No chemical system has enough verdicts for a triangle")
        )
    return triangle(view, corners, say)


def caption(view: CampaignView, say: Words) -> str:
    """What is shown and how to read it."""
    corners = busiest_system(view)
    return say(
        "The chemical system {system}, in which most compositions were judged. The nearer a "
        "point to a corner, the more of its atoms are of that element. Dark points are close "
        "to the hull, pale ones far above it, {cap} eV/atom and more all alike; circles were "
        "judged by the oracle, squares only predicted. Of several crystals of one composition "
        "the most stable is shown.",
        system="-".join(corners) if corners else "–",
        cap=_CAP,
    )


def alt(view: CampaignView, say: Words) -> str:
    """What is to be seen, in words and numbers."""
    corners = busiest_system(view)
    if corners is None:
        return say("No chemical system has enough verdicts for a triangle")
    frame = data(view)
    seen = frame[frame["judged"].astype(bool)].sort_values("energy_above_hull")
    return say(
        "A triangle of {system}. Compositions judged: {judged}, only predicted: {predicted}. "
        "The most stable of those judged is {formula}, {energy} eV/atom above the hull.",
        system="-".join(corners),
        judged=len(seen),
        predicted=len(frame) - len(seen),
        formula=str(seen["formula"].iloc[0]),
        energy=say.number(float(seen["energy_above_hull"].iloc[0]), 3),
    )


PICTURE = Picture(
    name="ternary",
    title=noted("Composition triangle"),
    data=data,
    draw=draw,
    caption=caption,
    alt=alt,
    shown=lambda view: busiest_system(view) is not None,
)
