"""How quickly and how surely known crystals are recognised among candidates.

python benchmarks/novelty.py KNOWN.parquet... --candidates 100000 --sample 3000

Times the search of all candidates, mode by mode, then compares what it found for a random
sample with ``StructureMatcher`` of pymatgen, default settings, on every pair of a candidate
and a known crystal of one reduced composition, nothing left out beforehand. That takes tens
of minutes; what is done is kept in ``--cache`` and used again.
"""

from __future__ import annotations

import json
import math
import os
import platform
import resource
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from novelty_candidates import Candidates, kept_candidates
from novelty_truth import Truth, ask_pymatgen
from rich.console import Console
from rich.table import Table

from materials.flat import FlatCrystals
from materials.novelty.comparison import Comparison, Finding, Mode, Status
from materials.novelty.index import NoveltyIndex, n_workers, table_crystals
from materials.novelty.matching import matches
from materials.novelty.nearest import fingerprint_nearest
from materials.novelty.reduced import Reduced
from materials.novelty.search import NoveltySearch
from materials.table import CrystalTable
from models.evaluation.answers import processor_name

RESULT = Path(__file__).parent / "results" / "novelty.json"
CACHE = Path("runs/benchmarks/novelty")
BATCH = 4096
NEAR = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
TIMED = (Mode.STRUCTURE, Mode.FINGERPRINT, Mode.FORMULA)


@dataclass(frozen=True)
class Score:
    """Candidates of the sample, judged by ``StructureMatcher``."""

    equal: int  # to something known, by StructureMatcher
    found: int  # of these
    named: int  # candidates said to be known
    right: int  # of these, equal to the very crystal that was named

    def shares(self) -> dict[str, Any]:
        """Recall and precision with 95 % intervals."""
        return {
            **asdict(self),
            "recall": wilson(self.found, self.equal),
            "precision": wilson(self.right, self.named),
        }


def main(
    known: Annotated[list[Path], typer.Argument(help="Parquet tables of known crystals.")],
    *,
    candidates: Annotated[int, typer.Option(help="How many to make.")] = 100_000,
    sample: Annotated[int, typer.Option(help="Of these for StructureMatcher.")] = 3000,
    seed: Annotated[int, typer.Option(help="Of candidates and sample.")] = 0,
    cache: Annotated[Path, typer.Option(help="Where answers are kept.")] = CACHE,
    processes: Annotated[int, typer.Option(help="Of StructureMatcher.")] = 2,
    timed: Annotated[bool, typer.Option(help="Time the search too.")] = True,
    output: Annotated[Path, typer.Option("-o", help="Where the figures go.")] = RESULT,
) -> None:
    """Measure, print tables and write the figures as JSON."""
    tables = [CrystalTable.open(path) for path in known]
    ids, crystals = together(tables)
    made = kept_candidates(crystals, candidates, seed, cache)
    index = NoveltyIndex.from_flat(crystals, ids)
    if timed:
        speed = [timing(tables, made, mode) for mode in TIMED]
        cache.mkdir(parents=True, exist_ok=True)
        (cache / "speed.json").write_text(json.dumps(speed))
    elif (cache / "speed.json").exists():
        speed = json.loads((cache / "speed.json").read_text())
    else:
        speed = []
    rows = np.random.default_rng(seed).permutation(len(made.ids))[:sample]
    version = {
        "known": [table.sha256 for table in tables],
        "candidates": candidates,
        "seed": seed,
    }
    truth = ask_pymatgen(crystals, made, index, rows.tolist(), cache, version, processes)
    report = {
        **version,
        "known_crystals": len(ids),
        "known_compositions": index.store.n_compositions,
        "kinds": dict(Counter(made.kinds)),
        "hardware": {"processor": processor_name(), "threads": n_workers()},
        "python": platform.python_version(),
        "speed": speed,
        "sample": len(rows),
        **judged(index, ids, made, rows.tolist(), truth),
    }
    output.write_text(json.dumps(report, indent=1) + "\n")
    show(report)


