"""What generators make: how much is valid, distinct and new, and how much is near the hull.

python benchmarks/generators.py --table mp_train.parquet --types types.parquet

Every generator makes so many candidates of eleven elements for which Galena ships competing
phases. Of these are counted: those whose atoms keep their distance and whose charges balance;
the distinct ones (``StructureMatcher`` among crystals of one formula and one symmetry); and
those that are not among the known crystals, or whose formula is not in Galena's list. A seeded
sample of the distinct and valid ones is relaxed with CHGNet and put on the hull of the shipped
phases, CHGNet's own.

Records are kept; killed, the same command goes on. ``--relaxed 0`` leaves the relaxations out.
"""

from __future__ import annotations

import json
import warnings
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core.structure import Structure
from rich.console import Console
from rich.progress import track
from rich.table import Table

from campaigns.generators import GenerateSpec, build_generator
from materials.candidates.structure_types import Reduced, TypeLimits, reduce_crystals
from materials.candidates.types_file import read_types
from materials.candidates.written import write_candidates
from materials.errors import GalenaError
from materials.known import KnownFormulas, reduced_formula
from materials.provenance import file_sha256
from materials.relaxation import RelaxationRecord, RelaxationSettings
from materials.screens.hull import Phase, energy_above_hull
from materials.screens.validity import (
    charge_neutrality,
    electronegativity_order,
    first_rejection,
    minimum_distance,
)
from materials.table import CrystalTable
from models.evaluation.answers import processor_name
from models.potentials import Potential, load_potential
from models.relaxing.many import relax_as_finished

RESULT = Path(__file__).parent / "results" / "generators.json"
RECORDS = Path("runs/generators")
PHASES = Path(__file__).parents[1] / "campaigns/data/reference_phases.jsonl"
ELEMENTS = ("Na", "Mg", "Ca", "Ba", "Zr", "Cu", "Zn", "Sn", "P", "S", "Se")
KINDS = ("prototypes", "substitution", "swaps", "alloys", "symmetric")
MOST_SITES = 16
NEAR = 0.1  # eV/atom
SETTINGS = RelaxationSettings(max_force=0.1, max_steps=80, time_limit=600.0)
FILTERS = (minimum_distance(), charge_neutrality(), electronegativity_order())


def main(
    *,
    table: Annotated[Path, typer.Option(help="Known crystals.")],
    types: Annotated[Path, typer.Option(help="Their structure types; made if missing.")],
    candidates: Annotated[int, typer.Option(help="Of each generator.")] = 10_000,
    drawn: Annotated[int, typer.Option(help="Of the random symmetric one.")] = 10_000,
    relaxed: Annotated[int, typer.Option(help="Of all generators together.")] = 500,
    seed: Annotated[int, typer.Option(help="Of everything that is drawn.")] = 0,
    workers: Annotated[int, typer.Option(help="Processes.")] = 2,
    records: Annotated[Path, typer.Option(help="Folder for records.")] = RECORDS,
    output: Annotated[Path, typer.Option("-o", help="Where the figures go.")] = RESULT,
) -> None:
    """Generate, count, relax; print tables and write the figures as JSON."""
    records.mkdir(parents=True, exist_ok=True)
    if not types.exists():
        generator_of("swaps", table, types, seed)
    counts = {kind: drawn if kind == "symmetric" else candidates for kind in KINDS}
    counting = partial(counted, table=table, types=types, seed=seed, records=records)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        jobs = {kind: pool.submit(counting, kind, counts[kind]) for kind in KINDS}
        figures = {kind: jobs[kind].result() for kind in track(KINDS, "generating")}
    show_counts(figures)
    report: dict[str, Any] = {
        "sha256": {table.name: file_sha256(table)},
        "elements": ELEMENTS,
        "seed": seed,
        "max_sites": MOST_SITES,
        "machine": processor_name(),
        "counts": figures,
    }
    if relaxed:
        each = relaxed // len(KINDS)
        rows = all_relaxed(records, figures, each, seed)
        report["relaxed"] = {kind: summary(rows, kind) for kind in (*KINDS, "all")}
        report["settings"] = {
            "max_force": SETTINGS.max_force,
            "max_steps": SETTINGS.max_steps,
        }
        show_relaxed(report["relaxed"])
    output.write_text(json.dumps(report, indent=1) + "\n")


