"""How far Galena's own distances from the hull are from DFT's, and whether probabilities hold.

python benchmarks/hull_doubt.py CRYSTALS.parquet

Crystals with a known ``energy_above_hull`` whose every subsystem the shipped references cover
are given an energy by the potential that made the references, in their geometry as it is, and
judged. The difference holds all that is wrong together: the potential, what the references
lack, and the other set of reference phases behind the known value. Its spread on one half of
the crystals (half the width that holds the middle 68 %, so that a few wild ones do not set it)
is the deviation to give to ``galena hull --std``; on the other half the probabilities that
follow from it are held against how many crystals really lie that near. Elements are left out.
"""

from __future__ import annotations

import json
import os
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import typer
from ase import Atoms
from pymatgen.core import Composition, Structure
from pymatgen.io.ase import AseAtomsAdaptor
from rich.console import Console
from rich.table import Table

from campaigns.oracles.shipped import SHIPPED, Coverage, phases_of, shipped_records
from materials.hull import ReferenceHull
from materials.hull.probability import MARGIN, probability_within
from materials.provenance import file_sha256
from models.potentials import load_potential
from models.relaxing.asking import ask_many

RESULT = Path(__file__).parent / "results" / "hull_doubt.json"
COLUMNS = ["formula", "lattice", "atomic_numbers", "frac_coords", "energy_above_hull"]
_BINS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


def main(
    crystals: Annotated[Path, typer.Argument(help="A table with energy_above_hull.")],
    *,
    count: Annotated[int, typer.Option(help="How many to draw at the most.")] = 600,
    max_sites: Annotated[int, typer.Option(help="Largest cell among them.")] = 20,
    near: Annotated[float, typer.Option(help="Largest known distance, eV/atom.")] = 0.3,
    seed: Annotated[int, typer.Option(help="Of the draw.")] = 0,
    output: Annotated[Path, typer.Option("-o", help="Where the figures go.")] = RESULT,
) -> None:
    """Measure, print a table and write the figures as JSON."""
    records = shipped_records()
    hull, covered = ReferenceHull(phases_of(records)), Coverage.of(records)
    potential = load_potential("chgnet")
    if potential.origin != hull.origin:
        raise typer.BadParameter(
            f"references are from {hull.origin}, not {potential.origin}"
        )
    rows = pq.read_table(
        crystals,
        columns=COLUMNS,
        filters=[("n_sites", "<=", max_sites), ("energy_above_hull", "<=", near)],
    ).to_pandas()
    inside = rows[[_covered(covered, formula) for formula in rows["formula"]]]
    drawn = inside.sample(min(count, len(inside)), random_state=seed)
    structures = [_structure(row) for _, row in drawn.iterrows()]
    energies = [
        asked.energy / len(s)
        for asked, s in zip(ask_many(structures, potential), structures, strict=True)
    ]
    judged = hull.judge(list(drawn["formula"]), energies, origin=potential.origin)
    known = drawn["energy_above_hull"].to_numpy(dtype=float)
    figures = study(judged.energy_above_hull, known)
    report = {
        "crystals": {crystals.name: file_sha256(crystals)},
        "references": {p.name: file_sha256(p) for p in SHIPPED if p.exists()},
        "potential": potential.origin,
        "covered": len(inside),
        "drawn": len(drawn),
        "max_sites": max_sites,
        "near": near,
        "seed": seed,
        "cores": os.cpu_count(),
        **figures,
    }
    output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    _print(report)


def study(found: np.ndarray, known: np.ndarray) -> dict[str, Any]:
    """Errors in eV/atom on all crystals, and probabilities on every second one."""
    error = found - known
    fit, held = np.arange(0, len(error), 2), np.arange(1, len(error), 2)
    low, bias, high = np.percentile(error[fit], [15.87, 50.0, 84.13])
    std = float(high - low) / 2.0
    chance = probability_within(found[held], std)
    really = known[held] <= MARGIN
    reliability = []
    for left, right in pairwise(_BINS):
        inside = (chance >= left) & ((chance < right) | (right == 1.0))
        if inside.any():
            reliability.append(
                {
                    "from": left,
                    "to": right,
                    "crystals": int(inside.sum()),
                    "said": round(float(chance[inside].mean()), 3),
                    "found": round(float(really[inside].mean()), 3),
                }
            )
    return {
        "mean_absolute_error": round(float(np.abs(error).mean()), 4),
        "median_error": round(float(bias), 4),
        "spread": round(std, 4),
        "wild": round(float((np.abs(error) > 0.2).mean()), 4),
        "within_margin_agrees": round(
            float(((found <= MARGIN) == (known <= MARGIN)).mean()), 3
        ),
        "brier": round(float(((chance - really) ** 2).mean()), 4),
        "reliability": reliability,
    }


def _covered(covered: Coverage, formula: str) -> bool:
    elements = [e.symbol for e in Composition(formula)]
    return 2 <= len(elements) <= 3 and not covered.missing(elements)


def _structure(row: pd.Series) -> Structure:
    atoms = Atoms(
        numbers=row.atomic_numbers,
        scaled_positions=np.reshape(row.frac_coords, (-1, 3)),
        cell=np.reshape(row.lattice, (3, 3)),
        pbc=True,
    )
    return AseAtomsAdaptor.get_structure(atoms)


def _print(report: dict[str, Any]) -> None:
    console = Console()
    console.print(
        f"{report['drawn']} of {report['covered']:,} covered crystals: MAE "
        f"{1000 * report['mean_absolute_error']:.0f}, median "
        f"{1000 * report['median_error']:+.0f}, spread "
        f"{1000 * report['spread']:.0f} meV/atom; near or not agrees for "
        f"{100 * report['within_margin_agrees']:.0f} %",
        highlight=False,
    )
    grid = Table("probability said", "crystals", "mean said", "really near", box=None)
    for row in report["reliability"]:
        grid.add_row(
            f"{row['from']:.1f}–{row['to']:.1f}",
            str(row["crystals"]),
            f"{row['said']:.2f}",
            f"{row['found']:.2f}",
        )
    console.print(grid)


if __name__ == "__main__":
    typer.run(main)
