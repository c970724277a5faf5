"""How soon generators think of compounds that were hidden from them.

python benchmarks/rediscovery.py --table mp_train.parquet --table mp_val.parquet

Some known ternary compounds, each of another chemical system, are taken away from all that the
generators know. Each generator then ranks what it can make of those systems. A compound counts
as found within the first ``n`` candidates of its system if one of them has its formula; and,
what counts more, if one of them is its crystal: ``StructureMatcher`` with its usual tolerances.
For comparison, the same decorations in random order, and those of the shipped prototypes.

Finding the structure types of the tables takes a while; they are kept beside the records.
Killed, the same command goes on.
"""

from __future__ import annotations

import json
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from hashlib import sha256
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import spglib
import typer
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core.periodic_table import Element
from pymatgen.core.structure import Structure
from rich.console import Console
from rich.progress import track
from rich.table import Table

from materials.candidates.charges import likely_charges
from materials.candidates.generators.alloys import AlloyGenerator
from materials.candidates.generators.prototypes import PrototypeGenerator, PrototypeRanking
from materials.candidates.generators.substitution import SubstitutionGenerator
from materials.candidates.generators.swaps import SwapGenerator
from materials.candidates.generators.symmetric import SymmetricGenerator, SymmetricSettings
from materials.candidates.prototypes import aflow_prototypes
from materials.candidates.structure_types import (
    Reduced,
    StructureType,
    TypeLimits,
    neighbour_distances,
    reduce_crystals,
    types_of,
    without,
)
from materials.candidates.systems import Ranking, Scope
from materials.candidates.types_file import read_types, write_types
from materials.provenance import file_sha256
from materials.rows import CrystalRow
from materials.table import CrystalTable
from models.evaluation.answers import processor_name

RESULT = Path(__file__).parent / "results" / "rediscovery.json"
RECORDS = Path("runs/rediscovery")
WITHIN = (100, 1_000, 10_000)
TOGETHER = ("prototypes", "substitution", "swaps", "alloys", "symmetric")
RANDOM = {"prototypes": "the same, random order", "shipped": "shipped, random order"}
MOST_SITES = 20
MOST_DRAWN = 100  # random crystals made for one compound: each takes a tenth of a second


@dataclass(frozen=True)
class Hidden:
    """A compound to be found again."""

    crystal_id: str
    formula: str
    elements: tuple[str, ...]
    balanced: bool
    numbers: list[int]
    frac_coords: list[list[float]]
    lattice: list[list[float]]


def main(
    *,
    table: Annotated[list[Path], typer.Option(help="Known crystals; repeat for more.")],
    systems: Annotated[int, typer.Option(help="Compounds to hide.")] = 500,
    seed: Annotated[int, typer.Option(help="Of their choice.")] = 0,
    workers: Annotated[int, typer.Option(help="Processes.")] = 2,
    drawn: Annotated[
        int, typer.Option(help="Random symmetric crystals within this rank; 0: none.")
    ] = MOST_DRAWN,
    records: Annotated[Path, typer.Option(help="Folder for types and records.")] = RECORDS,
    output: Annotated[Path, typer.Option("-o", help="Where the figures go.")] = RESULT,
) -> None:
    """Hide, generate, count; print a table and write the figures as JSON."""
    records.mkdir(parents=True, exist_ok=True)
    hashes = {path.name: file_sha256(path) for path in table}
    mark = sha256(json.dumps([*hashes.values(), MOST_SITES]).encode()).hexdigest()[:10]
    types = known_types(table, records / f"types-{mark}.parquet", workers)
    hidden = choose(types, systems, seed)
    name = f"{mark}-{systems}-{seed}"
    left = records / f"left-{name}.parquet"
    if not left.exists():
        formulas = {one.formula for one in hidden}
        ids = {o.crystal_id for t in types for o in t.occupants if o.formula in formulas}
        write_types(left, without(types, ids))
    found = searched(hidden, left, records / f"found-{name}-{drawn}.jsonl", drawn, workers)
    report = {
        "sha256": hashes,
        "compounds": len(hidden),
        "seed": seed,
        "max_sites": MOST_SITES,
        "types": len(types),
        "crystals": sum(known.count for known in types),
        "machine": processor_name(),
        "drawn_within": drawn,
        "all": recalls(found),
        "balanced": recalls([one for one in found if one["balanced"]]),
    }
    output.write_text(json.dumps(report, indent=1) + "\n")
    for group in ("all", "balanced"):
        show(report[group], f"{group}: {report[group]['compounds']} compounds")


