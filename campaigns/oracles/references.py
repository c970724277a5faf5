"""Competing phases: what a candidate would fall apart into, by the same potential.

For each chemical system the decorated prototypes are screened by the predictor, the best few
compositions are relaxed with the potential, and the result is kept for good: as one line of a
JSON-lines file, appended whole, so that an interrupted computation leaves nothing half-written
that would be believed. Galena ships such a file for its example campaigns.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import combinations, permutations
from pathlib import Path
from typing import Any

import numpy as np
from pymatgen.analysis.phase_diagram import PDEntry, PhaseDiagram
from pymatgen.core import Composition, Element, Structure

from campaigns.config import OracleConfig
from materials.candidates.prototypes import aflow_prototypes, decorate
from materials.errors import GalenaError, InputError
from materials.relaxation import RelaxationSettings, relax
from materials.screens.hull import Phase
from materials.screens.validity import charge_neutrality, minimum_distance
from models.inference import Predictor
from models.potentials import Potential

SHIPPED = Path(__file__).parents[1] / "data" / "reference_phases.jsonl"


@dataclass(frozen=True)
class ReferencePhase:
    """One relaxed competing phase."""

    formula: str
    prototype: str
    energy_per_atom: float  # eV/atom, total energy of the potential
    n_sites: int
    converged: bool


@dataclass(frozen=True)
class SystemRecord:
    """All competing phases of exactly one set of elements, and how they were found."""

    system: str  # "Na-S", symbols sorted
    origin: str  # potential and version
    max_force: float  # eV/Å
    max_steps: int
    max_sites: int
    limit: (
        int  # how many compositions (structures, for one element) were relaxed at the most
    )
    polymorphs: int  # how many structures per composition at the most
    predictor: str
    n_screened: int
    phases: tuple[ReferencePhase, ...]

    def serves(self, origin: str, config: OracleConfig) -> bool:
        """Whether this record is what ``config`` asks for, or better."""
        return (
            self.origin == origin
            and self.max_force <= config.relaxation.max_force
            and self.max_steps >= config.relaxation.max_steps
            and self.max_sites == config.references.max_sites
            and self.limit >= limit_for(self.system.split("-"), config)
            and self.polymorphs >= polymorphs_for(self.system.split("-"), config)
        )


def limit_for(elements: Sequence[str], config: OracleConfig) -> int:
    """How many compositions (structures, for one element) of a system are relaxed."""
    r = config.references
    return {1: r.per_element, 2: r.per_binary, 3: r.per_ternary}.get(len(elements), 0)


def polymorphs_for(elements: Sequence[str], config: OracleConfig) -> int:
    """How many structures are relaxed per composition: several for ionic binaries.

    Those are the phases that candidates decompose into, and which of their structures is the
    lowest decides by how much.
    """
    return config.references.polymorphs if len(elements) == 2 and _ionic(elements) else 1


def _ionic(elements: Sequence[str]) -> bool:
    """Whether a nonmetal is among them."""
    return not all(Element(e).is_metal for e in elements)


def cache_file() -> Path:
    """Where computed phases are kept: ``$GALENA_CACHE`` or the user's cache folder."""
    folder = os.environ.get("GALENA_CACHE")
    if folder:
        return Path(folder) / "reference_phases.jsonl"
    from platformdirs import user_cache_path

    return user_cache_path("galena") / "reference_phases.jsonl"


