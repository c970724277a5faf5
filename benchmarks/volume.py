"""How far the first volume of a candidate is from that of real crystals.

python benchmarks/volume.py CRYSTALS.parquet

Each crystal keeps its shape and coordinates and loses its size; ``fitted_volume`` and
``estimate_volume`` guess it back. The coefficients of the former were fitted to the Materials
Project's crystals of ``mp_train.parquet``: take others. Beside them, the sum of atomic spheres
(Slater radii) times one factor, fitted to these very crystals, which is as good as radii alone
can be.

With ``--types``, a file of structure types, the geometry is another's too: a crystal of the
same type lends its shape and coordinates, as it does to a candidate.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import typer
from ase import Atoms
from pymatgen.core import Element, Structure
from pymatgen.io.ase import AseAtomsAdaptor
from rich.console import Console
from rich.table import Table

from materials.candidates.exchange import CARRIED, exchanged, rescaled
from materials.candidates.fitted_volume import fitted_volume
from materials.candidates.types_file import read_types
from materials.candidates.volume import estimate_volume
from materials.provenance import file_sha256

RESULT = Path(__file__).parent / "results" / "volume.json"
COLUMNS = ["lattice", "atomic_numbers", "frac_coords"]


def main(
    crystals: Annotated[Path, typer.Argument(help="A Parquet table of real crystals.")],
    *,
    count: Annotated[int, typer.Option(help="How many to draw.")] = 500,
    seed: Annotated[int, typer.Option(help="Of the draw.")] = 0,
    types: Annotated[
        Path | None, typer.Option(help="Structure types: geometry from another crystal.")
    ] = None,
    output: Annotated[Path, typer.Option("-o", help="Where the figures go.")] = RESULT,
) -> None:
    """Measure, print a table and write the figures as JSON."""
    rows = pq.read_table(crystals, columns=COLUMNS).to_pandas()
    count = min(count, len(rows))
    drawn = [structure(row) for _, row in rows.sample(count, random_state=seed).iterrows()]
    true = np.array([crystal.volume for crystal in drawn])  # (count,) Å3
    spheres = np.array([sphere_volume(crystal) for crystal in drawn])
    figures = {
        "fitted_volume": errors(np.array([fitted_volume(c) for c in drawn]), true),
        "estimate_volume": errors(np.array([estimate_volume(c) for c in drawn]), true),
        "atomic radii": errors(spheres * np.median(true / spheres), true),
    }
    report = {"crystals": count, "seed": seed, "sha256": file_sha256(crystals)}
    report["relative_error"] = figures
    show(figures, f"{count} crystals")
    if types is not None:
        lent = exchanges(types, count, seed)
        report["exchanged"] = {"sha256": file_sha256(types), "relative_error": lent}
        show(lent, "in the geometry of another crystal of the type")
    output.write_text(json.dumps(report, indent=1) + "\n")


def show(figures: dict[str, dict[str, float]], title: str) -> None:
    heads = ("mean |error|", "median |error|", "95 % within", "mean error")
    table = Table("method", *heads, title=title)
    for name, figure in figures.items():
        table.add_row(name, *(f"{100 * value:.1f} %" for value in figure.values()))
    Console().print(table)


def exchanges(path: Path, count: int, seed: int) -> dict[str, dict[str, float]]:
    """Errors where one occupant of a type gets the elements of another."""
    rng = np.random.default_rng(seed)
    several = [t for t in read_types(path) if t.count > 1 and t.prototype.n_species > 1]
    rows = []
    for place in rng.permutation(len(several))[:count]:
        known = several[place]
        one, other = (known.occupants[i] for i in rng.choice(known.count, 2, replace=False))
        new = dict(zip(one.elements, other.elements, strict=True))
        crystal = exchanged(one, new)
        guesses = [estimate_volume(crystal), fitted_volume(crystal)]
        guesses += [
            rescaled(crystal, one.structure(), carried=part).volume
            for part in (CARRIED, 1.0)
        ]
        rows.append([guess / other.volume for guess in guesses])
    ratios = np.array(rows)
    names = ("estimate_volume", "fitted_volume", f"carried {CARRIED}", "carried 1")
    return {
        name: errors(column, np.ones(len(column)))
        for name, column in zip(names, ratios.T, strict=True)
    }


def structure(row: pd.Series) -> Structure:
    """The crystal of one row; its size plays no part in the estimate."""
    atoms = Atoms(
        numbers=row.atomic_numbers,
        scaled_positions=np.reshape(row.frac_coords, (-1, 3)),
        cell=np.reshape(row.lattice, (3, 3)),
        pbc=True,
    )
    return AseAtomsAdaptor.get_structure(atoms)


def sphere_volume(crystal: Structure) -> float:
    """Å3 of all atomic spheres together; elements without a radius count as 1.5 Å."""
    radii = [Element.from_Z(z).atomic_radius or 1.5 for z in crystal.atomic_numbers]
    return float(4.0 / 3.0 * np.pi * np.sum(np.array(radii, dtype=float) ** 3))


def errors(estimated: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """Relative errors of the volume."""
    relative = estimated / true - 1.0
    return {
        "mean_absolute": round(float(np.abs(relative).mean()), 4),
        "median_absolute": round(float(np.median(np.abs(relative))), 4),
        "percentile_95": round(float(np.percentile(np.abs(relative), 95)), 4),
        "mean": round(float(relative.mean()), 4),
    }


if __name__ == "__main__":
    typer.run(main)