def together(tables: list[CrystalTable]) -> tuple[list[str], FlatCrystals]:
    """All known crystals in memory."""
    ids: list[str] = []
    arrays: list[Any] = []
    for table in tables:
        for names, crystals in table_crystals(table):
            ids += names
            arrays += crystals.arrays()
    return ids, FlatCrystals.from_arrays(arrays, {})


def timing(tables: list[CrystalTable], made: Candidates, mode: Mode) -> dict[str, Any]:
    """Seconds of reading and indexing the known, and of searching all candidates."""
    how = Comparison(mode=mode)
    few = made.crystals.cut(0, 50)
    small = NoveltyIndex.from_flat(few, made.ids[:50], comparison=how)
    NoveltySearch(small).take(made.ids[:50], few)  # whatever has to be compiled
    wall, cpu = time.perf_counter(), time.process_time()
    index = NoveltyIndex.from_table(*tables, comparison=how)
    indexed, indexed_cpu = time.perf_counter(), time.process_time()
    search = NoveltySearch(index)
    found: list[Finding] = []
    for first in range(0, len(made.ids), BATCH):
        last = min(first + BATCH, len(made.ids))
        found += search.take(made.ids[first:last], made.crystals.cut(first, last))
    done, done_cpu = time.perf_counter(), time.process_time()
    return {
        "mode": mode.value,
        "index_seconds": round(indexed - wall, 1),
        "index_processor_seconds": round(indexed_cpu - cpu, 1),
        "search_seconds": round(done - indexed, 1),
        "search_processor_seconds": round(done_cpu - indexed_cpu, 1),
        "load_average": os.getloadavg()[0],
        "index_bytes": index.store.nbytes,
        "peak_bytes": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        "statuses": dict(Counter(one.status.value for one in found)),
    }


def judged(
    index: NoveltyIndex, ids: list[str], made: Candidates, rows: list[int], truth: Truth
) -> dict[str, Any]:
    """What the search says of the sample, beside what ``StructureMatcher`` says."""
    chosen = FlatCrystals.from_arrays(
        [next(made.crystals.cut(row, row + 1).arrays()) for row in rows], {}
    )
    reduced = Reduced.of(chosen)
    modes: dict[str, Any] = {}
    answers: dict[Mode, list[Finding]] = {}
    for mode in Mode:
        start = time.process_time()
        asked = NoveltyIndex(index.store, Comparison(mode=mode))
        answers[mode] = asked.find_flat(chosen)
        seconds = time.process_time() - start
        score = scored([one.equals for one in answers[mode]], truth)
        modes[mode.value] = score.shares() | {"processor_seconds": round(seconds, 2)}
    by_near = {}
    for near in NEAR:
        named = []
        for row, key in enumerate(reduced.keys):
            members = index.store.members(key)
            own = reduced.prints.of(row)
            equal = (
                fingerprint_nearest(own, index.store, members, near=near).equal
                if len(members)
                else -1
            )
            named.append(index.store.ids[equal] if equal >= 0 else None)
        by_near[str(near)] = scored(named, truth).shares()
    return {
        "pairs": truth.n_pairs,
        "structure_matcher_seconds": round(truth.seconds, 1),
        "modes": modes,
        "fingerprint_near": by_near,
        "pairwise": pairwise(index, ids, reduced, truth),
        "beyond": beyond(answers[Mode.STRUCTURE], truth),
        "by_kind": by_kind(made, rows, answers[Mode.STRUCTURE], truth),
    }


def scored(named: list[str | None], truth: Truth) -> Score:
    """Count; the named crystal itself must be among the equal ones to be right."""
    pairs = list(zip(named, truth.equal, strict=True))
    return Score(
        equal=sum(bool(equal) for _, equal in pairs),
        found=sum(bool(equal) and one is not None for one, equal in pairs),
        named=sum(one is not None for one, _ in pairs),
        right=sum(one in equal for one, equal in pairs if one is not None),
    )


