"""Discovery and acceleration curves as PNG files."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from campaigns.backtests.result import BacktestResult, Curve
from campaigns.pictures.style import (
    BLACK,
    BLUE,
    DOTS_PER_INCH,
    GREEN,
    GREY,
    ORANGE,
    PALE,
    PURPLE,
    SKY,
    VERMILLION,
    label,
    new_figure,
)

DISCOVERY = "discovery_curves.png"
ACCELERATION = "acceleration.png"

_LINES = {
    "galena": (BLUE, "-", 2.6),
    "network": (SKY, "--", 1.6),
    "greedy": (PURPLE, "-.", 1.6),
    "forest": (GREEN, "-", 1.6),
    "tpe": (ORANGE, "-", 1.6),
    "baybe": (VERMILLION, "--", 1.6),
    "updated": (BLACK, ":", 1.6),
}


def write_figures(result: BacktestResult, folder: Path) -> tuple[Path, Path]:
    """Write both; returns where they are."""
    return (
        _write(discovery(result), folder / DISCOVERY),
        _write(acceleration(result), folder / ACCELERATION),
    )


def discovery(result: BacktestResult) -> Figure:
    """Hits found over oracle calls, beside random search and what is possible at all."""
    figure, (axes,) = new_figure(8.0, 5.2)
    random = result.random
    calls = [0.0, *map(float, random.calls)]
    ideal = [min(call, float(result.n_hits)) for call in calls]
    axes.plot(
        calls, ideal, color=BLACK, linestyle=":", linewidth=1.2, label="every call a hit"
    )
    axes.fill_between(
        calls, [0.0, *random.low], [0.0, *random.high], color=PALE, label="random, 95 %"
    )
    axes.plot(calls, [0.0, *random.hits], color=GREY, linewidth=1.4)
    for one in result.strategies:
        _curve(axes, calls, one.hits, one.strategy, start=0.0)
    axes.set_xlim(0, calls[-1])
    axes.set_ylim(0, 1.06 * max(max(one.hits.high[-1] for one in result.strategies), 1.0))
    label(axes, "oracle calls", "hits found", f"{result.name}: {result.n_hits} hits among "
          f"{result.n_pool:,} crystals")  # fmt: skip
    axes.legend(frameon=False, fontsize=9, loc="upper left")
    return figure


def acceleration(result: BacktestResult) -> Figure:
    """The acceleration factor over oracle calls."""
    figure, (axes,) = new_figure(8.0, 5.2)
    calls = list(map(float, result.random.calls))
    for one in result.strategies:
        _curve(axes, calls, one.acceleration, one.strategy)
    axes.axhline(1.0, color=BLACK, linestyle=":", linewidth=1.2)
    axes.set_yscale("log")
    axes.set_xlim(calls[0], calls[-1])
    label(axes, "oracle calls", "acceleration over random search", result.name)
    axes.legend(frameon=False, fontsize=9, ncols=2)
    return figure


def _curve(
    axes: Axes, calls: list[float], curve: Curve, name: str, start: float | None = None
) -> None:
    colour, style, width = _LINES.get(name, (BLACK, "-", 1.6))
    first = [] if start is None else [start]
    axes.plot(
        calls,
        [*first, *curve.mean],
        color=colour,
        linestyle=style,
        linewidth=width,
        label=name,
    )
    axes.fill_between(
        calls,
        [*first, *(max(value, 1e-3) for value in curve.low)],
        [*first, *curve.high],
        color=colour,
        alpha=0.15,
        linewidth=0,
    )


def _write(figure: Figure, path: Path) -> Path:
    figure.savefig(path, dpi=DOTS_PER_INCH)
    return path
