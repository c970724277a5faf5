"""The speed report as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from campaigns.speed.report import SpeedReport, pace

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_OURS, _THEIRS = "#0072B2", "#999999"  # told apart by colour-blind people, and in print
_STAGES = {
    "read": "#E69F00",
    "graph": "#56B4E9",
    "network": _OURS,
    "measured gap": "#CC79A7",
    "write": "#009E73",
}


def draw(report: SpeedReport, path: Path) -> None:
    """Crystals per second beside the peers, where the time goes, and cost by size."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11.0, 3.8), layout="constrained")
    FigureCanvasAgg(figure)
    axes: Any = figure.subplots(1, 3, width_ratios=[1.35, 1.0, 1.0])
    _paces(axes[0], report)
    _stages(axes[1], report)
    _sizes(axes[2], report)
    figure.suptitle(f"{report.table} on {report.hardware}", fontsize=9)
    figure.savefig(path, dpi=160)


def _paces(axes: Axes, report: SpeedReport) -> None:
    """Fastest on top, on a logarithmic axis, each with its figure."""
    ours: dict[str, float] = {}
    for one in report.ours:
        if one.device == "cpu":
            name = f"Galena {one.model}"
            ours[name] = max(ours.get(name, 0.0), one.outcome.per_second)
    theirs = {
        measured.peer.name: pace(measured)
        for measured in report.peers
        if measured.best is not None and measured.peer.weights != "none"
    }
    bars = sorted({**ours, **theirs}.items(), key=lambda bar: bar[1])
    names = [name for name, _ in bars]
    colours = [_OURS if name in ours else _THEIRS for name in names]
    axes.barh(names, [value for _, value in bars], color=colours)
    for place, (_, value) in enumerate(bars):
        axes.text(value * 1.1, place, f"{value:,.0f}", va="center", fontsize=8)
    axes.set_xscale("log")
    axes.set_xlim(right=max(value for _, value in bars) * 5)
    axes.set_xlabel("crystals per second")
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def _stages(axes: Axes, report: SpeedReport) -> None:
    """Shares of the processors' time, stage on stage."""
    models = {one.model: one.outcome for one in report.ours if one.device == "cpu"}
    bottom = dict.fromkeys(models, 0.0)
    for stage, colour in _STAGES.items():
        values = {
            name: 100.0 * found.stages.get(stage, 0.0) / sum(found.stages.values())
            for name, found in models.items()
        }
        if any(values.values()):
            axes.bar(
                list(values),
                list(values.values()),
                bottom=[bottom[name] for name in values],
                color=colour,
                label=stage,
            )
        for name, value in values.items():
            bottom[name] += value
    axes.set_ylabel("% of the time")
    axes.legend(fontsize=7, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def _sizes(axes: Axes, report: SpeedReport) -> None:
    for marker, (model, costs) in zip("os^v", report.sizes.items(), strict=False):
        atoms = [cost.atoms for cost in costs]
        spent = [(cost.graph + cost.network) * 1e3 for cost in costs]
        axes.plot(atoms, spent, marker=marker, label=model)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xlabel("atoms in the cell")
    axes.set_ylabel("ms of one core per crystal")
    axes.legend(fontsize=7, frameon=False)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
