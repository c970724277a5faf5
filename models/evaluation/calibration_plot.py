"""Deviations against errors, as a picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.evaluation.study import WITHIN, Reliability
from models.evaluation.tables import in_words
from models.training.targets import unit

_PER_ROW = 3
_NORMAL = (0.383, 0.683, 0.866, 0.954, 0.997)  # of a normal distribution, within WITHIN


def draw_calibration(reliabilities: Mapping[str, Reliability], path: Path) -> None:
    """Write one panel per target, and one with the share of errors within deviations."""
    from matplotlib.figure import Figure

    n_panels = len(reliabilities) + 1
    n_rows = -(-n_panels // _PER_ROW)
    canvas = Figure(
        figsize=(3.1 * min(n_panels, _PER_ROW), 3.0 * n_rows), layout="constrained"
    )
    axes = canvas.subplots(n_rows, min(n_panels, _PER_ROW), squeeze=False).ravel()
    for panel, (target, found) in zip(axes, reliabilities.items(), strict=False):
        _deviations(panel, target, found)
    _shares(axes[len(reliabilities)], reliabilities)
    for empty in axes[n_panels:]:
        empty.set_axis_off()
    canvas.savefig(path, dpi=80)


def _deviations(panel: Any, target: str, found: Reliability) -> None:
    from matplotlib.ticker import NullFormatter

    low = min(*found.std, *found.error)
    high = max(*found.std, *found.error)
    panel.plot([low, high], [low, high], color="0.7", linewidth=1)
    panel.plot(found.std, found.error, marker="o", markersize=4)
    panel.set(xscale="log", yscale="log")
    for axis in (panel.xaxis, panel.yaxis):
        axis.set_minor_formatter(NullFormatter())
    panel.set_title(f"{in_words(target)}, {unit(target)}".rstrip(", "), fontsize=9)
    panel.set_xlabel("predicted deviation")
    panel.set_ylabel("68.3 % of errors below")


def _shares(panel: Any, reliabilities: Mapping[str, Reliability]) -> None:
    panel.plot(WITHIN, _NORMAL, color="0.7", linewidth=1, label="normal")
    for target, found in reliabilities.items():
        panel.plot(WITHIN, found.within, marker="o", markersize=3, label=in_words(target))
    panel.set(xlabel="deviations", ylabel="share of errors within", title="all")
    panel.legend(fontsize=6)