class References:
    """Looks competing phases up, and computes what is missing."""

    def __init__(
        self,
        potential: Potential,
        predictor: Predictor,
        config: OracleConfig,
        *,
        files: Sequence[Path] = (SHIPPED,),
        cache: Path | None = None,
    ) -> None:
        self.potential, self.predictor, self.config = potential, predictor, config
        self.cache = cache or cache_file()
        self.origin = potential.origin
        self._records: dict[str, SystemRecord] = {}
        for path in (*files, self.cache):
            for record in read_records(path):
                if record.serves(self.origin, config):
                    self._records[record.system] = record

    def missing(self, elements: Sequence[str]) -> list[tuple[str, ...]]:
        """Subsystems of ``elements`` that would have to be computed, small ones first."""
        return [s for s in self._subsystems(elements) if "-".join(s) not in self._records]

    def competing(
        self, elements: Sequence[str], *, note: Callable[[str], None] | None = None
    ) -> list[Phase]:
        """Competing phases of a candidate made of ``elements``, computing what is missing.

        Raises:
            GalenaError: an element has no relaxed phase at all.
        """
        phases = []
        for subsystem in self._subsystems(elements):
            name = "-".join(subsystem)
            if name not in self._records and note:
                note(name)
            found = self.ensure(subsystem).phases
            if len(subsystem) == 1 and not found:
                raise GalenaError(
                    f"no elemental phase of {name} could be relaxed with {self.origin}; "
                    "forbid the element or raise oracle.references.per_element"
                )
            phases += [Phase(p.formula, p.energy_per_atom, self.origin) for p in found]
        return phases

    def ensure(self, elements: Sequence[str]) -> SystemRecord:
        """The record of exactly this system, computed and kept if there is none."""
        name = "-".join(sorted(elements))
        if name not in self._records:
            self._records[name] = self.compute(elements)
            append_record(self.cache, self._records[name])
        return self._records[name]

    def compute(self, elements: Sequence[str]) -> SystemRecord:
        """Screen and relax the phases of exactly this system."""
        chosen, n_screened = self._screen(elements)
        settings = RelaxationSettings(
            max_force=self.config.relaxation.max_force,
            max_steps=self.config.relaxation.max_steps,
            time_limit=self.config.relaxation.time_limit,
        )
        phases = []
        for prototype, structure in chosen:
            record = relax(structure, self.potential.calculator, settings, name=self.origin)
            if record.error is None and record.energy_per_atom is not None:
                phases.append(
                    ReferencePhase(
                        structure.composition.reduced_formula,
                        prototype,
                        round(record.energy_per_atom, 6),
                        len(structure),
                        record.converged,
                    )
                )
        return SystemRecord(
            "-".join(sorted(elements)),
            self.origin,
            settings.max_force,
            settings.max_steps,
            self.config.references.max_sites,
            limit_for(elements, self.config),
            polymorphs_for(elements, self.config),
            self.predictor.version,
            n_screened,
            tuple(phases),
        )

    def _subsystems(self, elements: Sequence[str]) -> list[tuple[str, ...]]:
        """All subsystems that are covered, by size."""
        ordered = sorted(set(elements))
        return [
            subset
            for size in range(1, min(3, len(ordered)) + 1)
            for subset in combinations(ordered, size)
            if size == 1 or limit_for(subset, self.config) > 0
        ]

    def _screen(self, elements: Sequence[str]) -> tuple[list[tuple[str, Structure]], int]:
        """The most promising decorations by predicted distance from the predicted hull."""
        decorated = list(self._decorations(sorted(elements)))
        if not decorated:
            return [], 0
        predictions = self.predictor.predict([structure for _, structure in decorated])
        mean, std = predictions.column("formation_energy_per_atom")
        energy = (
            mean + std
        )  # of many guesses the lowest are the most wrong: count doubt against
        usable = np.isfinite(energy)
        rank = _above_predicted_hull(
            [s.composition for _, s in decorated], np.where(usable, energy, np.inf)
        )
        limit = limit_for(elements, self.config)
        polymorphs = polymorphs_for(elements, self.config)
        chosen: list[int] = []
        taken: Counter[str] = Counter()
        for i in np.argsort(rank, kind="stable"):
            if not usable[i]:
                break
            label, structure = decorated[i]
            # One element is one composition: there, the limit counts structures.
            key = label if len(elements) == 1 else structure.composition.reduced_formula
            if taken[key] < polymorphs and (key in taken or len(taken) < limit):
                chosen.append(int(i))
                taken[key] += 1
        return [decorated[i] for i in chosen], len(decorated)

    def _decorations(self, elements: Sequence[str]) -> Iterator[tuple[str, Structure]]:
        """Every sane way to put exactly these elements on a prototype.

        An element takes the prototypes of elements. With a nonmetal, only charge-neutral
        compositions are considered: there are too many others, and those that compete with a
        semiconductor are neutral as a rule. Metals among themselves are free, two at a time.
        """
        neutral = charge_neutrality()
        apart = minimum_distance(0.5)
        ionic = _ionic(elements)
        if len(elements) > 2 and not ionic:
            return
        for prototype in self._prototypes.get(len(elements), ()):
            if len(elements) == 1 and not prototype.label.startswith("A_"):
                continue
            for order in permutations(elements):
                cell = _cell_of(order, prototype.stoichiometry)
                if len(elements) > 1 and ionic and neutral(cell):
                    continue
                structure = decorate(prototype, order)
                if apart(structure) is None:
                    yield prototype.label, structure

    @cached_property
    def _prototypes(self) -> dict[int, list[Any]]:
        by_size: dict[int, list[Any]] = {}
        for p in aflow_prototypes(
            n_species=(1, 2, 3), max_sites=self.config.references.max_sites
        ):
            by_size.setdefault(p.n_species, []).append(p)
        return by_size


