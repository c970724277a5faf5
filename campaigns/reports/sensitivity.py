"""A picture of how often each material stays in the top as the weights vary."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from campaigns.pictures import style
from campaigns.pictures.formulas import formula_text
from campaigns.screening.outputs import check_output, whole_file
from materials.sustainability.sensitivity import Sensitivity

SUFFIXES = (".png", ".svg", ".pdf")
_MOST = 25  # materials that a page holds


def sensitivity_figure(formulas: Sequence[str], found: Sensitivity) -> Figure:
    """Left, how often each is in the top k; right, its burden over the drawn weights.

    The best by the given weights come first; materials of unknown index are left out, and
    so are those beyond the first twenty-five.
    """
    known = np.flatnonzero(np.isfinite(found.index))
    order = known[np.argsort(found.index[known], kind="stable")][:_MOST]
    rows = np.arange(len(order))
    figure, (left, right) = style.new_figure(9.0, 1.4 + 0.3 * len(order), columns=2)
    style.label(left, f"Draws in which it is in the top {found.k} / %", "")
    left.barh(rows, 100 * found.share[order], color=style.BLUE, height=0.65)
    left.set_yticks(rows, [formula_text(formulas[place]) for place in order])
    left.set_xlim(0, 100)
    style.label(right, "Burden index: given weights, 5–95 % of draws", "")
    right.hlines(
        rows, found.best[order], found.worst[order], color=style.SKY, linewidth=5, zorder=2
    )
    right.plot(found.index[order], rows, "o", color=style.BLACK, markersize=4.5, zorder=3)
    right.set_yticks(rows, [])
    right.set_xlim(0, 1)
    for axes in (left, right):
        axes.set_ylim(len(order) - 0.4, -0.6)
    return figure


def save_sensitivity(formulas: Sequence[str], found: Sensitivity, path: Path) -> None:
    """Write the picture, replacing one that is there; raises :class:`InputError` if not."""
    check_output(path, suffixes=SUFFIXES, force=True)
    figure = sensitivity_figure(formulas, found)
    with whole_file(path) as part:
        figure.savefig(part, format=path.suffix.lower()[1:], dpi=style.DOTS_PER_INCH)