def known_types(tables: list[Path], file: Path, workers: int) -> list[StructureType]:
    """Structure types of all crystals of up to three elements; from a file if it is there."""
    if not file.exists():
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            some = list(chunks(tables))
            done = track(pool.map(reduced, some), "reducing", total=len(some))
            buckets: defaultdict[Any, list[Reduced]] = defaultdict(list)
            for crystals in done:
                for crystal in crystals:
                    buckets[crystal.key].append(crystal)
            large_first = sorted(buckets.values(), key=len, reverse=True)
            types = [
                known
                for sorted_in in track(
                    pool.map(types_of, large_first, chunksize=8),
                    "comparing",
                    total=len(large_first),
                )
                for known in sorted_in
            ]
        types.sort(key=lambda known: (-known.count, known.occupants[0].crystal_id))
        write_types(file, types)
    return list(read_types(file))


def chunks(tables: Iterable[Path]) -> Iterator[list[CrystalRow]]:
    rows = (
        row
        for path in tables
        for row in CrystalTable.open(path).rows()
        if row.error is None
        and len(row.atomic_numbers) <= 2 * MOST_SITES
        and len(set(row.atomic_numbers.tolist())) <= 3
    )
    while some := list(islice(rows, 200)):
        yield some


def reduced(rows: list[CrystalRow]) -> list[Reduced]:
    limits = TypeLimits(n_species=(1, 2, 3), max_sites=MOST_SITES)
    return list(reduce_crystals(((r.material_id, r.structure()) for r in rows), limits))


def choose(types: list[StructureType], n: int, seed: int) -> list[Hidden]:
    """Ternary crystals at random, the first drawn of each chemical system."""
    ternary = sorted(
        (
            (o.crystal_id, o, t)
            for t in types
            if t.prototype.n_species == 3
            for o in t.occupants
        ),
        key=lambda row: row[0],
    )
    order = np.random.default_rng(seed).permutation(len(ternary))
    chosen: dict[tuple[str, ...], Hidden] = {}
    for place in order.tolist():
        crystal_id, occupant, known = ternary[place]
        elements = tuple(sorted(occupant.elements, key=lambda e: Element(e).Z))
        charges = likely_charges(tuple(zip(occupant.elements, known.amounts, strict=True)))
        if elements not in chosen:
            chosen[elements] = Hidden(
                crystal_id=crystal_id,
                formula=occupant.formula,
                elements=elements,
                balanced=charges is not None,
                numbers=occupant.atomic_numbers.tolist(),
                frac_coords=occupant.frac_coords.tolist(),
                lattice=occupant.lattice.tolist(),
            )
        if len(chosen) == n:
            break
    return list(chosen.values())


def searched(
    hidden: list[Hidden], left: Path, file: Path, drawn: int, workers: int
) -> list[dict[str, Any]]:
    """Ranks at which each compound was found; those on file are not looked for again."""
    done = {}
    if file.exists():
        lines = file.read_text().splitlines()
        done = {one["crystal_id"]: one for one in map(json.loads, lines)}
    todo = [one for one in hidden if one.crystal_id not in done]
    with (
        ProcessPoolExecutor(
            workers,
            mp_context=get_context("spawn"),
            initializer=partial(prepare, left, drawn),
        ) as pool,
        file.open("a") as out,
    ):
        for one in track(pool.map(search, todo), "searching", total=len(todo)):
            out.write(json.dumps(one) + "\n")
            out.flush()
            done[one["crystal_id"]] = one
    return [done[one.crystal_id] for one in hidden]


MATCHER = StructureMatcher(primitive_cell=False)
UNLIKE = 0.2  # mean difference of neighbours' distances beyond which nothing matches

KNOWN: list[Any] = []
"""The generators of this process."""


def prepare(left: Path, drawn: int) -> None:
    warnings.filterwarnings("ignore")
    types = read_types(left)
    anything = Scope(
        elements=tuple(e.symbol for e in Element if e.Z <= 103), n_species=(3,)
    )
    shipped = aflow_prototypes(n_species=(3,), max_sites=MOST_SITES)
    made: dict[str, Any] = {
        "prototypes": PrototypeGenerator(types, anything),
        "substitution": SubstitutionGenerator(types, anything),
        "swaps": SwapGenerator(types, anything),
        "alloys": AlloyGenerator(types, anything),
        "shipped": PrototypeGenerator(shipped, anything),
    }
    if drawn:
        made["symmetric"] = SymmetricGenerator(
            anything, SymmetricSettings(max_sites=MOST_SITES)
        )
    KNOWN[:] = [made, drawn]


