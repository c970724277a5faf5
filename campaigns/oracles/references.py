"""Competing phases: what a candidate would fall apart into, by the same potential.

For each chemical system the decorated prototypes are screened, the best few compositions are
relaxed with the potential, and the result is kept for good: as one line of a JSON-lines file,
appended whole, so that an interrupted computation leaves nothing half-written that would be
believed. Galena ships such files.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path

from pymatgen.core import Structure

from campaigns.oracles.choice import Chooser
from campaigns.oracles.records import (
    ReferencePhase,
    SystemRecord,
    append_record,
    limit_for,
    polymorphs_for,
    read_records,
)
from campaigns.oracles.shipped import SHIPPED
from campaigns.oracles.specs import OracleConfig
from materials.errors import GalenaError, InputError
from materials.hull import MixedOriginsError, Phase
from materials.hull.tables import read_phases
from materials.known import KnownFormulas
from materials.relaxation import RelaxationRecord, RelaxationSettings
from models.inference import Predictor
from models.potentials import Potential
from models.relaxing.many import relax_many


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
        files: Sequence[Path] = SHIPPED,
        cache: Path | None = None,
        known: KnownFormulas | None = None,
    ) -> None:
        self.potential, self.predictor, self.config = potential, predictor, config
        self.chooser = Chooser(predictor, config, known=known)
        self.cache = cache or cache_file()
        self.origin = potential.origin
        self._table = self._own_table()
        self._records: dict[str, SystemRecord] = {}
        for path in (*files, self.cache):
            for record in read_records(path):
                if record.serves(self.origin, config):
                    before = self._records.get(record.system)
                    self._records[record.system] = record.joined(before)

    def missing(self, elements: Sequence[str]) -> list[tuple[str, ...]]:
        """Subsystems of ``elements`` that would have to be computed, small ones first."""
        if self._table is not None:
            return []
        return [s for s in self._subsystems(elements) if self.lacks(s)]

    def competing(
        self, elements: Sequence[str], *, note: Callable[[str], None] | None = None
    ) -> list[Phase]:
        """Competing phases of a candidate made of ``elements``, computing what is missing.

        Raises:
            GalenaError: an element has no relaxed phase at all.
        """
        if self._table is not None:
            return list(self._table)
        phases = []
        for subsystem in self._subsystems(elements):
            name = "-".join(subsystem)
            if note and self.lacks(subsystem):
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
        self.ensure_many([elements])
        return self._records["-".join(sorted(elements))]

    def lacks(self, elements: Sequence[str]) -> bool:
        """Whether there is no record of exactly this system."""
        return "-".join(sorted(elements)) not in self._records

    def ensure_many(self, systems: Sequence[Sequence[str]]) -> None:
        """Compute and keep the records of these systems that there are none of."""
        absent = [s for s in systems if self.lacks(s)]
        for record in self.compute(absent) if absent else ():
            self._records[record.system] = record
            append_record(self.cache, record)

    def compute(self, systems: Sequence[Sequence[str]]) -> list[SystemRecord]:
        """Screen and relax the phases of each of these systems, all of them together."""
        choices = [self.chooser.choose(elements) for elements in systems]
        settings = RelaxationSettings(
            max_force=self.config.relaxation.max_force,
            max_steps=self.config.relaxation.max_steps,
            time_limit=self.config.relaxation.time_limit,
        )
        chosen = [pair for choice in choices for pair in choice.structures]
        found = relax_many((crystal for _, crystal in chosen), self.potential, settings)
        phases = [
            _phase(label, crystal, record)
            for (label, crystal), record in zip(chosen, found, strict=True)
        ]
        records, start = [], 0
        for elements, choice in zip(systems, choices, strict=True):
            own = phases[start : start + len(choice.structures)]
            start += len(choice.structures)
            records.append(
                SystemRecord(
                    "-".join(sorted(elements)),
                    self.origin,
                    settings.max_force,
                    settings.max_steps,
                    self.config.references.max_sites,
                    limit_for(elements, self.config),
                    polymorphs_for(elements, self.config),
                    self.predictor.version,
                    choice.n_screened,
                    tuple(phase for phase in own if phase is not None),
                    self.chooser.guide,
                )
            )
        return records

    def _own_table(self) -> tuple[Phase, ...] | None:
        """The phases of the table that the campaign names, all from the potential.

        Raises:
            InputError: it cannot be read, or a row is no phase of this origin.
        """
        path = self.config.references.table
        if path is None:
            return None
        found = read_phases(path)
        for phase in found.phases:
            if phase.origin != self.origin:
                raise MixedOriginsError(
                    f"{path}: the energy of {phase.formula} is from {phase.origin}, "
                    f"candidates are relaxed with {self.origin}; compute all with one method"
                )
        if found.failures:
            place, reason = found.failures[0]
            raise InputError(f"{path}, {place}: {reason}")
        return found.phases

    def _subsystems(self, elements: Sequence[str]) -> list[tuple[str, ...]]:
        """All subsystems that are covered, by size."""
        ordered = sorted(set(elements))
        return [
            subset
            for size in range(1, min(3, len(ordered)) + 1)
            for subset in combinations(ordered, size)
            if size == 1 or limit_for(subset, self.config) > 0
        ]


def _phase(
    label: str, crystal: Structure, record: RelaxationRecord
) -> ReferencePhase | None:
    """A relaxed phase, or nothing where relaxing failed."""
    if record.error is not None or record.energy_per_atom is None:
        return None
    return ReferencePhase(
        crystal.composition.reduced_formula,
        label,
        round(record.energy_per_atom, 6),
        len(crystal),
        record.converged,
    )