@dataclass
class Seen:
    """Crystals by formula and symmetry; equal ones are told by the matcher."""

    buckets: defaultdict[Any, list[Structure]] = field(
        default_factory=lambda: defaultdict(list)
    )
    matcher: StructureMatcher = field(
        default_factory=lambda: StructureMatcher(primitive_cell=False)
    )

    def has(self, formula: str, crystal: Reduced) -> bool:
        plain = bare(crystal)
        return any(
            self.matcher.fit(plain, other, skip_structure_reduction=True)
            for other in self.buckets.get((formula, crystal.key), ())
        )

    def add(self, formula: str, crystal: Reduced) -> None:
        self.buckets[formula, crystal.key].append(bare(crystal))


def bare(crystal: Reduced) -> Structure:
    return Structure(crystal.lattice, crystal.atomic_numbers.tolist(), crystal.frac_coords)


def counted(
    kind: str, n: int, *, table: Path, types: Path, seed: int, records: Path
) -> dict[str, Any]:
    """Make the candidates of one generator, keep them, and count."""
    warnings.filterwarnings("ignore")
    file = records / f"{kind}-{n}-{seed}.json"
    if file.exists():
        done: dict[str, Any] = json.loads(file.read_text())
        return done
    path = records / f"{kind}-{n}-{seed}.parquet"
    if not path.exists():
        generator = generator_of(kind, table, types, seed)
        write_candidates(path, islice(generator.stream(), n))
    known, formulas, seen = known_crystals(types), KnownFormulas.load(), Seen()
    totals = dict.fromkeys(
        ("made", *(f"rejected_{name}" for name in ("distance", "charge", "order"))), 0
    )
    totals |= dict.fromkeys(("valid", "distinct", "new_crystals", "new_formulas"), 0)
    good: list[str] = []
    for row in CrystalTable.open(path).rows():
        structure = row.structure()
        formula = reduced_formula(structure)
        totals["made"] += 1
        rejection = first_rejection(structure, FILTERS)
        if rejection is not None:
            names = {"minimum_distance": "distance", "charge_neutrality": "charge"}
            totals[f"rejected_{names.get(rejection.filter, 'order')}"] += 1
        else:
            totals["valid"] += 1
        totals["new_formulas"] += formula not in formulas
        crystal = next(reduced([(row.material_id, structure)]), None)
        if crystal is None or seen.has(formula, crystal):
            continue
        seen.add(formula, crystal)
        totals["distinct"] += 1
        totals["new_crystals"] += not known.has(formula, crystal)
        if rejection is None:
            good.append(row.material_id)
    result = {"file": path.name, **totals, "good": good}
    file.write_text(json.dumps(result))
    return result


def generator_of(kind: str, table: Path, types: Path, seed: int) -> Any:
    options: dict[str, Any] = {"kind": kind, "max_sites": MOST_SITES}
    if kind != "symmetric":
        options["types"] = str(types.absolute())
        if not types.exists():
            options["table"] = str(table.absolute())
    spec = GenerateSpec.model_validate(
        {"elements": {"allowed": ELEMENTS}, "generators": [options]}
    )
    return build_generator(spec.generators[0], ELEMENTS, seed, Path())


def reduced(crystals: list[tuple[str, Structure]]) -> Iterator[Reduced]:
    limits = TypeLimits(n_species=(1, 2, 3), max_sites=4 * MOST_SITES)
    return reduce_crystals(crystals, limits)


def known_crystals(types: Path) -> Seen:
    """The known crystals of the eleven elements."""
    seen, allowed = Seen(), set(ELEMENTS)
    for known in read_types(types):
        for one in known.occupants:
            if set(one.elements) <= allowed:
                for crystal in reduced([(one.crystal_id, one.structure())]):
                    seen.add(one.formula, crystal)
    return seen


