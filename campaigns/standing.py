"""Where phases stand above the hull: what is asked, and the answers in rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from materials.errors import InputError
from materials.hull import ReferenceHull
from materials.hull.phases import atomic_fractions
from materials.hull.probability import MARGIN, distance_std, probability_within
from materials.hull.tables import read_phases

if TYPE_CHECKING:
    import pandas as pd

    from materials.relaxation import RelaxationSettings
    from models.potentials import Potential

COLUMNS = (
    "name",
    "formula",
    "energy_per_atom",
    "energy_above_hull",
    "energy_above_hull_std",
    "formation_energy_per_atom",
    "hull_formation_energy_per_atom",
    "probability_within_margin",
    "decomposition",
    "error",
)
"""Energies in eV/atom; ``decomposition`` is a mapping from phases to fractions of atoms."""


_TABLES = (".csv", ".jsonl", ".parquet")
_CRYSTALS = (".cif", ".vasp", ".xyz", ".extxyz", ".json", ".zip", ".res", ".xsf", ".db")


@dataclass(frozen=True)
class Asked:
    """One phase whose place is asked for; without an energy, only what competes with it."""

    name: str
    formula: str = ""
    energy_per_atom: float | None = None  # eV/atom
    std: float | None = None  # eV/atom
    origin: str = ""
    error: str | None = None


def sort_sources(sources: Sequence[str]) -> tuple[list[str], list[Path], list[Path]]:
    """Tell formulas, tables of phases and crystal files apart.

    What exists is a file; a name with a dot or a slash is meant to be one. JSON is a table if
    it is a list.
    """
    formulas: list[str] = []
    tables: list[Path] = []
    crystals: list[Path] = []
    for source in sources:
        path = Path(source)
        suffix = path.suffix.lower()
        if suffix in _TABLES or (suffix == ".json" and _holds_list(path)):
            tables.append(path)
        elif path.exists() or "/" in source or suffix in _CRYSTALS:
            crystals.append(path)
        else:
            formulas.append(source)
    return formulas, tables, crystals


def _holds_list(path: Path) -> bool:
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            return file.read(64).lstrip().startswith("[")
    except OSError:
        return False


def asked_of_table(path: Path, origin: str | None) -> list[Asked]:
    """The rows of a table of phases, in its order of good rows, then the bad ones."""
    table = read_phases(path, origin=origin)
    good = [
        Asked(p.label, p.formula, p.energy_per_atom, p.std, p.origin) for p in table.phases
    ]
    return good + [Asked(f"{path}, {place}", error=why) for place, why in table.failures]


def asked_of_crystals(
    paths: Sequence[Path], potential: Potential, settings: RelaxationSettings
) -> Iterator[Asked]:
    """Every crystal of files, folders and zips, relaxed with the potential."""
    from materials.files import read_crystals
    from materials.relaxation import relax

    for crystal in read_crystals(paths):
        if crystal.structure is None:
            yield Asked(crystal.name, error=crystal.error)
            continue
        formula = crystal.structure.composition.reduced_formula
        found = relax(
            crystal.structure, potential.calculator, settings, name=potential.origin
        )
        yield Asked(
            crystal.name,
            formula,
            found.energy_per_atom,
            origin=potential.origin,
            error=found.error,
        )


def asked_of_formula(text: str) -> Asked:
    """A formula alone; one that cannot be read is an error of its row."""
    try:
        atomic_fractions(text)
    except InputError as error:
        return Asked(text, error=f"{error}, and there is no such file")
    return Asked(text, text)


def standing(
    asked: Sequence[Asked],
    hull: ReferenceHull,
    *,
    std: float | None = None,
    margin: float = MARGIN,
) -> pd.DataFrame:
    """Judge what is asked, one row each in that order, with :data:`COLUMNS`.

    ``std`` (eV/atom) stands in where a phase brings no deviation of its own; without either
    there is no probability. A phase of another origin than the hull's is an error of its row.
    """
    import pandas as pd

    errors = [a.error or _foreign(a, hull) for a in asked]
    good = [i for i, error in enumerate(errors) if error is None]
    columns = hull.judge(
        [asked[i].formula for i in good],
        [asked[i].energy_per_atom or 0.0 for i in good],
        origin=hull.origin,
    )
    own = np.array([_std(asked[i], std) for i in good], dtype=np.float64)
    deviation = distance_std(columns, own)
    above = columns.energy_above_hull.copy()
    above[[asked[i].energy_per_atom is None for i in good]] = np.nan
    chance = probability_within(above, np.nan_to_num(deviation), margin=margin)
    chance[np.isnan(deviation)] = np.nan
    rows: list[dict[str, Any]] = [
        {
            "name": a.name,
            "formula": a.formula,
            "energy_per_atom": a.energy_per_atom,
            "error": e,
        }
        for a, e in zip(asked, errors, strict=True)
    ]
    for place, i in enumerate(good):
        rows[i]["error"] = columns.errors[place]
        formation = columns.formation_energy_per_atom[place]
        energy = asked[i].energy_per_atom
        rows[i] |= {
            "energy_above_hull": above[place],
            "energy_above_hull_std": np.nan if energy is None else deviation[place],
            "formation_energy_per_atom": np.nan if energy is None else formation,
            "hull_formation_energy_per_atom": formation - columns.energy_above_hull[place],
            "probability_within_margin": chance[place],
            "decomposition": columns.decomposition(place),
        }
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _foreign(asked: Asked, hull: ReferenceHull) -> str | None:
    if asked.energy_per_atom is None or asked.origin == hull.origin:
        return None
    return (
        f"the energy of {asked.formula} is from {asked.origin or 'an unnamed origin'}, "
        f"the competing phases are from {hull.origin or 'an unnamed origin'}; compute all "
        "with one method"
    )


def _std(asked: Asked, otherwise: float | None) -> float:
    """NaN where nothing is known; a table writes that as 0."""
    if asked.std:
        return asked.std
    return np.nan if otherwise is None else otherwise
