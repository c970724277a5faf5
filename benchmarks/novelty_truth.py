"""What ``StructureMatcher`` of pymatgen says of candidates, pair by pair, and kept."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from novelty_candidates import Candidates
from pymatgen.core import Lattice, Structure
from pymatgen.core.structure_matcher import StructureMatcher
from rich.progress import track

from materials.flat import FlatCrystals
from materials.novelty.index import NoveltyIndex
from materials.novelty.reduced import Reduced

Arrays = tuple[Any, Any, Any]
_REDUCED: dict[str, Structure] = {}  # known crystals, in each process
_TOGETHER = 16  # candidates a process takes at a time


@dataclass(frozen=True)
class Truth:
    """Of ``n`` candidates; equal ones by name."""

    equal: list[list[str]]
    n_pairs: int
    seconds: float  # of processors, all together
    candidates: list[Arrays]
    known: dict[str, Arrays]

    def with_supercells(self, row: int, name: str) -> bool:
        """Whether two are equal if ``StructureMatcher`` may try supercells."""
        matcher = StructureMatcher(attempt_supercell=True)
        own, other = structure(self.candidates[row]), structure(self.known[name])
        return bool(matcher.fit(own, other))


def ask_pymatgen(
    crystals: FlatCrystals,
    made: Candidates,
    index: NoveltyIndex,
    rows: list[int],
    cache: Path,
    version: dict[str, Any],
    processes: int,
) -> Truth:
    """Compare each candidate with every known crystal of its composition; nothing else
    decides what is compared. Answers of earlier calls are used again; rows are taken in the
    order given, so that a random order may be stopped anywhere.
    """
    arrays = list(crystals.arrays())
    primitive = np.unique(index.store.owners(np.arange(len(index.store.ids))))
    names = [index.store.ids[row] for row in primitive.tolist()]  # one a crystal, in order
    known = dict(zip(names, arrays, strict=True))
    candidates = [next(made.crystals.cut(row, row + 1).arrays()) for row in rows]
    reduced = Reduced.of(FlatCrystals.from_arrays(candidates, {}))
    cache.mkdir(parents=True, exist_ok=True)
    kept = _kept(cache / "truth.jsonl", version)
    waiting = [place for place, row in enumerate(rows) if row not in kept]
    jobs = []
    for place in waiting:
        members = np.unique(index.store.owners(index.store.members(reduced.keys[place])))
        others = [index.store.ids[member] for member in members]
        jobs.append((rows[place], candidates[place], [(n, known[n]) for n in others]))
    with (cache / "truth.jsonl").open("a") as file:
        for answer in track(_answers(jobs, processes), "StructureMatcher", len(jobs)):
            kept[answer["row"]] = answer
            file.write(json.dumps(answer) + "\n")
            file.flush()
    answers = [kept[row] for row in rows]
    return Truth(
        [answer["equal"] for answer in answers],
        sum(answer["pairs"] for answer in answers),
        sum(answer["seconds"] for answer in answers),
        candidates,
        known,
    )


def _kept(path: Path, version: dict[str, Any]) -> dict[int, dict[str, Any]]:
    """Answers of earlier calls about the same candidates and known crystals."""
    if path.exists():
        lines = path.read_text().splitlines()
        if lines and json.loads(lines[0]) == version:
            answers = [json.loads(line) for line in lines[1:] if line.endswith("}")]
            return {answer["row"]: answer for answer in answers}
    path.write_text(json.dumps(version) + "\n")
    return {}


def _answers(jobs: list[Any], processes: int) -> Iterator[dict[str, Any]]:
    parts = [jobs[first : first + _TOGETHER] for first in range(0, len(jobs), _TOGETHER)]
    with ProcessPoolExecutor(processes) as pool:
        for answers in pool.map(_compare, parts):
            yield from answers


def _compare(jobs: list[Any]) -> list[dict[str, Any]]:
    """Cells are reduced as ``fit`` reduces them, but each crystal's once."""
    matcher = StructureMatcher()
    answers = []
    for row, candidate, others in jobs:
        start = time.process_time()
        own, equal = reduced_structure(structure(candidate)), []
        for name, other in others:
            if name not in _REDUCED:
                _REDUCED[name] = reduced_structure(structure(other))
            if matcher.fit(own, _REDUCED[name], skip_structure_reduction=True):
                equal.append(name)
        seconds = time.process_time() - start
        answers.append(
            {"row": row, "pairs": len(others), "equal": equal, "seconds": seconds}
        )
    return answers


def reduced_structure(one: Structure) -> Structure:
    """As ``StructureMatcher`` does before it compares."""
    return one.get_reduced_structure(reduction_algo="niggli").get_primitive_structure()


def structure(arrays: Arrays) -> Structure:
    """As pymatgen has it."""
    numbers, frac, lattice = arrays
    return Structure(Lattice(lattice), numbers.tolist(), frac)
