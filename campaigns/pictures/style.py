"""How figures look.

Colours are those of Okabe and Ito, told apart by readers with any colour vision
(https://jfly.uni-koeln.de/color/). Figures are narrow and their text is large, so that it can
be read where half a page is all they get.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, ScalarFormatter
from numpy.typing import ArrayLike

from campaigns.pictures.formulas import formula_text
from campaigns.words import Words

BLACK, GREY, PALE = "#222222", "#8c8c8c", "#d9d9d9"
SOFT = "#5c5c5c"
"""For text that is less important: 6.7 to 1 on white."""
ORANGE, SKY, GREEN = "#E69F00", "#56B4E9", "#009E73"
BLUE, VERMILLION, PURPLE = "#0072B2", "#D55E00", "#CC79A7"

WIDTH = 5.8
"""Inches. At half a page, 8.5 cm, 10 points become 6."""
DOTS_PER_INCH = 200
_OFFSETS = (
    *((9, 5), (9, -14), (-9, 5), (-9, -14), (0, 11), (0, -22)),
    *((26, 20), (-26, 20), (26, -30), (-26, -30), (40, 40), (-40, 40)),
)
_NEAR = 22  # points: a name further from its point than this gets a line to it


def new_figure(width: float, height: float, columns: int = 1) -> tuple[Figure, list[Axes]]:
    """A figure of one row of axes, sizes in inches, belonging to no global state."""
    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    axes = [figure.add_subplot(1, columns, column + 1) for column in range(columns)]
    for each in axes:
        tidy(each)
    return figure, axes


def tidy(axes: Axes) -> None:
    """Frame and grid that do not shout."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)
    axes.tick_params(colors=BLACK, labelsize=10)
    axes.grid(color=PALE, linewidth=0.6, alpha=0.7)
    axes.set_axisbelow(True)


def label(axes: Axes, x: str, y: str, title: str = "") -> None:
    """Name the axes, units included, and say on the left what is seen.

    Long names are broken into lines that fit beside the axes.
    """
    width, height = _size(axes)
    axes.set_xlabel(_lines(x, width, 11), fontsize=11, color=BLACK)
    axes.set_ylabel(_lines(y, 0.75 * height, 11), fontsize=11, color=BLACK)
    if title:
        text = _lines(title, width, 13)
        axes.set_title(text, fontsize=12, loc="left", color=BLACK, fontweight="bold")


def _size(axes: Axes) -> tuple[float, float]:
    """Width and height in inches, before the layout makes room for text."""
    extent, dpi = axes.get_window_extent(), axes.figure.dpi
    return extent.width / dpi, extent.height / dpi


def broken(text: str, width: int) -> str:
    """``text`` in lines of at most ``width`` characters, words whole."""
    return textwrap.fill(text, width, break_long_words=False)


def _lines(text: str, width: float, size: float) -> str:
    """``text`` in lines of ``width`` inches at ``size`` points."""
    return broken(text, max(12, int(72 * width / (0.5 * size))))


def leave_layout(axes: Axes) -> None:
    """Let the layout not measure what is inside the axes: with hundreds of parts it is slow."""
    for part in (*axes.patches, *axes.texts, *axes.lines, *axes.collections):
        part.set_in_layout(False)


def fit(axes: Axes, x: ArrayLike, y: ArrayLike) -> None:
    """Limits that hold all points, whatever their bars."""
    for values, limit in ((x, axes.set_xlim), (y, axes.set_ylim)):
        low, high = float(np.min(values)), float(np.max(values))
        margin = 0.06 * (high - low) or 0.5
        limit(low - margin, high + margin)


def notice(axes: Axes, text: str) -> None:
    """Say in the middle of empty axes why they are empty."""
    axes.text(
        *(0.5, 0.5, _lines(text, 0.8 * _size(axes)[0], 12)),
        transform=axes.transAxes,
        ha="center",
        va="center",
        fontsize=12,
        color=SOFT,
    )


