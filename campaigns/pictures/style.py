"""How figures look.

Colours are those of Okabe and Ito, told apart by readers with any colour vision
(https://jfly.uni-koeln.de/color/).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

BLACK, GREY, PALE = "#222222", "#8c8c8c", "#d9d9d9"
ORANGE, SKY, GREEN = "#E69F00", "#56B4E9", "#009E73"
BLUE, VERMILLION, PURPLE = "#0072B2", "#D55E00", "#CC79A7"

DOTS_PER_INCH = 160
NUMBERS = re.compile(r"(?<=[A-Za-z)])(\d+(?:\.\d+)?)")
"""The numbers of a formula, which are set low."""
_OFFSETS = (
    *((9, 5), (9, -14), (-9, 5), (-9, -14), (0, 11), (0, -22)),
    *((26, 20), (-26, 20), (26, -30), (-26, -30), (40, 40), (-40, 40)),
)
_NEAR = 22  # points: a name further from its point than this gets a line to it


def formula_text(formula: str) -> str:
    """``SnO2`` for Matplotlib, its numbers set low."""
    return NUMBERS.sub(r"$_{\1}$", formula.replace("$", ""))


def new_figure(width: float, height: float, columns: int = 1) -> tuple[Figure, list[Axes]]:
    """A figure of one row of axes, sizes in inches, belonging to no global state."""
    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    axes = [figure.add_subplot(1, columns, column + 1) for column in range(columns)]
    for each in axes:
        each.spines[["top", "right"]].set_visible(False)
        each.spines[["left", "bottom"]].set_color(GREY)
        each.tick_params(colors=BLACK, labelsize=10)
        each.grid(color=PALE, linewidth=0.6, alpha=0.7)
        each.set_axisbelow(True)
    return figure, axes


def label(axes: Axes, x: str, y: str, title: str = "") -> None:
    """Name the axes, units included, and say on the left what is seen."""
    axes.set_xlabel(x, fontsize=11, color=BLACK)
    axes.set_ylabel(y, fontsize=11, color=BLACK)
    if title:
        axes.set_title(title, fontsize=12, loc="left", color=BLACK, fontweight="bold")


def notice(axes: Axes, text: str) -> None:
    """Say in the middle of empty axes why they are empty."""
    axes.text(
        *(0.5, 0.5, text),
        transform=axes.transAxes,
        ha="center",
        va="center",
        fontsize=12,
        color=GREY,
    )


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
