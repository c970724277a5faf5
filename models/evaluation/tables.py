"""The accuracy report for the terminal and for Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.evaluation.accuracy import AccuracyReport, Measured
from models.evaluation.scores import Figure
from models.training.targets import unit

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text


def as_tables(report: AccuracyReport) -> list[Table]:
    """A table per target, then one on metals and costs; intervals under their figures."""
    return [*(_of_target(report, name) for name in report.targets()), _of_costs(report)]


def in_words(target: str) -> str:
    """A target's name for people: ``formation energy``."""
    return target.removesuffix("_per_atom").replace("_", " ")


def interval(figure: Figure, digits: int) -> str:
    """The 95 % interval: ``0.205 – 0.227``."""
    return f"{figure.low:.{digits}f} – {figure.high:.{digits}f}"


def size(parameters: int | None) -> str:
    """Trained numbers, in thousands or millions; a dash for methods that count none."""
    if parameters is None:
        return "–"
    if parameters < 1_000_000:
        return f"{parameters / 1e3:.0f} k"
    return f"{parameters / 1e6:.2f} M"


def notes(report: AccuracyReport) -> list[str]:
    """What a reader must know to read the figures: rows, machine, what was left out."""
    lines = ["Intervals hold 95 %, from 2,000 bootstrap samples of the rows."]
    machines = sorted(
        {
            f"{m.cost.hardware}, {m.cost.threads} thread(s)"
            for m in report.methods
            if m.cost is not None
        }
    )
    lines += [f"Time per crystal measured on {machine}." for machine in machines]
    if report.train_rows is not None:
        lines.append(f"Baselines learned from up to {report.train_rows:,} rows.")
    lines += [f"{m.method}, {m.track}: {m.note}." for m in report.methods if m.note]
    return [*lines, *(f"Not measured: {reason}" for reason in report.skipped)]


def _of_target(report: AccuracyReport, target: str) -> Table:
    """Best first."""
    rows = [m for m in report.methods if target in m.scores]
    rows.sort(key=lambda m: m.scores[target].mae.value)
    title = f"{in_words(target)}, {unit(target)}".rstrip(", ")
    table = _table(f"{title} ({rows[0].scores[target].rows:,} crystals)")
    for heading in ("MAE", "RMSE", "R²"):
        table.add_column(heading, justify="right", no_wrap=True)
    for measured in rows:
        found = measured.scores[target]
        table.add_row(
            _name(measured),
            _cell(found.mae, 4),
            _cell(found.rmse, 4),
            _cell(found.r2, 3),
        )
    return table


def _of_costs(report: AccuracyReport) -> Table:
    table = _table("metal or not, and costs")
    for heading in ("ROC-AUC", "parameters", "ms/crystal", "fitting"):
        table.add_column(heading, justify="right", no_wrap=True)
    for measured in report.methods:
        cost, fitted = measured.cost, measured.fit_seconds
        table.add_row(
            _name(measured),
            "–" if measured.metal is None else _cell(measured.metal, 4),
            size(measured.parameters),
            "–" if cost is None else f"{cost.ms_per_crystal:.2f}",
            "" if fitted is None else f"{fitted:.0f} s",
        )
    return table


def _table(title: str) -> Table:
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("method", no_wrap=True)
    return table


def _name(measured: Measured) -> Text:
    return _with_small_print(measured.method, f"  {measured.track}")


def _cell(figure: Figure, digits: int) -> Text:
    return _with_small_print(f"{figure.value:.{digits}f}", interval(figure, digits))


def _with_small_print(text: str, below: str) -> Text:
    from rich.text import Text

    return Text.assemble(text, "\n", (below, "dim"))
