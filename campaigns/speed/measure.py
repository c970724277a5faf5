"""What is measured of Galena's own screening."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from campaigns.screening.local import one_thread_each
from campaigns.speed.child import Outcome, Plan, measured
from materials.flat import FlatCrystals
from materials.table import CrystalTable

if TYPE_CHECKING:
    from models.graphs.build import CrystalArrays
    from models.inference import Precision, Predictor

ELEMENTS = (
    *("Li", "Na", "K", "Mg", "Ca", "Sr", "Ba", "Al", "Si", "Ti", "V", "Cr", "Mn", "Fe"),
    *("Co", "Ni", "Cu", "Zn", "Ge", "Zr", "Nb", "Mo", "Sn", "Bi", "B", "C", "N", "O"),
    *("F", "P", "S", "Cl", "Se", "Br", "I"),
)
"""What made candidates are made of: common, and enough for billions."""

SIZES = (8, 16, 32, 64, 128, 256, 512)
"""Atoms per cell at which the cost is measured."""


@dataclass(frozen=True)
class EndToEnd:
    """A table from Parquet to Parquet."""

    model: str
    device: str
    precision: str
    workers: int
    outcome: Outcome


@dataclass(frozen=True)
class SizeCost:
    """What a crystal of so many atoms costs one processor, or the GPU."""

    atoms: int
    crystals: int
    graph: float  # s per crystal
    network: float  # s per crystal


@dataclass(frozen=True)
class Deviation:
    """How far one way of computing is from double precision, at most over the crystals."""

    way: str
    largest: dict[str, float]  # by target, in its unit
    in_deviations: float  # largest over all targets, in predicted standard deviations
    crystals: int


@dataclass(frozen=True)
class ClusterPace:
    """Crystals per second on a Ray cluster once its workers run."""

    workers: int
    per_second: float


def end_to_end(
    table: Path, models: dict[str, Path], *, devices: Sequence[str], cores: int
) -> Iterator[EndToEnd]:
    """Each model on all processors; the first one three times, and on one processor."""
    for place, (name, folder) in enumerate(models.items()):
        for device in devices:
            several = {cores} if place else {1, cores}
            for workers in sorted(several) if device == "cpu" else [2]:
                plan = Plan(
                    {"table": str(table)},
                    str(folder),
                    device=device,
                    workers=workers,
                    repeats=1 if place else 3,
                )
                yield EndToEnd(name, device, "float32", workers, measured(plan))


def growing(
    model: Path, counts: Sequence[int], *, device: str, workers: int
) -> Iterator[Outcome]:
    """So many made candidates, each in a new process."""
    for n in counts:
        candidates = {"elements": {"allowed": ELEMENTS}, "n_species": [2, 3], "limit": n}
        plan = Plan({"candidates": candidates}, str(model), device=device, workers=workers)
        yield measured(plan)


def sample(table: Path, n: int, *, seed: int = 0) -> list[CrystalArrays]:
    """So many crystals of a table, drawn evenly, without those that cannot be used."""
    from models.graphs.build import CrystalArrays

    whole = CrystalTable.open(table)
    chosen = np.sort(
        np.random.default_rng(seed).choice(len(whole), min(n, len(whole)), replace=False)
    )
    rows = whole.rows()
    wanted = set(chosen.tolist())
    return [
        CrystalArrays(row.atomic_numbers, row.frac_coords, row.lattice)
        for number, row in enumerate(rows)
        if number in wanted and row.error is None
    ]


def by_size(
    predictor: Predictor, crystals: Sequence[CrystalArrays], *, at_once: int = 20_000
) -> Iterator[SizeCost]:
    """Cells of each size: supercells of real crystals that divide it, about as many atoms."""
    from models.clock import Clock

    for atoms in SIZES:
        fitting = [c for c in crystals if atoms % len(c.atomic_numbers) == 0]
        chosen = [_supercell(c, atoms) for c in fitting[: max(1, at_once // atoms)]]
        if not chosen:
            continue
        flat = FlatCrystals.from_arrays(chosen, {})
        clocks = []
        for _ in range(3):
            clock = Clock()
            with one_thread_each():
                predictor.predict_flat(flat, compiled=True, clock=clock)
            clocks.append(clock.seconds)
        best = min(clocks, key=lambda seconds: sum(seconds.values()))
        n = len(chosen)
        yield SizeCost(atoms, n, best["graph"] / n, best["network"] / n)


def deviations(
    model: Path, crystals: Sequence[CrystalArrays], *, device: str
) -> Iterator[Deviation]:
    """Every precision, and the compiled way, against double precision."""
    from models.inference import Predictor

    flat = FlatCrystals.from_arrays(list(crystals), {})
    exact = Predictor.load(model, device=device, precision="float64").predict_flat(
        flat, compiled=False
    )
    ways: list[tuple[str, Precision, bool]] = [("float32", "float32", False)]
    if device == "cpu":
        ways.append(("float32, compiled", "float32", True))
    ways.append(("bfloat16", "bfloat16", False))
    for name, precision, compiled in ways:
        predictor = Predictor.load(model, device=device, precision=precision)
        found = predictor.predict_flat(flat, compiled=compiled)
        off = np.abs(found.mean - exact.mean)  # (n, n_targets)
        largest = dict(zip(found.targets, np.nanmax(off, axis=0).tolist(), strict=True))
        yield Deviation(name, largest, float(np.nanmax(off / exact.std)), len(found))


def on_a_cluster(table: Path, model: Path, *, most: int) -> Iterator[ClusterPace]:
    """A Ray cluster on this machine with one worker, then with more.

    Counted from the first result on, so that starting workers does not count.
    """
    from campaigns.screening.ray import screen_on_ray
    from campaigns.screening.recipe import Recipe
    from campaigns.screening.sources import open_source
    from campaigns.screening.spec import ScreenSpec

    rows = max(1, min(1024, len(CrystalTable.open(table)) // (8 * most)))
    spec = ScreenSpec(table=str(table), rows_per_shard=rows)
    recipe = Recipe.of(spec, model, device="cpu", precision="float32")
    for workers in sorted({1, most}):
        with _cluster(workers) as address:
            tasks = open_source(spec).tasks(frozenset())
            done = [
                (time.perf_counter(), result.counts.given)
                for result in screen_on_ray(tasks, recipe, address=address, workers=workers)
            ]
        first, last = done[workers][0], done[-1][0]  # every worker is warm by then
        n = sum(crystals for _, crystals in done[workers + 1 :])
        yield ClusterPace(workers, n / (last - first))


@contextmanager
def _cluster(n_nodes: int) -> Iterator[str]:
    """Nodes of one processor each, on this machine."""
    from ray.cluster_utils import Cluster

    cluster: Any = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        for _ in range(n_nodes - 1):
            cluster.add_node(num_cpus=1)
        cluster.wait_for_nodes()
        yield str(cluster.address)
    finally:
        cluster.shutdown()


def _supercell(crystal: CrystalArrays, atoms: int) -> CrystalArrays:
    """The crystal written with so many atoms, as near to a cube as doubling goes."""
    numbers, frac, lattice = crystal
    times = np.ones(3, dtype=np.int64)
    left = atoms // len(numbers)
    for factor in _factors(left):
        times[np.argmin(np.linalg.norm(lattice, axis=1) * times)] *= factor
    grid = np.stack(np.meshgrid(*map(np.arange, times), indexing="ij"), -1).reshape(-1, 3)
    places = (frac[None] + grid[:, None]).reshape(-1, 3) / times
    return type(crystal)(np.tile(numbers, len(grid)), places, lattice * times[:, None])


def _factors(n: int) -> list[int]:
    """Prime factors, the largest first."""
    found = []
    factor = 2
    while n > 1:
        while n % factor == 0:
            found.append(factor)
            n //= factor
        factor += 1
    return found[::-1]
