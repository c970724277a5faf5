"""Which potential should be the default: accuracy against DFT, and cost.

python benchmarks/potentials.py TABLE.parquet… [--potential chgnet --potential sevennet-l3i5]

From tables with ``formation_energy_per_atom`` (eV/atom, DFT) pairs of polymorphs are drawn:
two crystals of one formula. Each crystal is moved away from its DFT geometry (5 % more volume,
atoms shaken by 0.05 Å) and relaxed with every potential. What is compared with DFT:

- the energy between the two polymorphs, in which reference energies and the corrections of the
  Materials Project cancel, and which of the two is lower;
- the formation energy, with the elements' most stable crystals of the tables as references.
  Corrections do not cancel here: they are in the DFT values, in CHGNet's training and not in
  SevenNet's. A second figure is for crystals without elements that have any;
- the volume and the geometry.

Cost is processor time, which does not change much where a machine is shared. The potentials
have seen these or similar crystals in training (MPtrj), all of them alike.
"""

from __future__ import annotations

import json
import platform
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import torch
import typer
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Composition, Element, Lattice, Structure
from rich.console import Console
from rich.table import Table

from campaigns.versions import galena_version
from materials.provenance import file_sha256
from materials.relaxation import RelaxationRecord, RelaxationSettings
from models.potentials import Potential, load_potential
from models.relaxing.many import relax_many

RESULT = Path(__file__).parent / "results" / "potentials.json"
LIMITS = RelaxationSettings(max_force=0.05, max_steps=100, time_limit=1e9)
CORRECTED = {"O", "S", "F", "Cl", "Br", "I", "N", "Se", "Si", "Sb", "Te", "H"}
LABEL = "formation_energy_per_atom"


def main(
    tables: Annotated[list[Path], typer.Argument(help="Parquet tables with labels.")],
    *,
    potential: Annotated[
        list[str] | None, typer.Option(help="Name of a potential; repeat for more.")
    ] = None,
    pairs: Annotated[int, typer.Option(help="Pairs of polymorphs.")] = 75,
    max_sites: Annotated[int, typer.Option(help="Of a crystal.")] = 6,
    threads: Annotated[int, typer.Option(help="Of torch.")] = 1,
    seed: Annotated[int, typer.Option(help="Of the draw.")] = 0,
    output: Annotated[Path, typer.Option("-o", help="Where the figures go.")] = RESULT,
) -> None:
    """Measure, print a table and write the figures as JSON."""
    torch.set_num_threads(threads)
    columns = ["formula", "n_sites", "lattice", "atomic_numbers", "frac_coords", LABEL]
    frame = pd.concat([pd.read_parquet(table, columns=columns) for table in tables])
    frame = frame[frame.n_sites <= max_sites].dropna(subset=[LABEL])
    references = elements(frame)
    drawn = draw(frame, set(references), pairs, seed)
    crystals = [structure(row) for _, row in drawn.iterrows()]
    report: dict[str, Any] = {
        "crystals": len(crystals),
        "max_sites": max_sites,
        "seed": seed,
        "threads": threads,
        "limits": asdict(LIMITS),
        "tables": {table.name: file_sha256(table) for table in tables},
        "machine": f"{platform.machine()}, {platform.system()}, shared with other work",
        "torch": torch.__version__,
        "galena": galena_version(),
        "potentials": {},
    }
    for name in potential or ["chgnet", "sevennet-0", "sevennet-l3i5"]:
        loaded = load_potential(name, device="cpu")
        figures = measure(loaded, crystals, drawn[LABEL].to_numpy(), references, seed)
        report["potentials"][loaded.origin] = figures
        output.write_text(json.dumps(report, indent=1) + "\n")
    show(report["potentials"])


def structure(row: Any) -> Structure:
    """The crystal of one row."""
    return Structure(
        Lattice(np.reshape(np.asarray(row.lattice, dtype=float), (3, 3))),
        row.atomic_numbers,
        np.reshape(row.frac_coords, (-1, 3)),
    )


def elements(frame: pd.DataFrame) -> dict[str, Structure]:
    """The most stable crystal of each element that has one at 0 eV/atom."""
    found = {}
    alone = frame[frame.atomic_numbers.map(lambda z: len(set(z)) == 1)]
    for _, row in alone.sort_values(LABEL, key=abs).iterrows():
        symbol = Element.from_Z(int(row.atomic_numbers[0])).symbol
        if abs(row[LABEL]) < 1e-3 and symbol not in found:
            found[symbol] = structure(row)
    return found


