"""Evaluations per minute by number of workers, and what each evaluation costs besides itself.

python benchmarks/workers.py [--storage postgresql://USER@HOST/DATABASE] [--no-potential]

Two oracles: one that only sleeps, which shows what handing out and collecting costs, and the
potential (CHGNet relaxes decorated prototypes, a hull, a predicted gap), which shows what more
workers gain on this machine. They are called in this process, in worker processes, and by
workers that share an SQLite file or a PostgreSQL database. Without ``--storage`` a PostgreSQL
server is started for it, if one is installed.

Every crew first evaluates one candidate per worker, so that loading counts little. The overhead
is the workers' time that the oracle did not take, per evaluation. Waiting for the first and the
last candidate is in it, so a small batch looks worse than a large one.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import numpy as np
import typer
from pymatgen.core import Lattice, Structure
from rich.console import Console
from rich.table import Table

from campaigns.evaluation.crews import CrewEvaluator
from campaigns.evaluation.processes import Crew
from campaigns.evaluation.protocol import OpenEvaluator
from campaigns.evaluation.queue import Queue, Terms
from campaigns.evaluation.recipe import OracleRecipe, Recipe
from campaigns.evaluation.serial import SerialEvaluator
from campaigns.evaluation.shared import SharedEvaluator
from campaigns.evaluation.storage import Address
from campaigns.evaluation.work import Worker
from campaigns.protocols import Candidate, Oracle, Verdict
from campaigns.versions import galena_version
from materials.candidates.prototypes import aflow_prototypes, decorate
from materials.screens.validity import charge_neutrality, first_rejection, minimum_distance

RESULT = Path(__file__).parent / "results" / "workers.json"
SPEC = """
name: workers
elements: {allowed: [Na, Mg, Zn, Sn, S, Se, O]}
targets: {band_gap: {min: 1.0, max: 2.0}}
oracle: {potential: chgnet, relaxation: {max_steps: 40}}
"""


@dataclass(frozen=True)
class Sleeping:
    """An oracle that takes its time and no processor."""

    seconds: float
    oracle: str = "sleeping"
    cost: float = 1.0

    def build(self) -> Oracle:
        def judge(candidate: Candidate) -> Verdict:
            time.sleep(self.seconds)
            return Verdict(candidate.id, energy_above_hull=0.0, seconds=self.seconds)

        return judge


class Silent:
    """Watches a worker."""

    def idle(self) -> None:
        return

    def taken(self, candidate: Candidate, oracle: str) -> None:
        return

    def told(self, candidate: Candidate, verdict: Verdict, seconds: float) -> None:
        return

    def late(self, candidate: Candidate) -> None:
        return


def main(
    *,
    storage: Annotated[str | None, typer.Option(help="A PostgreSQL database.")] = None,
    workers: Annotated[
        list[int] | None, typer.Option(help="How many; repeat. 1, 2 and 4 if not given.")
    ] = None,
    seconds: Annotated[float, typer.Option(help="That the sleeper sleeps.")] = 0.2,
    sleeps: Annotated[int, typer.Option(help="Candidates for the sleeper.")] = 60,
    relaxations: Annotated[int, typer.Option(help="Candidates for the potential.")] = 12,
    potential: Annotated[bool, typer.Option(help="Measure it too.")] = True,
    output: Annotated[Path, typer.Option("-o", help="Where the figures go.")] = RESULT,
) -> None:
    """Measure, print a table and write the figures as JSON."""
    numbers = workers or [1, 2, 4]
    report: dict[str, Any] = {
        "machine": f"{platform.machine()}, {os.cpu_count()} processors",
        "python": platform.python_version(),
        "galena": galena_version(),
        "threads_per_worker": 1,
        "sleep_seconds": seconds,
        "rows": [],
    }
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="galena-workers-")))
        urls = {"sqlite": f"sqlite:///{folder}/shared.db"}
        if found := storage or stack.enter_context(_server()):
            urls["postgresql"] = found
        jobs: list[tuple[Recipe, list[Candidate]]] = [(Sleeping(seconds), _toys(sleeps))]
        if potential:
            jobs.append((OracleRecipe(spec=SPEC), _crystals(relaxations)))
        for recipe, candidates in jobs:
            for place in ("here", "processes", *urls):
                for n in (1,) if place == "here" else numbers:
                    row = measure(place, recipe, candidates, n, urls.get(place, ""))
                    report["rows"].append(row)
                    output.write_text(json.dumps(report, indent=1) + "\n")
                    Console(stderr=True).print(row)
    _show(report["rows"])


def measure(
    place: str, recipe: Recipe, candidates: list[Candidate], n: int, url: str
) -> dict[str, Any]:
    """One batch at one place."""
    load = os.getloadavg()[0]
    with _opened(place, recipe, n, url) as evaluator:
        first = [_renamed(candidates[0], f"warm-{i}") for i in range(n)]
        built = time.perf_counter()
        list(evaluator(first))
        built = time.perf_counter() - built
        start = time.perf_counter()
        verdicts = list(evaluator(candidates))
        wall = time.perf_counter() - start
        evaluator.finish()
    spent = sum(v.seconds for v in verdicts)
    return {
        "oracle": recipe.oracle,
        "place": place,
        "workers": n,
        "candidates": len(candidates),
        "failed": sum(v.error is not None for v in verdicts),
        "start_seconds": round(built, 2),
        "seconds": round(wall, 2),
        "per_minute": round(60 * len(candidates) / wall, 1),
        "oracle_seconds": round(spent / len(candidates), 3),
        "overhead_ms": round(1000 * (n * wall - spent) / len(candidates), 1),
        "load_before": round(load, 2),
        "load_after": round(os.getloadavg()[0], 2),
    }


@contextmanager
def _opened(place: str, recipe: Recipe, n: int, url: str) -> Iterator[OpenEvaluator]:
    if place == "here":
        with SerialEvaluator(recipe.build()) as evaluator:
            yield evaluator
    elif place == "processes":
        with CrewEvaluator(Crew(recipe, n)) as crew:
            yield crew
    else:
        name = f"bench-{uuid.uuid4().hex[:8]}"
        terms = Terms(name, SPEC, {})
        with SharedEvaluator(
            Address(url), name, terms, oracle=recipe.oracle, cost=recipe.cost
        ) as shared:
            team = [
                get_context("spawn").Process(target=work, args=(url, name, recipe))
                for _ in range(n)
            ]
            for one in team:
                one.start()
            yield shared
            for one in team:
                one.join()


def work(url: str, name: str, recipe: Recipe) -> None:
    """What ``galena campaign work`` does, with this recipe."""
    queue = Queue.join(Address(url), name, seconds=60.0, note=lambda _: None)
    Worker(queue, f"process {os.getpid()}", lambda *_: recipe, Silent()).run()


@contextmanager
def _server() -> Iterator[str]:
    """A PostgreSQL server of our own; its URL is empty if none is installed."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from tests.postgres import programs, server

    if programs() is None:
        yield ""
        return
    with server() as running:
        yield running.url