def all_relaxed(
    records: Path, figures: dict[str, Any], each: int, seed: int
) -> list[dict[str, Any]]:
    """Relax a sample of every generator's distinct and valid crystals."""
    file = records / f"relaxed-{seed}.jsonl"
    lines = file.read_text().splitlines() if file.exists() else []
    done = {one["name"]: one for one in map(json.loads, lines)}
    todo: list[tuple[str, str, Structure]] = []
    wanted: list[str] = []
    for kind, figure in figures.items():
        names = sorted(figure["good"])
        rng = np.random.default_rng([seed, KINDS.index(kind)])
        drawn = {names[i] for i in rng.permutation(len(names))[:each]}
        wanted.extend(sorted(drawn))
        rows = CrystalTable.open(records / figure["file"]).rows()
        todo.extend(
            (kind, row.material_id, row.structure())
            for row in rows
            if row.material_id in drawn and row.material_id not in done
        )
    turns = np.random.default_rng(seed).permutation(len(todo))  # all kinds from the start
    todo = [todo[i] for i in turns]
    potential, phases = load_potential("chgnet", device="cpu"), shipped_phases()
    given = (structure for _, _, structure in todo)
    with file.open("a") as out:
        finished = relax_as_finished(given, potential, SETTINGS)
        for place, record in track(finished, "relaxing", total=len(todo)):
            one = row_of(todo[place], record, potential, phases)
            out.write(json.dumps(one) + "\n")
            out.flush()
            done[one["name"]] = one
    return [done[name] for name in wanted]


def row_of(
    task: tuple[str, str, Structure],
    record: RelaxationRecord,
    potential: Potential,
    phases: list[Phase],
) -> dict[str, Any]:
    """A relaxed candidate and its energy above the hull of the shipped phases."""
    kind, name, structure = task
    row: dict[str, Any] = {
        "name": name,
        "generator": kind,
        "n_sites": len(structure),
        "steps": record.n_steps,
        "seconds": round(record.seconds, 2),
        "converged": record.converged,
        "error": record.error,
        "volume_ratio": None,
        "energy_above_hull": None,
    }
    if record.structure is not None and record.energy_per_atom is not None:
        row["volume_ratio"] = round(structure.volume / record.structure.volume, 4)
        try:
            formula = structure.composition.formula
            phase = Phase(formula, record.energy_per_atom, potential.origin)
            hull = energy_above_hull(phase, phases)
            row["energy_above_hull"] = round(hull.energy_above_hull, 4)
        except GalenaError as error:
            row["error"] = str(error)
    return row


def shipped_phases() -> list[Phase]:
    return [
        Phase(phase["formula"], phase["energy_per_atom"], system["origin"])
        for system in map(json.loads, PHASES.read_text().splitlines())
        for phase in system["phases"]
    ]


def summary(rows: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    some = [row for row in rows if kind in ("all", row["generator"])]
    hulls = [
        row["energy_above_hull"] for row in some if row["energy_above_hull"] is not None
    ]
    ratios = [row["volume_ratio"] for row in some if row["volume_ratio"] is not None]
    return {
        "relaxed": len(some),
        "failed": sum(row["error"] is not None for row in some),
        "converged": sum(row["converged"] for row in some),
        "near_hull": sum(hull <= NEAR for hull in hulls),
        "median_above_hull": round(float(np.median(hulls)), 4) if hulls else None,
        "median_steps": float(np.median([row["steps"] for row in some])) if some else None,
        "volume_error": round(float(np.median(np.abs(np.array(ratios) - 1))), 4)
        if ratios
        else None,
    }


def show_counts(figures: dict[str, Any]) -> None:
    table = Table("generator", "made", "valid", "distinct", "new crystals", "new formulas")
    for kind, row in figures.items():
        made = max(row["made"], 1)
        shares = [
            row[name] / made
            for name in ("valid", "distinct", "new_crystals", "new_formulas")
        ]
        table.add_row(kind, f"{row['made']:,}", *(f"{100 * s:.1f} %" for s in shares))
    Console().print(table)


def show_relaxed(figures: dict[str, Any]) -> None:
    heads = (
        "relaxed",
        "failed",
        "converged",
        f"within {NEAR} eV/atom",
        "median above hull",
    )
    table = Table("generator", *heads, "median steps", "median volume error")
    for kind, row in figures.items():
        n = max(row["relaxed"], 1)
        above = row["median_above_hull"]
        table.add_row(
            kind,
            *(str(row[name]) for name in ("relaxed", "failed", "converged")),
            f"{100 * row['near_hull'] / n:.1f} %",
            "–" if above is None else f"{1000 * above:.0f} meV/atom",
            str(row["median_steps"]),
            "–" if row["volume_error"] is None else f"{100 * row['volume_error']:.1f} %",
        )
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
