"""The hull beside pymatgen's, on the same compositions in one run: equal, and how fast.

python benchmarks/hull.py

Compositions of one to five elements are drawn over the references that Galena ships, in two
ways: of any of their elements, so that nearly every composition has a chemical system of its
own, and of five elements only, whose diagrams pymatgen need build but once. pymatgen gets its
``PhaseDiagram`` per chemical system, kept for the next composition of the same system, and the
entries of that system ready made; Galena reads formulas. Both run on one thread.
"""

from __future__ import annotations

import json
import os
import platform
import time
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from pymatgen.analysis.phase_diagram import PDEntry, PhaseDiagram
from pymatgen.core import Composition
from rich.console import Console
from rich.table import Table

from campaigns.oracles.shipped import SHIPPED, phases_of, shipped_records
from materials.hull import ReferenceHull
from materials.provenance import file_sha256

RESULT = Path(__file__).parent / "results" / "hull.json"
FIVE = ("Cu", "In", "O", "S", "Zn")


def main(
    *,
    count: Annotated[int, typer.Option(help="Compositions compared, each way.")] = 5000,
    many: Annotated[
        int, typer.Option(help="Compositions timed without pymatgen.")
    ] = 100_000,
    seed: Annotated[int, typer.Option(help="Of the draws.")] = 0,
    output: Annotated[Path, typer.Option("-o", help="Where the figures go.")] = RESULT,
) -> None:
    """Compare, print a table and write the figures as JSON."""
    phases = phases_of(shipped_records())
    hull = ReferenceHull(phases)
    random = np.random.default_rng(seed)
    hull.judge(["O"], [0.0], origin=hull.origin)  # compiles, or loads what was compiled
    entries = [
        PDEntry(c, p.energy_per_atom * c.num_atoms)
        for p in phases
        for c in [Composition(p.formula)]
    ]
    cases = {"any elements": hull.elements, "five elements": FIVE}
    found = {
        name: compared(hull, entries, draw(random, elements, count))
        for name, elements in cases.items()
    }
    for name, elements in cases.items():
        formulas = draw(random, elements, many)
        seconds, _ = ours(hull, formulas)
        found[name]["galena_many_per_minute"] = 60.0 * many / seconds
    report = {
        "references": {p.name: file_sha256(p) for p in SHIPPED if p.exists()},
        "phases": len(hull.phases),
        "elements": len(hull.elements),
        "count": count,
        "many": many,
        "seed": seed,
        "hardware": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores",
        "load_average": round(os.getloadavg()[0], 1),
        "versions": {
            name: version(name) for name in ("pymatgen", "numpy", "numba", "scipy")
        },
        "cases": found,
    }
    output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    Console().print(table(found, many))


def draw(random: np.random.Generator, elements: tuple[str, ...], n: int) -> list[str]:
    """Formulas of one to five elements with up to nine atoms of each."""
    formulas = []
    for size in random.integers(1, 6, n):
        chosen = random.choice(elements, size, replace=False)
        formulas.append("".join(f"{e}{random.integers(1, 10)}" for e in chosen))
    return formulas


def compared(
    hull: ReferenceHull, entries: list[PDEntry], formulas: list[str]
) -> dict[str, Any]:
    """Largest difference in eV/atom and compositions per minute of both."""
    seconds, mine = ours(hull, formulas)
    start = time.perf_counter()
    theirs = by_pymatgen(entries, formulas)
    theirs_seconds = time.perf_counter() - start
    difference = np.abs(mine - theirs)
    return {
        "chemical_systems": len({Composition(f).chemical_system for f in formulas}),
        "largest_difference": float(np.nanmax(difference)),
        "differ_by_1e-6": int((difference > 1e-6).sum()),
        "refused_by_pymatgen": int(np.isnan(theirs).sum()),
        "galena_per_minute": 60.0 * len(formulas) / seconds,
        "pymatgen_per_minute": 60.0 * len(formulas) / theirs_seconds,
    }


def ours(hull: ReferenceHull, formulas: list[str]) -> tuple[float, np.ndarray]:
    """Seconds, and the energies of the hull in eV/atom."""
    start = time.perf_counter()
    found = hull.judge(formulas, np.zeros(len(formulas)), origin=hull.origin)
    seconds = time.perf_counter() - start
    return seconds, -found.energy_above_hull


def by_pymatgen(entries: list[PDEntry], formulas: list[str]) -> np.ndarray:
    """eV/atom of the hull, NaN where there is no diagram to be had."""
    inside: dict[frozenset[str], list[PDEntry]] = {}
    for entry in entries:
        inside.setdefault(frozenset(e.symbol for e in entry.composition), []).append(entry)
    diagrams: dict[frozenset[str], PhaseDiagram | None] = {}
    energies = np.full(len(formulas), np.nan)
    for i, formula in enumerate(formulas):
        composition = Composition(formula)
        system = frozenset(e.symbol for e in composition)
        if system not in diagrams:
            kept = [e for s, some in inside.items() if s <= system for e in some]
            try:
                diagrams[system] = PhaseDiagram(kept)
            except (ValueError, RuntimeError):  # QHull could not
                diagrams[system] = None
        diagram = diagrams[system]
        if diagram is not None:
            energies[i] = diagram.get_hull_energy_per_atom(composition)
    return energies


def table(found: dict[str, dict[str, Any]], many: int) -> Table:
    """A row for each way of drawing."""
    grid = Table(
        "drawn from",
        "systems",
        "largest difference\neV/atom",
        "Galena\nper minute",
        "pymatgen\nper minute",
        f"Galena, {many:,}\nper minute",
        box=None,
    )
    for name, case in found.items():
        grid.add_row(
            name,
            f"{case['chemical_systems']:,}",
            f"{case['largest_difference']:.1e}",
            f"{case['galena_per_minute']:,.0f}",
            f"{case['pymatgen_per_minute']:,.0f}",
            f"{case['galena_many_per_minute']:,.0f}",
        )
    return grid


if __name__ == "__main__":
    typer.run(main)