def _toys(count: int) -> list[Candidate]:
    crystal = Structure(Lattice.cubic(5.6), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    return [
        Candidate(f"toy-{i}", "NaCl", "toy", ("Na", "Cl"), crystal) for i in range(count)
    ]


def _crystals(count: int, seed: int = 0) -> list[Candidate]:
    """Neutral decorated prototypes of the elements whose competing phases are shipped."""
    rng = np.random.default_rng(seed)
    prototypes = aflow_prototypes(n_species=(2, 3), max_sites=8)
    filters = charge_neutrality(), minimum_distance()
    found: dict[str, Candidate] = {}
    while len(found) < count:
        prototype = prototypes[rng.integers(len(prototypes))]
        metals = rng.choice(
            ["Na", "Mg", "Zn", "Sn"], prototype.n_species - 1, replace=False
        )
        elements = rng.permutation([*metals, rng.choice(["S", "Se", "O"])]).tolist()
        crystal = decorate(prototype, elements)
        formula = crystal.composition.reduced_formula
        if formula not in found and first_rejection(crystal, filters) is None:
            found[formula] = Candidate(
                f"{prototype.label}-{formula}",
                formula,
                prototype.label,
                tuple(sorted(elements)),
                crystal,
            )
    return list(found.values())


def _renamed(candidate: Candidate, name: str) -> Candidate:
    return Candidate(
        name,
        candidate.formula,
        candidate.prototype,
        candidate.elements,
        candidate.structure,
    )


def _show(rows: list[dict[str, Any]]) -> None:
    table = Table(box=None)
    columns = {
        "oracle": "oracle",
        "place": "where",
        "workers": "workers",
        "per_minute": "per minute",
        "oracle_seconds": "oracle, s",
        "overhead_ms": "overhead, ms",
        "start_seconds": "start, s",
    }
    for title in columns.values():
        table.add_column(title, justify="right")
    for row in rows:
        table.add_row(*(str(row[name]) for name in columns))
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
