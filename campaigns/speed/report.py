"""The whole measurement: Galena, its peers, searches, sizes, numbers, precisions."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from campaigns.screening.local import processors
from campaigns.speed.child import Outcome
from campaigns.speed.measure import (
    ClusterPace,
    Deviation,
    EndToEnd,
    SizeCost,
    by_size,
    deviations,
    end_to_end,
    growing,
    on_a_cluster,
    sample,
)
from campaigns.versions import galena_version, installed
from materials.provenance import file_sha256
from models.evaluation.answers import processor_name
from models.evaluation.roofline import Machine, Work, count_work, measure_machine
from models.evaluation.speed.fair import Measured, measure
from models.evaluation.speed.peers import PEERS
from models.evaluation.speed.searches import SEARCHES, SearchTime, time_search

_RADIUS = 5.0  # Å; about what the networks see
_BATCH = 512  # crystals whose work is counted
_N_PRECISION = 1000  # crystals


@dataclass(frozen=True)
class Roof:
    """A network's work, and the share of the machine's best that is reached."""

    model: str
    device: str
    work: Work
    machine: Machine
    bound: float  # s per crystal, by the roofline
    measured: float  # s per crystal, of the networks alone

    @property
    def share(self) -> float:
        """Of the roofline's pace; above one where fusing spares memory traffic."""
        return self.bound / self.measured


@dataclass(frozen=True)
class SpeedReport:
    """Everything that was measured, and on what."""

    table: str
    sha256: str
    hardware: str
    versions: dict[str, str]
    load: float  # processes that wanted a core in the minute before
    seconds: float
    ours: tuple[EndToEnd, ...]
    peers: tuple[Measured, ...]
    searches: tuple[SearchTime, ...]
    sizes: dict[str, tuple[SizeCost, ...]]  # by model
    growth: tuple[Outcome, ...]
    deviations: dict[str, tuple[Deviation, ...]]  # by device
    roofs: tuple[Roof, ...]
    cluster: tuple[ClusterPace, ...]
    left_out: tuple[str, ...] = field(default_factory=tuple)

    @property
    def fastest(self) -> EndToEnd:
        """Galena at its fastest on processors."""
        on_cpu = [one for one in self.ours if one.device == "cpu"]
        return max(on_cpu, key=lambda one: one.outcome.per_second)

    @property
    def best_peer(self) -> Measured | None:
        """The fastest peer that predicts with a network."""
        networks = [m for m in self.peers if m.best and m.peer.weights != "none"]
        return max(networks, key=lambda m: pace(m), default=None)


def pace(measured: Measured) -> float:
    """Crystals per second of a peer, NaN if it gave none."""
    return measured.best.crystals_per_second if measured.best else math.nan


@dataclass(frozen=True)
class Wanted:
    """How much is measured."""

    peer_crystals: int = 256
    candidates: tuple[int, ...] = (1_000, 10_000, 100_000, 1_000_000)
    cluster: bool = True
    peers: bool = True


def run_speed(
    table: Path,
    models: dict[str, Path],
    wanted: Wanted,
    *,
    tell: Callable[[str], None],
) -> SpeedReport:
    """Measure everything on this machine, one thing after another.

    ``models`` are folders by name, the first of which is also measured by size and number.
    What cannot be measured here is left out, with the reason.
    """
    began = time.monotonic()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else math.nan
    cores = processors()
    devices = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    first = next(iter(models.values()))
    left_out: list[str] = []
    tell(f"screening {table.name}")
    ours = tuple(end_to_end(table, models, devices=devices, cores=cores))
    crystals = sample(table, max(wanted.peer_crystals, 4000))
    peers = []
    for peer in PEERS.values() if wanted.peers else ():
        tell(f"asking {peer.name}")
        peers.append(measure(peer, crystals[: wanted.peer_crystals], cores=cores))
    searches = []
    for search in SEARCHES.values() if wanted.peers else ():
        if search.installed:
            tell(f"searching neighbours with {search.name}")
            searches.append(time_search(search, crystals[:512], _RADIUS))
        else:
            left_out.append(f"{search.name}: not installed ({search.install})")
    tell("cells of 8 to 512 atoms")
    sizes = {
        name: tuple(by_size(_load(folder), crystals)) for name, folder in models.items()
    }
    growth: list[Outcome] = []
    for n in wanted.candidates:
        tell(f"{n:,} made candidates")
        growth += growing(first, [n], device=devices[-1], workers=cores)
    tell("precisions")
    off = {
        device: tuple(deviations(first, crystals[:_N_PRECISION], device=device))
        for device in devices
    }
    tell("counting operations and bytes")
    roofs = tuple(_roofs(ours, models, crystals, cores))
    cluster: tuple[ClusterPace, ...] = ()
    if wanted.cluster and installed("ray") != "not installed":
        tell("screening on a Ray cluster of this machine")
        cluster = tuple(on_a_cluster(table, first, most=cores))
    elif wanted.cluster:
        left_out.append("Ray: not installed (pip install 'galena-materials[ray]')")
    if len(devices) == 1:
        left_out.append("GPU: there is none here")
    return SpeedReport(
        table=table.name,
        sha256=file_sha256(table),
        hardware=_hardware(),
        load=load,
        versions={"galena": galena_version(), "torch": str(torch.__version__)},
        seconds=time.monotonic() - began,
        ours=ours,
        peers=tuple(peers),
        searches=tuple(searches),
        sizes=sizes,
        growth=tuple(growth),
        deviations=off,
        roofs=roofs,
        cluster=cluster,
        left_out=tuple(left_out),
    )


