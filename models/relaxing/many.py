"""Relax many crystals at once, each with an optimiser of its own.

Crystals take part as long as their forces are large; one that is done leaves and the next one
enters, so every call of the potential is for as many as its memory has room for. Who else
takes part changes nothing about a crystal but the rounding of its energy.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure

from materials.errors import InputError
from materials.flat import FlatCrystals
from materials.relaxation import (
    CLOSEST,
    RelaxationRecord,
    RelaxationSettings,
    distance_fault,
    number_fault,
    one_line,
    too_many,
    volume_fault,
)
from materials.soundness import FloatArray, IntArray, lattice_fault, species_fault
from models.memory import by_cost, halving, out_of_memory
from models.relaxing.batched import Answers, BatchedPotential, batched_potential
from models.relaxing.bfgs import Bfgs, Geometry
from models.relaxing.pairs import closest

if TYPE_CHECKING:
    from models.potentials import Potential


class Finished(NamedTuple):
    """A relaxation that is over."""

    place: int
    """Of the crystal among those given, from 0."""
    record: RelaxationRecord


def relax_many(
    structures: Iterable[Structure],
    potential: Potential,
    settings: RelaxationSettings | None = None,
    *,
    budget: int | None = None,
) -> Iterator[RelaxationRecord]:
    """Relax many crystals and yield their records in the order they came.

    See :func:`relax_as_finished`; a record waits for those before it.
    """
    waiting: dict[int, RelaxationRecord] = {}
    due = 0
    for place, record in relax_as_finished(structures, potential, settings, budget=budget):
        waiting[place] = record
        while due in waiting:
            yield waiting.pop(due)
            due += 1


def relax_as_finished(
    structures: Iterable[Structure],
    potential: Potential,
    settings: RelaxationSettings | None = None,
    *,
    budget: int | None = None,
) -> Iterator[Finished]:
    """Relax many crystals and yield each as soon as it is done.

    Structures are taken from the iterable when there is room for them. Steps, limits and
    records are those of :func:`materials.relaxation.relax`; a record's ``seconds``, to which
    ``time_limit`` applies, is its share of the time of all. ``budget`` is what crystals asked
    about together may cost, in the potential's units, by default what suits the device;
    where memory runs out it is halved for good.
    """
    crew = _Crew(
        batched_potential(potential),
        settings or RelaxationSettings(),
        potential.origin,
        budget,
    )
    source = enumerate(structures)
    while True:
        yield from crew.recruit(source)
        if not crew.members:
            return
        yield from crew.advance()


@dataclass
class _Member:
    """One crystal that is being relaxed."""

    place: int
    given: Structure
    numbers: IntArray  # (n_atoms,)
    optimiser: Bfgs
    first_volume: float
    cost: int
    seconds: float = 0.0
    n_steps: int = 0
    steps_before: int = 0
    """Until the strain was last measured anew."""

    @property
    def geometry(self) -> Geometry:
        return self.optimiser.geometry


@dataclass
class _Crew:
    """The crystals that take part, and what is done with them."""

    potential: BatchedPotential
    settings: RelaxationSettings
    origin: str
    budget: int | None
    members: list[_Member] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._budget = self.potential.budget if self.budget is None else self.budget

    def recruit(self, source: Iterator[tuple[int, Structure]]) -> Iterator[Finished]:
        """Take crystals until the budget is spent; yield those that cannot be used."""
        spent = sum(member.cost for member in self.members)
        while spent < self._budget or not self.members:
            place, structure = next(source, (-1, None))
            if structure is None:
                return
            start = time.monotonic()
            try:
                member = self._member(place, structure)
            except Exception as failure:  # noqa: BLE001 - pymatgen raises many kinds
                known = isinstance(failure, InputError)
                error = str(failure) if known else one_line(failure)
                yield Finished(place, self._failed(error, 0, time.monotonic() - start))
                continue
            self.members.append(member)
            spent += member.cost

    def _member(self, place: int, structure: Structure) -> _Member:
        if fault := too_many(len(structure)):
            raise InputError(fault)
        numbers = np.array([site.specie.Z for site in structure], dtype=np.int64)
        cell = np.array(structure.lattice.matrix)
        fault = species_fault(numbers) or lattice_fault(cell, len(numbers))
        if fault is not None:
            raise InputError(fault)
        optimiser = Bfgs(
            Geometry(structure.frac_coords @ cell, cell),
            relax_cell=self.settings.relax_cell,
        )
        member = _Member(place, structure, numbers, optimiser, optimiser.geometry.volume, 0)
        member.cost = int(self.potential.costs(_flat([member]))[0])
        return member

    def advance(self) -> Iterator[Finished]:
        """Ask about everybody once, and let each take a step or leave."""
        begin = time.monotonic()
        faults = self._geometry_faults()
        asked = [m for m, fault in zip(self.members, faults, strict=True) if not fault]
        told = self._ask(asked)
        over: list[tuple[_Member, RelaxationRecord]] = []
        for member, fault in zip(self.members, faults, strict=True):
            answer = fault or told[member.place]
            if (record := self._judge(member, answer)) is not None:
                over.append((member, record))
        self._share(time.monotonic() - begin)
        gone = {member.place for member, _ in over}
        self.members = [m for m in self.members if m.place not in gone]
        for member, record in over:
            yield Finished(member.place, _timed(record, member.seconds))

    def _geometry_faults(self) -> list[str | None]:
        found = [volume_fault(m.geometry.volume, m.first_volume) for m in self.members]
        sane = [row for row, fault in enumerate(found) if fault is None]
        near = closest(_flat([self.members[row] for row in sane]), CLOSEST)
        for row, distance in zip(sane, near, strict=True):
            found[row] = distance_fault(float(distance))
        return found

    def _ask(self, members: Sequence[_Member]) -> dict[int, _Answer | str]:
        """Energies, forces and stresses by place; for some, what went wrong."""
        if not members:
            return {}
        costs = np.array([member.cost for member in members])
        start = np.concatenate([[0], np.cumsum(costs)])
        parts = list(by_cost(start, self._budget))

        told: dict[int, _Answer | str] = {}
        n_calls = 0
        for first, last, found in halving(
            parts,
            lambda first, last: self._ask_these(members[first:last]),
            self.potential.device,
        ):
            n_calls += 1
            told |= _too_large(members[first:last]) if found is None else found
        if n_calls > len(parts):
            self._budget = max(self._budget // 2, 1)
        return told

    def _ask_these(self, members: Sequence[_Member]) -> dict[int, _Answer | str]:
        """Ask once; where that fails as a whole, find out whose fault it is."""
        try:
            return _by_place(members, self.potential(_flat(members)))
        except Exception as failure:
            if out_of_memory(failure):
                raise
            if len(members) == 1:
                return {members[0].place: one_line(failure)}
        half = len(members) // 2
        return self._ask_these(members[:half]) | self._ask_these(members[half:])

    def _judge(self, member: _Member, answer: _Answer | str) -> RelaxationRecord | None:
        """The record of a crystal that is done; the others take a step."""
        if isinstance(answer, str):
            return self._failed(answer, member.n_steps, 0.0)
        n_atoms = len(member.numbers)
        energy = answer.energy / n_atoms
        largest = float(np.linalg.norm(answer.forces, axis=1).max())
        fault = number_fault(energy, largest)
        if fault is not None:
            return self._failed(fault, member.n_steps, 0.0)
        settings = self.settings
        pulls = member.optimiser.pulls(answer.forces, answer.stress)
        content = bool(np.linalg.norm(pulls, axis=1).max() < settings.max_force)
        late = member.seconds > settings.time_limit
        if content and largest <= settings.max_force:
            return self._done(member, energy, largest, converged=True)
        if late or member.n_steps >= settings.max_steps:
            return self._done(member, energy, largest, converged=False)
        if content:
            # The strain so far scales these forces, and the true ones are not small yet.
            if member.n_steps == member.steps_before:
                return self._done(member, energy, largest, converged=False)
            member.steps_before = member.n_steps
            member.optimiser.renew()
            pulls = member.optimiser.pulls(answer.forces, answer.stress)
        try:
            member.optimiser.step(pulls)
        except np.linalg.LinAlgError as failure:
            return self._failed(one_line(failure), member.n_steps, 0.0)
        member.n_steps += 1
        return None

    def _done(
        self, member: _Member, energy: float, force: float, *, converged: bool
    ) -> RelaxationRecord:
        geometry = member.geometry
        final = Structure(
            Lattice(geometry.cell), member.given.species, geometry.frac_coords % 1.0
        )
        return RelaxationRecord(
            final, energy, force, member.n_steps, converged, 0.0, self.origin, None
        )

    def _failed(self, error: str, n_steps: int, seconds: float) -> RelaxationRecord:
        return RelaxationRecord(
            None, None, None, n_steps, False, seconds, self.origin, error
        )

    def _share(self, seconds: float) -> None:
        """Charge everybody for a step, by cost."""
        total = sum(member.cost for member in self.members)
        for member in self.members:
            member.seconds += seconds * member.cost / total


class _Answer(NamedTuple):
    energy: float  # eV per cell
    forces: FloatArray  # (n_atoms, 3) eV/Å
    stress: FloatArray  # (3, 3) eV/Å3


def _too_large(members: Sequence[_Member]) -> dict[int, _Answer | str]:
    return {m.place: f"not enough memory for {len(m.numbers)} atoms" for m in members}


def _by_place(members: Sequence[_Member], answers: Answers) -> dict[int, _Answer | str]:
    told: dict[int, _Answer | str] = {}
    first = 0
    for row, member in enumerate(members):
        atoms = slice(first, first + len(member.numbers))
        first = atoms.stop
        told[member.place] = answers.faults.get(row) or _Answer(
            float(answers.energy[row]), answers.forces[atoms], answers.stress[row]
        )
    return told


def _flat(members: Sequence[_Member]) -> FlatCrystals:
    return FlatCrystals.from_arrays(
        [(m.numbers, m.geometry.frac_coords, m.geometry.cell) for m in members], {}
    )


def _timed(record: RelaxationRecord, seconds: float) -> RelaxationRecord:
    return replace(record, seconds=seconds)
