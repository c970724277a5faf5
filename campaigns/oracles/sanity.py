"""Answers that cannot be right, whoever gave them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from campaigns.protocols import Candidate, Verdict

if TYPE_CHECKING:
    from pymatgen.core import Structure

RANGES = {
    "energy_per_atom": (-1e7, 1e4),  # all-electron energies of the heaviest atoms included
    "formation_energy_per_atom": (-20.0, 20.0),
    "energy_above_hull": (-1.0, 20.0),  # new compounds lie below a known hull by tenths
    "band_gap": (0.0, 30.0),  # solid neon: 21.7
    "band_gap_std": (0.0, 30.0),
    "seconds": (0.0, 1e10),
    "cost": (0.0, 1e12),
}
"""Least and largest value that a crystal can have, in the units of the verdict."""

_HINTS = {
    "energy_above_hull": "; so far below, competing phases are missing or of another method"
}
"""Why values below the least come about."""
_SUM_TOLERANCE = 0.01
_MOST_NUMBERS, _LONGEST_NAME, _LONGEST_TEXT = 1_000, 200, 10_000


def nonsense(verdict: Verdict, candidate: Candidate) -> str | None:
    """Why a verdict without an error cannot be taken, or None."""
    if verdict.candidate_id != candidate.id:
        return f"the answer is about '{verdict.candidate_id}', not about '{candidate.id}'"
    if fault := _too_much(verdict):
        return fault
    values = dict(_values(verdict))
    for name, value in values.items():
        if not math.isfinite(value):
            return f"{name} is {value}, which is no number"
        low, high = RANGES.get(name, (-math.inf, math.inf))
        if not low <= value <= high:
            hint = _HINTS.get(name, "") if value < low else ""
            return f"{name} is {value:g}, expected {low:g} to {high:g}{hint}"
    if fault := _no_decomposition(verdict.decomposition):
        return fault
    answers = set(values) - {"band_gap_std", "seconds", "cost"}
    if not answers and verdict.structure is None:
        return "the answer holds no number"
    if verdict.structure is not None:
        found = verdict.structure.composition.reduced_formula
        asked = candidate.structure.composition.reduced_formula
        if found != asked:
            return f"the crystal that came back is {found}, asked was {asked}"
        if not _has_places(verdict.structure):
            return "the crystal that came back has no volume, or places that are no numbers"
    return None


def _too_much(verdict: Verdict) -> str | None:
    """Why an answer is no row of a table."""
    for name in ("properties", "decomposition"):
        found = getattr(verdict, name)
        if len(found) > _MOST_NUMBERS:
            return f"{name} are {len(found)} numbers, expected at most {_MOST_NUMBERS}"
        longest = max(map(len, map(str, found)), default=0)
        if longest > _LONGEST_NAME:
            return f"a name in {name} has {longest} letters, at most {_LONGEST_NAME} fit"
    for name in ("origin", "references"):
        if len(str(getattr(verdict, name))) > _LONGEST_TEXT:
            return f"{name} is a text of more than {_LONGEST_TEXT} letters"
    return None


def _has_places(structure: Structure) -> bool:
    numbers = (structure.lattice.matrix, structure.frac_coords)
    return all(np.isfinite(n).all() for n in numbers) and structure.volume > 0.0


def _no_decomposition(parts: Mapping[str, float]) -> str | None:
    """Why these are no fractions of the atoms; finite numbers are expected."""
    for phase, fraction in parts.items():
        if fraction < 0.0:
            return f"decomposition.{phase} is {fraction:g}, a fraction is 0 or more"
    total = sum(parts.values())
    if parts and round(abs(total - 1.0), 9) > _SUM_TOLERANCE:
        return f"the decomposition's fractions sum to {total:g}, expected 1"
    return None


def _values(verdict: Verdict) -> Iterator[tuple[str, float]]:
    for name in RANGES:
        value = getattr(verdict, name)
        if value is not None:
            yield name, float(value)
    for name, value in verdict.properties.items():
        yield f"properties.{name}", float(value)
    for name, value in verdict.decomposition.items():
        yield f"decomposition.{name}", float(value)