def empty_figure(text: str, height: float = 2.4) -> Figure:
    """A figure that says why there is nothing to see."""
    figure, (axes,) = new_figure(WIDTH, height)
    axes.set_axis_off()
    notice(axes, text)
    return figure


def legend_below(figure: Figure, columns: int = 2) -> None:
    """The legend of the whole figure, under it, where it hides nothing."""
    figure.legend(
        loc="outside lower center",
        ncols=columns,
        frameon=False,
        fontsize=10,
        handlelength=1.6,
        columnspacing=1.4,
    )


class _Numbers(ScalarFormatter):
    """Ticks as a language writes them, all with the same digits."""

    def __init__(self, say: Words) -> None:
        super().__init__(useOffset=False)
        self.set_scientific(False)
        self.say = say

    def __call__(self, x: float, pos: int | None = None) -> str:
        plain = super().__call__(x, pos).replace("\N{MINUS SIGN}", "-")
        if not plain:
            return plain
        return self.say.number(float(plain), len(plain.partition(".")[2]))


def numbers(axes: Axes, say: Words, *, whole: str = "") -> None:
    """Write the ticks of both axes as a language does; those named in ``whole`` as integers.

    ``whole`` is ``"x"``, ``"y"`` or ``"xy"``, for what can be counted.
    """
    for name, axis in (("x", axes.xaxis), ("y", axes.yaxis)):
        axis.set_major_formatter(_Numbers(say))
        if name in whole:
            axis.set_major_locator(MaxNLocator(integer=True, nbins=7))


def rounds(axes: Axes, numbers: ArrayLike) -> None:
    """A horizontal axis of rounds: whole ones alone, also where there is but one."""
    found = np.asarray(numbers, dtype=float)
    first, last = int(found.min()), int(found.max())
    axes.set_xlim(first - 0.6, last + 0.6)
    axes.set_xticks(range(first, last + 1, 1 + (last - first) // 8))


def counts_by_decade(axes: Axes, say: Words) -> None:
    """A horizontal axis of counts that span orders of magnitude: 1, 10, 100, 1,000."""
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: say.number(x, 0)))
    axes.xaxis.set_minor_formatter(FuncFormatter(lambda *_: ""))


def name_points(axes: Axes, points: Sequence[tuple[float, float, str]]) -> None:
    """Write a name beside each ``(x, y, name)``, where it covers the least.

    Names are set in the order given; one that finds no free place beside its point is left
    out, so put the important ones first. Call this after the limits of the axes are final.
    """
    to_pixels = axes.transData.transform
    scale = axes.figure.dpi / 72
    taken = [(x - 5, y - 5, x + 5, y + 5) for x, y in (to_pixels(p[:2]) for p in points)]
    frame = axes.get_window_extent()
    for x, y, name in points:
        centre_x, centre_y = to_pixels((x, y))
        width, height = 5.8 * scale * len(name), 11 * scale
        for right, up in _OFFSETS:
            share = 0.5 if right == 0 else 0.0 if right > 0 else 1.0
            left = centre_x + right * scale - share * width
            low = centre_y + up * scale
            box = (left, low, left + width, low + height)
            if _inside(box, frame.extents) and not any(
                _overlap(box, other) for other in taken
            ):
                taken.append(box)
                axes.annotate(
                    formula_text(name),
                    (x, y),
                    xytext=(right, up),
                    textcoords="offset points",
                    ha="center" if right == 0 else "left" if right > 0 else "right",
                    fontsize=9.5,
                    color=BLACK,
                    arrowprops={"arrowstyle": "-", "color": GREY, "linewidth": 0.6}
                    if abs(right) > _NEAR
                    else None,
                )
                break


Box = Sequence[float]  # left, low, right, high in pixels


def _overlap(one: Box, other: Box) -> bool:
    return (
        one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
    )


def _inside(box: Box, frame: Box) -> bool:
    return (
        box[0] >= frame[0]
        and box[1] >= frame[1]
        and box[2] <= frame[2]
        and box[3] <= frame[3]
    )