def write_json(report: SpeedReport, path: Path) -> None:
    """Everything, with the derived figures people ask for."""
    path.write_text(json.dumps(as_plain(report), indent=1) + "\n", encoding="utf-8")


def as_plain(report: SpeedReport) -> dict[str, Any]:
    """As JSON holds it: numbers and texts, no values of single crystals."""
    plain = asdict(report)
    for one, found in zip(plain["ours"], report.ours, strict=True):
        one["outcome"] |= _rates(found.outcome)
    plain["growth"] = [asdict(one) | _rates(one) for one in report.growth]
    plain["roofs"] = [asdict(roof) | {"share": roof.share} for roof in report.roofs]
    plain["peers"] = [_peer(measured) for measured in report.peers]
    plain["searches"] = [
        {
            "name": timed.search.name,
            "radius": timed.radius,
            "crystals": timed.n_crystals,
            "edges": timed.n_edges,
            "seconds": timed.seconds,
            "crystals_per_second": timed.crystals_per_second,
        }
        for timed in report.searches
    ]
    best = report.best_peer
    ours = report.fastest.outcome.per_second
    plain["summary"] = {
        "crystals_per_second": ours,
        "outside_network": report.fastest.outcome.outside_network,
        "times_faster": {
            m.peer.name: ours / pace(m) for m in report.peers if m.best is not None
        },
        "fastest_peer": best.peer.name if best else None,
    }
    return plain


def _rates(outcome: Outcome) -> dict[str, float]:
    return {
        "crystals_per_second": outcome.per_second,
        "outside_network": outcome.outside_network,
        "above_model_mib": outcome.peak_mib - outcome.base_mib,
    }


def _peer(measured: Measured) -> dict[str, Any]:
    return {
        "name": measured.peer.name,
        "distribution": measured.peer.distribution,
        "version": installed(measured.peer.distribution),
        "weights": measured.peer.weights,
        "settings": measured.peer.settings,
        "batch": measured.batch,
        "crystals": measured.n_crystals,
        "failed": len(measured.failures),
        "parameters": measured.parameters,
        "paces": [asdict(one) for one in measured.paces],
        "reason": measured.reason,
    }


def _roofs(
    ours: tuple[EndToEnd, ...], models: dict[str, Path], crystals: list[Any], cores: int
) -> list[Roof]:
    from materials.flat import FlatCrystals
    from models.graphs.search import crystal_graphs

    found = []
    few = FlatCrystals.from_arrays(crystals[:_BATCH], {})
    for one in ours:
        if one.device == "cpu" and one.workers != cores:
            continue
        predictor = _load(models[one.model], one.device)
        graphs = crystal_graphs(
            few, predictor.manifest.train.net.graph, device=predictor.device
        )
        work = count_work(predictor, graphs.cut(0, len(few)))
        machine = measure_machine(predictor.device, threads=cores)
        spent = one.outcome.stages["network"] / one.outcome.crystals
        if one.device == "cpu":
            spent /= cores
        bound = machine.seconds(work)
        found.append(Roof(one.model, one.device, work, machine, bound, spent))
    return found


def _load(folder: Path, device: str = "cpu") -> Any:
    from models.inference import Predictor

    return Predictor.load(folder, device=device)


def _hardware() -> str:
    if torch.cuda.is_available():
        return f"{torch.cuda.get_device_name()}; {processor_name()}"
    return processor_name()