def search(one: Hidden) -> dict[str, Any]:
    """The ranks, from 1, at which a compound's formula and its crystal come up; 0: never."""
    generators, drawn = KNOWN
    target = compact(Structure(one.lattice, one.numbers, one.frac_coords))
    rankings = {name: made.ranking(one.elements) for name, made in generators.items()}
    rng = np.random.default_rng(int(sha256(one.crystal_id.encode()).hexdigest()[:8], 16))
    found: dict[str, Any] = {}
    for name, ranking in rankings.items():
        places = [p for p in range(len(ranking)) if ranking.formula(p) == one.formula]
        if name != "shipped":
            most = drawn if name == "symmetric" else WITHIN[-1]
            found[name] = ranks(ranking, places, range(len(ranking)), target, most)
        if name in RANDOM:
            order = rng.permutation(len(ranking)).tolist()
            found[RANDOM[name]] = ranks(ranking, places, order, target, WITHIN[-1])
    found["together"] = together({n: found[n] for n in TOGETHER if n in found})
    fields = {
        k: v for k, v in asdict(one).items() if k in ("crystal_id", "formula", "balanced")
    }
    return {**fields, "found": found}


def ranks(
    ranking: Ranking, places: list[int], order: Sequence[int], target: Structure, most: int
) -> dict[str, int]:
    """Where the formula and where the crystal come up, if what is at ``p`` comes at
    ``order[p]``; crystals are looked at up to rank ``most``.
    """
    in_turn = sorted(places, key=lambda place: order[place])
    crystal = next(
        (p for p in in_turn if order[p] < most and matches(ranking, p, target)), None
    )
    return {
        "length": len(ranking),
        "formula": order[in_turn[0]] + 1 if in_turn else 0,
        "crystal": 0 if crystal is None else order[crystal] + 1,
    }


def matches(ranking: Ranking, place: int, target: Structure) -> bool:
    """Whether a candidate is the target, which is in its primitive, compact cell."""
    if isinstance(ranking, PrototypeRanking):  # its cells are primitive too
        prototype = ranking.types[int(ranking.order[place, 0])].prototype
        if prototype.n_sites != len(target):
            return False
    candidate = ranking.make(place).structure
    if len(candidate) > len(target):
        candidate = candidate.get_primitive_structure()
    if len(candidate) != len(target):
        return False
    candidate = compact(candidate)
    ours, theirs = (
        neighbour_distances(one.frac_coords, one.lattice.matrix)
        for one in (candidate, target)
    )
    if float(np.abs(ours - theirs).mean()) > UNLIKE:
        return False
    return bool(MATCHER.fit(candidate, target, skip_structure_reduction=True))


def compact(crystal: Structure) -> Structure:
    """In its Niggli cell."""
    matrix = spglib.niggli_reduce(crystal.lattice.matrix)
    if matrix is None:
        return crystal
    frac = crystal.cart_coords @ np.linalg.inv(matrix)
    return Structure(matrix, crystal.species, frac % 1.0)


def together(each: dict[str, dict[str, int]]) -> dict[str, int]:
    """Ranks where generators give their next best in turn."""
    names = list(each)

    def rank(what: str) -> int:
        ranks = [
            sum(
                min(each[other]["length"], each[name][what] - (names.index(other) > at))
                for other in names
            )
            for at, name in enumerate(names)
            if each[name][what]
        ]
        return min(ranks, default=0)

    length = sum(one["length"] for one in each.values())
    return {"length": length, "formula": rank("formula"), "crystal": rank("crystal")}


def recalls(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Shares found within so many candidates, by generator."""
    names = list(dict.fromkeys(name for one in found for name in one["found"]))
    figures: dict[str, Any] = {"compounds": len(found)}
    for name in names:
        rows = [one["found"][name] for one in found]
        figures[name] = {
            "median_length": float(np.median([row["length"] for row in rows])),
            **{
                f"{what}_within_{n}": round(
                    sum(0 < row[what] <= n for row in rows) / max(len(rows), 1), 4
                )
                for what in ("formula", "crystal")
                for n in WITHIN
            },
        }
    return figures


def show(figures: dict[str, Any], title: str) -> None:
    heads = [f"{what} in {n:,}" for what in ("formula", "crystal") for n in WITHIN]
    table = Table("generator", "median length", *heads, title=title)
    for name, row in figures.items():
        if name != "compounds":
            length, *shares = row.values()
            table.add_row(name, f"{length:,.0f}", *(f"{100 * s:.1f} %" for s in shares))
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
