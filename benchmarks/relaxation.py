"""Relaxations per minute: all at once, against CHGNet's own optimizer one by one.

python benchmarks/relaxation.py [--table CRYSTALS.parquet]

The crystals are decorated prototypes, neutral ones, at the estimated volume; with a table,
half of them are known crystals of it, 5 % larger and shaken by 0.05 Å. Both sides have the
same weights, limits and number of threads. ``StructOptimizer`` of the ``chgnet`` package is
taken as it comes, with FIRE, and with BFGS, whose steps are the same as here.

Two energies may differ because a crystal has more than one minimum, or because steps ran out;
each crystal that differs by more than 5 meV/atom is listed with what is the matter.
"""

from __future__ import annotations

import json
import os
import platform
import time
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import torch
import typer
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Lattice, Structure
from rich.console import Console
from rich.progress import track
from rich.table import Table

from campaigns.versions import galena_version
from materials.candidates.prototypes import aflow_prototypes, decorate
from materials.provenance import file_sha256
from materials.relaxation import RelaxationSettings
from materials.screens.validity import charge_neutrality, first_rejection, minimum_distance
from models.potentials import load_potential
from models.relaxing.many import relax_many

RESULT = Path(__file__).parent / "results" / "relaxation.json"
CATIONS = "Li Na K Mg Ca Sr Ba Al Ga In Sc Y La Ti Zr Zn Cd Cu Ag Si Ge Sn Pb Sb Bi"
ANIONS = "O S Se Te F Cl Br I N P As"
ALIKE = 0.005  # eV/atom


@dataclass(frozen=True)
class Relaxed:
    """What came of one crystal, on either side."""

    energy: float  # eV/atom; NaN after an error
    converged: bool
    n_steps: int
    structure: Structure | None


def main(
    *,
    table: Annotated[Path | None, typer.Option(help="Known crystals.")] = None,
    count: Annotated[int, typer.Option(help="Crystals.")] = 100,
    max_sites: Annotated[int, typer.Option(help="Of a crystal.")] = 12,
    max_force: Annotated[float, typer.Option(help="eV/Å.")] = 0.05,
    max_steps: Annotated[int, typer.Option(help="Of a crystal.")] = 200,
    threads: Annotated[int, typer.Option(help="Of torch.")] = 2,
    seed: Annotated[int, typer.Option(help="Of the draw.")] = 0,
    output: Annotated[Path, typer.Option("-o", help="Where the figures go.")] = RESULT,
) -> None:
    """Measure, print a table and write the figures as JSON."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(threads)
    limits = RelaxationSettings(
        max_force=max_force, max_steps=max_steps, time_limit=float("1e9")
    )
    n_known = count // 2 if table else 0
    crystals = decorated(count - n_known, max_sites, seed)
    if table:
        crystals += known(table, n_known, max_sites, seed)
    report: dict[str, Any] = {
        "crystals": count,
        "known": n_known,
        "table": file_sha256(table) if table else None,
        "atoms": int(sum(len(c) for c in crystals)),
        "seed": seed,
        "threads": threads,
        "limits": asdict(limits),
        "machine": f"{platform.machine()}, {os.cpu_count()} processors",
        "load_before": round(os.getloadavg()[0], 2),
        "torch": torch.__version__,
        "galena": galena_version(),
        "ways": {},
    }
    ours, report["ways"]["batched"] = all_at_once(crystals, limits)
    for name in ("BFGS", "FIRE"):
        theirs, figures = one_by_one(crystals, limits, name)
        figures |= compare(ours, theirs, crystals)
        report["ways"][f"StructOptimizer, {name}"] = figures
        report["load_after"] = round(os.getloadavg()[0], 2)
        output.write_text(json.dumps(report, indent=1) + "\n")  # the next may take long
    show(report["ways"])


def decorated(count: int, max_sites: int, seed: int) -> list[Structure]:
    """Prototypes with elements that can be neutral together."""
    rng = np.random.default_rng(seed)
    prototypes = aflow_prototypes(n_species=(2, 3), max_sites=max_sites)
    filters = charge_neutrality(), minimum_distance()
    found: dict[tuple[str, ...], Structure] = {}
    while len(found) < count:
        prototype = prototypes[rng.integers(len(prototypes))]
        metals = rng.choice(CATIONS.split(), prototype.n_species - 1, replace=False)
        elements = [*metals.tolist(), str(rng.choice(ANIONS.split()))]
        elements = rng.permutation(elements).tolist()
        crystal = decorate(prototype, elements)
        if first_rejection(crystal, filters) is None:
            found[(prototype.label, *elements)] = crystal
    return list(found.values())


def known(table: Path, count: int, max_sites: int, seed: int) -> list[Structure]:
    """Crystals of a table, moved away from where they were."""
    columns = ["n_sites", "lattice", "atomic_numbers", "frac_coords"]
    frame = pd.read_parquet(table, columns=columns)
    drawn = frame[frame.n_sites <= max_sites].sample(count, random_state=seed)
    found = []
    for number, (_, row) in enumerate(drawn.iterrows()):
        crystal = Structure(
            Lattice(np.reshape(np.asarray(row.lattice, dtype=float), (3, 3))),
            row.atomic_numbers,
            np.reshape(row.frac_coords, (-1, 3)),
        )
        crystal.scale_lattice(1.05 * crystal.volume)
        crystal.perturb(0.05, seed=seed + number)
        found.append(crystal)
    return found


def all_at_once(
    crystals: Sequence[Structure], limits: RelaxationSettings
) -> tuple[list[Relaxed], dict[str, Any]]:
    """Galena's way."""
    potential = load_potential("chgnet", device="cpu")
    list(relax_many(crystals[:2], potential, RelaxationSettings(max_steps=2)))  # warm
    watch = Watch()
    records = list(relax_many(crystals, potential, limits))
    found = [
        Relaxed(
            np.nan if r.energy_per_atom is None else r.energy_per_atom,
            r.converged,
            r.n_steps,
            r.structure,
        )
        for r in records
    ]
    figures = watch.figures(found)
    figures["errors"] = [r.error for r in records if r.error is not None]
    return found, figures