def read_records(path: Path) -> Iterator[SystemRecord]:
    """Records of a JSON-lines file; a last line cut short by a crash is passed over.

    Raises:
        InputError: any other line is not a record.
    """
    if not path.exists():
        return
    lines = path.read_text(encoding="utf-8").split("\n")
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        try:
            content = json.loads(line)
            phases = tuple(ReferencePhase(**p) for p in content.pop("phases"))
            yield SystemRecord(phases=phases, **content)
        except (ValueError, TypeError, KeyError) as error:
            if number == len(lines):
                return
            raise InputError(
                f"{path}, line {number}: not a record of competing phases ({error}); "
                "remove the line and what it held is computed again"
            ) from error


def append_record(path: Path, record: SystemRecord) -> None:
    """Add one record, in one write, after ending a line that a crash cut short."""
    path.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps(asdict(record)) + "\n"
    with path.open("a+b") as file:
        size = file.seek(0, os.SEEK_END)
        if size:
            file.seek(size - 1)
            if file.read(1) != b"\n":
                _drop_last_line(file)
        file.write(line.encode())
        file.flush()
        os.fsync(file.fileno())


def _drop_last_line(file: Any) -> None:
    """Cut a file back to its last complete line."""
    file.seek(0)
    complete = file.read().rfind(b"\n") + 1
    file.truncate(complete)


def _cell_of(elements: Sequence[str], stoichiometry: Sequence[int]) -> Structure:
    """A throwaway cell with the composition, for filters that look at nothing else."""
    species = [e for e, n in zip(elements, stoichiometry, strict=True) for _ in range(n)]
    sites = [[i / len(species), 0.0, 0.0] for i in range(len(species))]
    return Structure(np.eye(3) * 3.0 * len(species), species, sites)


def _above_predicted_hull(
    compositions: Sequence[Composition], energy: np.ndarray
) -> np.ndarray:
    """Predicted eV/atom above the hull of the predictions themselves, ``(n,)``.

    Elements lie at zero by definition of the formation energy; for a single element the
    predicted formation energy itself ranks the structures.
    """
    elements = sorted({e for c in compositions for e in c.elements})
    if len(elements) == 1:
        return energy
    entries = [PDEntry(Composition({e: 1}), 0.0) for e in elements]
    entries += [
        PDEntry(c, float(e) * c.num_atoms)
        for c, e in zip(compositions, energy, strict=True)
        if np.isfinite(e)
    ]
    diagram = PhaseDiagram(entries)
    return np.array(
        [
            float(e) - diagram.get_hull_energy_per_atom(c) if np.isfinite(e) else np.inf
            for c, e in zip(compositions, energy, strict=True)
        ]
    )
