"""Energy above the convex hull of competing phases, all energies from one origin."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pymatgen.analysis.phase_diagram import PDEntry, PhaseDiagram
from pymatgen.core.composition import Composition

from materials.errors import InputError


class MixedOriginsError(InputError):
    """Energies from different methods were about to be compared."""


@dataclass(frozen=True)
class Phase:
    """A compound and its energy."""

    formula: str
    energy_per_atom: float
    """eV/atom, total (not formation) energy."""
    origin: str
    """What computed the energy: ``CHGNet 0.3.0``. Only equal origins are comparable."""
    name: str = ""
    """Which phase of that formula, for people."""


@dataclass(frozen=True)
class HullResult:
    """Where a phase stands among its competitors."""

    energy_above_hull: float
    """eV/atom above the best mixture of competing phases; negative: below all of them."""
    formation_energy_per_atom: float
    """eV/atom, against the lowest elemental phases among the competitors."""
    decomposition: dict[str, float]
    """The best mixture: name (or formula) of each phase -> its fraction of the atoms."""


def energy_above_hull(phase: Phase, competing: Sequence[Phase]) -> HullResult:
    """Compare a phase with the best mixture of competing phases of its elements.

    The phase itself does not compete, unless it is listed; so the result can be negative, by
    as much as the hull would come down if it were added. Phases with other elements are
    passed over. The hull is pymatgen's (Ong et al., Chem. Mater. 20, 1798 (2008)).

    Raises :class:`MixedOriginsError` if not all energies have one origin, and
    :class:`InputError` for an unreadable formula, an energy that is not a number, or an
    element of the phase of which no elemental phase competes.
    """
    _check_origins(phase, competing)
    composition = _composition(phase)
    elements = {element.symbol for element in composition.elements}
    entries = _entries(competing, elements)
    _check_terminals(phase, elements, entries)
    diagram = PhaseDiagram(entries)
    mixture, hull = diagram.get_decomp_and_hull_energy_per_atom(composition)
    fractions: defaultdict[str, float] = defaultdict(float)
    names = {id(entry): entry.name for entry in entries}
    for entry, fraction in mixture.items():
        fractions[names[id(entry)]] += float(fraction)
    reference = diagram.get_reference_energy(composition) / composition.num_atoms
    return HullResult(
        energy_above_hull=phase.energy_per_atom - float(hull),
        formation_energy_per_atom=phase.energy_per_atom - float(reference),
        decomposition=dict(sorted(fractions.items())),
    )


def _check_origins(phase: Phase, competing: Iterable[Phase]) -> None:
    others = sorted({other.origin for other in competing} - {phase.origin})
    if others:
        raise MixedOriginsError(
            f"the energy of {phase.formula} is from {phase.origin or 'an unnamed origin'}, "
            f"competing phases are from {', '.join(o or 'an unnamed origin' for o in others)}; "
            "compute all with one method"
        )


def _composition(phase: Phase) -> Composition:
    try:
        composition = Composition(phase.formula)
    except ValueError as error:
        raise InputError(f"'{phase.formula}' is not a formula: {error}") from error
    if not composition:
        raise InputError(f"'{phase.formula}' is not a formula: it holds no atoms")
    if not math.isfinite(phase.energy_per_atom):
        raise InputError(
            f"the energy of {phase.formula} is {phase.energy_per_atom}, expected eV/atom"
        )
    return composition


def _entries(competing: Iterable[Phase], elements: set[str]) -> list[PDEntry]:
    """Entries of the phases made of nothing but ``elements``."""
    entries = []
    for other in competing:
        composition = _composition(other)
        if {element.symbol for element in composition.elements} <= elements:
            energy = other.energy_per_atom * composition.num_atoms
            name = other.name or composition.reduced_formula
            entries.append(PDEntry(composition, energy, name))
    return entries


def _check_terminals(phase: Phase, elements: set[str], entries: Iterable[PDEntry]) -> None:
    pure = {entry.composition.elements[0].symbol for entry in entries if entry.is_element}
    missing = sorted(elements - pure)
    if missing:
        raise InputError(
            f"no elemental phase of {', '.join(missing)} among the phases competing with "
            f"{phase.formula}; add one, relaxed with the same method"
        )