def one_by_one(
    crystals: Sequence[Structure], limits: RelaxationSettings, optimizer: str
) -> tuple[list[Relaxed], dict[str, Any]]:
    """CHGNet's way."""
    from chgnet.model.dynamics import StructOptimizer

    potential = load_potential("chgnet", device="cpu")
    relaxer = StructOptimizer(potential.calculator, optimizer_class=optimizer)
    relaxer.relax(crystals[0].copy(), steps=2, verbose=False)  # warm
    watch = Watch()
    found = []
    for crystal in track(crystals, description=optimizer, transient=True):
        try:
            told = relaxer.relax(
                crystal.copy(),
                fmax=limits.max_force,
                steps=limits.max_steps,
                verbose=False,
            )
        except Exception:  # noqa: BLE001 - counted as failed
            found.append(Relaxed(np.nan, False, 0, None))
            continue
        path = told["trajectory"]
        n_steps = len(path) - 2  # the start, and the end twice
        forces = np.linalg.norm(path.forces[-1], axis=1).max()
        done = bool(n_steps < limits.max_steps and forces <= limits.max_force)
        energy = path.energies[-1] / len(crystal)
        found.append(Relaxed(float(energy), done, n_steps, told["final_structure"]))
    return found, watch.figures(found)


class Watch:
    """Time and processor time since it was made."""

    def __init__(self) -> None:
        self._wall, self._spent = time.monotonic(), time.process_time()

    def figures(self, found: Sequence[Relaxed]) -> dict[str, Any]:
        """Of so many relaxations."""
        wall, spent = time.monotonic() - self._wall, time.process_time() - self._spent
        return {
            "per_minute": round(60 * len(found) / wall, 1),
            "seconds": round(wall, 1),
            "processor_seconds": round(spent, 1),
            "steps": sum(one.n_steps for one in found),
            "converged": sum(one.converged for one in found),
            "failed": sum(one.structure is None for one in found),
        }


def compare(
    ours: Sequence[Relaxed], theirs: Sequence[Relaxed], crystals: Sequence[Structure]
) -> dict[str, Any]:
    """How far energies are apart, and why where they are."""
    apart = np.array([a.energy - b.energy for a, b in zip(ours, theirs, strict=True)])
    there = np.isfinite(apart)
    differing = np.flatnonzero(there & (np.abs(apart) > ALIKE))
    return {
        "compared": int(there.sum()),
        "within_5_meV": int((np.abs(apart[there]) <= ALIKE).sum()),
        "largest_difference": round(float(np.abs(apart[there]).max()), 4),
        "median_difference": float(np.median(np.abs(apart[there]))),
        "ours_lower": int((apart[differing] < 0).sum()),
        "differing": [
            {
                "formula": crystals[k].composition.reduced_formula,
                "difference": round(float(apart[k]), 4),
                "why": why(ours[k], theirs[k]),
            }
            for k in differing
        ],
    }


def why(ours: Relaxed, theirs: Relaxed) -> str:
    """What tells two results apart."""
    unfinished = [
        name
        for name, one in (("batched", ours), ("StructOptimizer", theirs))
        if not one.converged
    ]
    if unfinished:
        return f"not converged: {', '.join(unfinished)}"
    if StructureMatcher(scale=False).fit(ours.structure, theirs.structure):
        return "one minimum, flat"
    return "another minimum"


def show(ways: dict[str, dict[str, Any]]) -> None:
    """Print a row for each way."""
    table = Table("", "per minute", "processor s", "steps", "converged", "within 5 meV")
    for name, way in ways.items():
        alike = f"{way['within_5_meV']}/{way['compared']}" if "compared" in way else ""
        figures = way["per_minute"], way["processor_seconds"], way["steps"]
        table.add_row(name, *map(str, figures), str(way["converged"]), alike)
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