def pairwise(
    index: NoveltyIndex, ids: list[str], reduced: Reduced, truth: Truth
) -> dict[str, Any]:
    """Pair by pair: the compiled search without any filter, and what the filter loses."""
    place = {name: row for row, name in enumerate(ids)}
    equal = {(row, place[one]) for row, some in enumerate(truth.equal) for one in some}
    counts: Counter[str] = Counter()
    primitive = np.unique(index.store.owners(np.arange(len(index.store.ids))))
    cells = FlatCrystals.from_arrays([index.store.cell(row) for row in primitive], {})
    values, start = index.store.arrays().values, index.store.arrays().value_start
    for row, key in enumerate(reduced.keys):
        members = np.unique(index.store.owners(index.store.members(key)))
        others = np.searchsorted(primitive, members)
        fits = np.isfinite(
            matches(
                reduced.cells,
                cells,
                np.full(len(members), row),
                others,
                index.comparison.tolerances,
            )
        )
        own = reduced.prints.of(row)
        for member, other, fit in zip(members, others.tolist(), fits, strict=True):
            is_equal = (row, other) in equal
            counts[
                f"{'equal' if is_equal else 'unlike'}, {'fit' if fit else 'no fit'}"
            ] += 1
            far = np.abs(own - values[start[member] : start[member + 1]]).max()
            if is_equal and far > index.comparison.reach:
                counts["equal, beyond reach"] += 1
            counts["within reach"] += bool(far <= index.comparison.reach)
    return dict(counts) | {
        "beyond_reach": wilson(counts["equal, beyond reach"], len(equal))
    }


def beyond(found: list[Finding], truth: Truth) -> dict[str, int]:
    """Of those found equal to a crystal that plain ``StructureMatcher`` takes for another:
    what it says if it may try supercells, which it does not by itself.
    """
    extra = [
        row
        for row, one in enumerate(found)
        if one.equals is not None and one.equals not in truth.equal[row]
    ]
    agreed = sum(truth.with_supercells(row, str(found[row].equals)) for row in extra)
    return {"candidates": len(extra), "equal with supercells": agreed}


def by_kind(
    made: Candidates, rows: list[int], found: list[Finding], truth: Truth
) -> dict[str, dict[str, int]]:
    """How many of each kind are known, by either."""
    counts: dict[str, Counter[str]] = {}
    for row, one, equal in zip(rows, found, truth.equal, strict=True):
        here = counts.setdefault(made.kinds[row], Counter())
        here["sampled"] += 1
        here["known"] += one.status is Status.KNOWN
        here["StructureMatcher"] += bool(equal)
        here["either alone"] += (one.status is Status.KNOWN) != bool(equal)
    return {kind: dict(here) for kind, here in sorted(counts.items())}


def wilson(k: int, n: int) -> list[float]:
    """A share and its 95 % interval; Wilson, J. Am. Stat. Assoc. 22, 209 (1927)."""
    if n == 0:
        return [math.nan] * 3
    z, p = 1.959964, k / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return [round(x, 5) for x in (p, max(0.0, centre - half), min(1.0, centre + half))]


def show(report: dict[str, Any]) -> None:
    """Print what was found."""
    console = Console()
    times = Table(
        "mode", "index s", "search s", "processor s", "known", "duplicates", "new"
    )
    for one in report["speed"]:
        counts = one["statuses"]
        times.add_row(
            one["mode"],
            f"{one['index_seconds']}",
            f"{one['search_seconds']}",
            f"{one['index_processor_seconds'] + one['search_processor_seconds']:.1f}",
            *(f"{counts.get(key, 0):,}" for key in ("known", "duplicate", "new")),
        )
    console.print(times)
    shares = Table("against StructureMatcher", "equal", "recall", "named", "precision")
    rows = {**report["modes"]}
    rows |= {f"fingerprint within {k}": v for k, v in report["fingerprint_near"].items()}
    for name, score in rows.items():
        shares.add_row(
            name,
            f"{score['equal']}",
            share(score["recall"]),
            f"{score['named']}",
            share(score["precision"]),
        )
    console.print(shares)
    for name in ("pairwise", "beyond", "by_kind"):
        console.print(f"{name}: {report[name]}")


def share(values: list[float]) -> str:
    """``0.995 (0.990–0.998)``."""
    return f"{values[0]:.4f} ({values[1]:.4f}–{values[2]:.4f})"


if __name__ == "__main__":
    typer.run(main)
