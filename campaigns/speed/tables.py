"""The speed report for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from campaigns.speed.report import SpeedReport, pace

if TYPE_CHECKING:
    from rich.table import Table

_BUSY = 0.7  # processes, beside this one
_STAGES = ("read", "filter", "graph", "network", "measured gap", "write")


def as_tables(report: SpeedReport) -> Iterator[Table]:
    """One after another, in the order in which people ask."""
    yield _ours(report)
    if report.peers:
        yield _peers(report)
    if report.searches:
        yield _searches(report)
    yield from (_sizes(report, model) for model in report.sizes)
    if report.growth:
        yield _growth(report)
    yield from (_deviations(report, device) for device in report.deviations)
    if report.roofs:
        yield _roofs(report)
    if report.cluster:
        yield _cluster(report)


def notes(report: SpeedReport) -> list[str]:
    """What a reader must know, and the figures that sum it up."""
    fastest = report.fastest
    lines = [
        f"{report.hardware}; {report.table}, SHA-256 {report.sha256[:12]}; "
        f"measured in {report.seconds / 60:.0f} min.",
        f"{fastest.model}, {fastest.workers} workers: {fastest.outcome.per_second:,.0f} "
        f"crystals/s from Parquet to Parquet, "
        f"{100 * fastest.outcome.outside_network:.0f} % of the time outside the networks.",
    ]
    if report.load > _BUSY:
        lines.append(
            f"THE MACHINE WAS BUSY: {report.load:.1f} processes wanted a core before this "
            "began; the figures are too low. Measure again."
        )
    for measured in report.peers:
        if measured.best is not None:
            times = fastest.outcome.per_second / pace(measured)
            lines.append(f"{times:,.0f} times {measured.peer.name}.")
    lines.append(
        "Peers start from arrays in memory and write nothing; the faster of one process "
        "with all cores and one process per core counts. Galena reads and writes beside its "
        "workers, and so does Ray's driver, on the same cores."
    )
    return [*lines, *(f"Not measured: {reason}." for reason in report.left_out)]


def _ours(report: SpeedReport) -> Table:
    table = _table(
        "End to end, Parquet to Parquet (stages: µs of one processor per crystal)",
        ["model", "device", "workers", "crystals/s", *_STAGES, "outside"],
    )
    for one in report.ours:
        found = one.outcome
        stages = [found.stages.get(name, 0.0) / found.crystals * 1e6 for name in _STAGES]
        table.add_row(
            one.model,
            one.device,
            str(one.workers),
            f"{found.per_second:,.0f}",
            *(f"{spent:,.1f}" for spent in stages),
            f"{100 * found.outside_network:.1f} %",
        )
    return table


def _peers(report: SpeedReport) -> Table:
    table = _table(
        "Peers on the same crystals and cores",
        [
            "peer",
            "crystals/s",
            "we are",
            "graph",
            "parameters",
            "weights",
            "failed",
            "batch",
        ],
    )
    ours = report.fastest.outcome.per_second
    for measured in report.peers:
        best = measured.best
        if best is None:
            table.add_row(measured.peer.name, measured.reason)
            continue
        table.add_row(
            measured.peer.name,
            f"{best.crystals_per_second:,.1f}",
            f"{ours / best.crystals_per_second:,.0f} ×",
            f"{100 * best.graph_share:.0f} %",
            f"{measured.parameters:,}" if measured.parameters else "–",
            measured.peer.weights,
            str(len(measured.failures)),
            str(measured.batch),
        )
    return table


def _searches(report: SpeedReport) -> Table:
    first = report.searches[0]
    table = _table(
        f"Neighbours within {first.radius:g} Å of {first.n_crystals} crystals, one thread",
        ["search", "crystals/s", "edges"],
    )
    for timed in sorted(report.searches, key=lambda t: t.seconds):
        rate = f"{timed.crystals_per_second:,.0f}"
        table.add_row(timed.search.name, rate, f"{timed.n_edges:,}")
    return table


def _sizes(report: SpeedReport, model: str) -> Table:
    table = _table(
        f"Cost by size, {model}, one processor",
        ["atoms", "graph µs", "network µs", "µs per atom"],
    )
    for cost in report.sizes[model]:
        both = cost.graph + cost.network
        values = (cost.graph * 1e6, cost.network * 1e6)
        table.add_row(
            str(cost.atoms),
            *(f"{value:,.0f}" for value in values),
            f"{both / cost.atoms * 1e6:,.1f}",
        )
    return table


def _growth(report: SpeedReport) -> Table:
    table = _table(
        "Made candidates, never on disk",
        ["candidates", "crystals/s", "seconds", "peak MiB", "above the model"],
    )
    for found in report.growth:
        table.add_row(
            f"{found.crystals:,}",
            f"{found.per_second:,.0f}",
            f"{found.seconds:,.1f}",
            f"{found.peak_mib:,.0f}",
            f"{found.peak_mib - found.base_mib:,.0f} MiB",
        )
    return table


def _deviations(report: SpeedReport, device: str) -> Table:
    found = report.deviations[device]
    targets = list(found[0].largest)
    table = _table(
        f"Largest deviation from double precision of {found[0].crystals} crystals, {device}",
        ["computed in", *(target.replace("_", " ") for target in targets), "in std"],
    )
    for one in found:
        values = [f"{one.largest[target]:.1e}" for target in targets]
        table.add_row(one.way, *values, f"{one.in_deviations:.1e}")
    return table


def _roofs(report: SpeedReport) -> Table:
    table = _table(
        "Networks against the machine's best",
        ["model", "device", "MFLOP", "MB", "GFLOP/s", "GB/s", "bound µs", "took", "share"],
    )
    for roof in report.roofs:
        table.add_row(
            roof.model,
            roof.device,
            f"{roof.work.flops / 1e6:,.1f}",
            f"{roof.work.bytes / 1e6:,.1f}",
            f"{roof.machine.flops_per_second / 1e9:,.0f}",
            f"{roof.machine.bytes_per_second / 1e9:,.0f}",
            f"{roof.bound * 1e6:,.0f}",
            f"{roof.measured * 1e6:,.0f}",
            f"{100 * roof.share:.0f} %",
        )
    return table


def _cluster(report: SpeedReport) -> Table:
    table = _table("Ray on this machine", ["workers", "crystals/s"])
    for one in report.cluster:
        table.add_row(str(one.workers), f"{one.per_second:,.0f}")
    return table


def _table(title: str, columns: Sequence[str]) -> Table:
    from campaigns.cli import show

    return show.table(columns, title=title)