def draw(frame: pd.DataFrame, known: set[str], pairs: int, seed: int) -> pd.DataFrame:
    """Two polymorphs each of some formulas, one pair after the other."""
    usable = frame[
        frame.formula.map(
            lambda f: len(s := {e.symbol for e in Composition(f)}) > 1 and s <= known
        )
    ]
    counts = usable.formula.value_counts()
    formulas = np.sort(counts.index[counts > 1].to_numpy(str))
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(formulas)[:pairs]
    groups = [
        usable[usable.formula == f].sample(2, random_state=int(rng.integers(2**31)))
        for f in chosen
    ]
    return pd.concat(groups, ignore_index=True)


def moved(crystal: Structure, seed: int) -> Structure:
    """Larger by 5 %, and shaken."""
    away = crystal.copy()
    away.scale_lattice(1.05 * crystal.volume)
    away.perturb(0.05, seed=seed)
    return away


def measure(
    potential: Potential,
    crystals: list[Structure],
    labels: np.ndarray,
    references: dict[str, Structure],
    seed: int,
) -> dict[str, Any]:
    """All figures of one potential."""
    starts = [moved(crystal, seed + k) for k, crystal in enumerate(crystals)]
    list(relax_many(starts[:2], potential, RelaxationSettings(max_steps=1)))  # warm
    begun, wall = time.process_time(), time.monotonic()
    records = list(relax_many(starts, potential, LIMITS))
    spent, waited = time.process_time() - begun, time.monotonic() - wall
    needed = sorted({site.specie.symbol for crystal in crystals for site in crystal})
    pure = dict(
        zip(
            needed,
            relax_many([references[e] for e in needed], potential, LIMITS),
            strict=True,
        )
    )
    energy = np.array([r.energy_per_atom or np.nan for r in records])
    formation = np.array(
        [formed(c, e, pure) for c, e in zip(crystals, energy, strict=True)]
    )
    return {
        "failed": sum(r.error is not None for r in records),
        "converged": sum(r.converged for r in records),
        "steps": float(np.mean([r.n_steps for r in records])),
        "processor_seconds_per_relaxation": round(spent / len(records), 3),
        "seconds_per_relaxation": round(waited / len(records), 3),
        **polymorphs(formation, labels),
        **formation_errors(formation, labels, crystals),
        **geometry(crystals, records),
    }


def formed(crystal: Structure, energy: float, pure: dict[str, RelaxationRecord]) -> float:
    """Formation energy in eV/atom; NaN where a reference is missing."""
    parts = crystal.composition.fractional_composition
    known = [pure[e.symbol].energy_per_atom for e in parts]
    if any(value is None for value in known):
        return float("nan")
    return energy - sum(
        x * e for x, e in zip(parts.values(), known, strict=True) if e is not None
    )


def polymorphs(formation: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """How well energies between polymorphs agree."""
    ours, theirs = formation[1::2] - formation[::2], labels[1::2] - labels[::2]
    there = np.isfinite(ours)
    apart = there & (np.abs(theirs) > 0.005)  # closer, and DFT itself is not sure
    return {
        "polymorph_mae": round(float(np.abs(ours - theirs)[there].mean()), 4),
        "polymorph_median": round(float(np.median(np.abs(ours - theirs)[there])), 4),
        "polymorph_order": round(float((ours * theirs > 0)[apart].mean()), 3),
        "polymorph_pairs": int(apart.sum()),
    }


def formation_errors(
    formation: np.ndarray, labels: np.ndarray, crystals: list[Structure]
) -> dict[str, float]:
    """How well formation energies agree."""
    error = np.abs(formation - labels)
    there = np.isfinite(error)
    plain = there & np.array(
        [not CORRECTED & {site.specie.symbol for site in c} for c in crystals]
    )
    return {
        "formation_mae": round(float(error[there].mean()), 4),
        "formation_mae_uncorrected": round(float(error[plain].mean()), 4),
        "n_uncorrected": int(plain.sum()),
    }


def geometry(
    crystals: list[Structure], records: list[RelaxationRecord]
) -> dict[str, float]:
    """How well relaxed geometries agree."""
    matcher = StructureMatcher()
    change, same, apart = [], 0, []
    for crystal, record in zip(crystals, records, strict=True):
        if record.structure is None:
            continue
        change.append(record.structure.volume / crystal.volume - 1.0)
        found = matcher.get_rms_dist(crystal, record.structure)
        if found is not None:
            same += 1
            apart.append(found[0])
    return {
        "volume_mae": round(float(np.mean(np.abs(change))), 4),
        "volume_bias": round(float(np.mean(change)), 4),
        "same_structure": round(same / len(crystals), 3),
        "rms_distance": round(float(np.mean(apart)), 4),
    }


def show(potentials: dict[str, dict[str, Any]]) -> None:
    """Print a column for each potential."""
    table = Table("", *(name.split("+")[0] for name in potentials))
    for figure in next(iter(potentials.values())):
        table.add_row(figure, *(f"{p[figure]:g}" for p in potentials.values()))
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
