"""A periodic table with a value in each cell."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PatchCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from campaigns.pictures import style
from campaigns.words import Words

MAP = "cividis"
"""Even in lightness, so that it serves in grey print and for any colour vision
(Nuñez et al., PLoS ONE 13, e0199239 (2018))."""
_MIDDLE = 0.179  # luminance on which black and white are read equally well, 4.6 to 1
_WHITE = (1.0, 1.0, 1.0, 1.0)
_LONGEST = 3  # letters of a value that a cell holds; others are told by colour alone
Colour = tuple[float, float, float, float]
_F_BLOCK = 0.35  # of a cell, between the table and the rows of the f block


@cache
def places() -> Mapping[str, tuple[int, float]]:
    """Column (1 to 18) and row of each element; the f block is set below, rows 8 and 9."""
    from pymatgen.core.periodic_table import Element

    found: dict[str, tuple[int, float]] = {}
    for element in Element:
        if element.is_lanthanoid and element.symbol != "La":
            found[element.symbol] = (element.Z - 54, 8 + _F_BLOCK)
        elif element.is_actinoid and element.symbol != "Ac":
            found[element.symbol] = (element.Z - 86, 9 + _F_BLOCK)
        elif element.symbol not in ("D", "T"):
            found[element.symbol] = (int(element.group), int(element.row))
    return found


def draw_table(
    figure: Figure,
    axes: Axes,
    values: Mapping[str, float],
    *,
    title: str,
    digits: int,
    say: Words,
    framed: Collection[str] = (),
    crossed: Collection[str] = (),
    limits: tuple[float, float] | None = None,
    map_name: str = MAP,
) -> None:
    """Colour the cell of each element by its value, and write the value where it fits.

    ``framed`` elements get a strong frame, ``crossed`` ones a line through their cell. Elements
    without a finite value stay white. The f block is drawn where it is needed.
    """
    known = {name: value for name, value in values.items() if np.isfinite(value)}
    low, high = limits or (0.0, max(known.values(), default=1.0) or 1.0)
    scale = ScalarMappable(Normalize(low, high), colormaps[map_name])
    mentioned = {*known, *framed, *crossed}
    with_f = any(places()[name][1] > 8 for name in mentioned if name in places())
    drawn = [name for name, (_, row) in places().items() if row < 8 or with_f]
    drawn.sort(key=lambda name: name in framed)  # strong frames over their neighbours'
    colours = {name: _colour(known.get(name), scale) for name in drawn}
    _draw_cells(axes, colours, framed)
    for name, colour in colours.items():
        text = say.number(known[name], digits) if name in known else ""
        _write_cell(axes, name, text, ink(colour), strong=name in framed)
        if name in crossed:
            column, row = places()[name]
            axes.plot(
                *([column - 0.4, column + 0.4], [row + 0.4, row - 0.4]),
                color=ink(colour) if name in known else style.VERMILLION,
                linewidth=1.6,
            )
    style.leave_layout(axes)
    axes.set_xlim(0.4, 18.6)
    axes.set_ylim(9.95 if with_f else 7.6, 0.4)
    axes.set_aspect("equal")
    axes.set_axis_off()
    axes.set_title(title, fontsize=12, loc="left", color=style.BLACK, fontweight="bold")
    if known:
        place = axes.inset_axes((0.15, 0.9, 0.42, 0.045))
        bar = figure.colorbar(scale, cax=place, orientation="horizontal")
        bar.ax.tick_params(labelsize=9.5, colors=style.BLACK)
        style.numbers(bar.ax, say, whole="x" if digits == 0 else "")


def _colour(value: float | None, scale: ScalarMappable) -> Colour:
    if value is None:
        return _WHITE
    red, green, blue, alpha = scale.to_rgba(np.array([value]))[0]
    return (float(red), float(green), float(blue), float(alpha))


def _draw_cells(axes: Axes, colours: Mapping[str, Colour], framed: Collection[str]) -> None:
    cells = [
        Rectangle((column - 0.46, row - 0.46), 0.92, 0.92)
        for column, row in (places()[name] for name in colours)
    ]
    axes.add_collection(
        PatchCollection(
            cells,
            facecolors=list(colours.values()),
            edgecolors=[style.BLACK if n in framed else style.PALE for n in colours],
            linewidths=[1.6 if name in framed else 0.7 for name in colours],
        )
    )


def _write_cell(axes: Axes, name: str, text: str, colour: str, *, strong: bool) -> None:
    column, row = places()[name]
    shown = text if len(text) <= _LONGEST else ""
    for up, line, size in ((-0.17, name, 9.5), (0.24, shown, 9.0)):
        axes.text(
            *(column, row + up, line),
            ha="center",
            va="center",
            fontsize=size,
            fontweight="bold" if strong and line == name else "normal",
            color=colour,
        )


def ink(colour: tuple[float, ...]) -> str:
    """Black or white, whichever is better read on ``colour``."""
    return "black" if luminance(colour) > _MIDDLE else "white"


def luminance(colour: tuple[float, ...]) -> float:
    """Relative luminance of red, green and blue from 0 to 1 (WCAG 2.2)."""
    rgb = np.asarray(colour[:3])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))
