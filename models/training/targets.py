"""What the networks learn to predict, and how a table's columns become it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from materials.table import CrystalTable

MASS_RANGE = (1e-2, 10**2.5)
"""Effective masses, in electron masses, outside of which a label is not believed: below it
lie metals, to which the definition does not apply, above it numerical noise."""


@dataclass(frozen=True)
class Target:
    """A property by its name, unit and the column that holds its labels."""

    name: str
    unit: str
    column: str
    meaning: str


TARGETS = {
    target.name: target
    for target in (
        Target("band_gap", "eV", "band_gap", "PBE gap"),
        Target(
            "formation_energy_per_atom",
            "eV/atom",
            "formation_energy_per_atom",
            "PBE with corrections",
        ),
        Target("energy_above_hull", "eV/atom", "energy_above_hull", "of the same energies"),
        Target("band_gap_hse", "eV", "band_gap_hse", "HSE06 gap"),
        Target(
            "log10_electron_mass",
            "log10(electron masses)",
            "electron_mass",
            "conductivity effective mass at 300 K, 1e18 electrons per cm3",
        ),
        Target(
            "log10_hole_mass",
            "log10(electron masses)",
            "hole_mass",
            "conductivity effective mass at 300 K, 1e18 holes per cm3",
        ),
        Target("is_metal", "probability", "band_gap", "the PBE gap is zero"),
    )
}
"""Every built-in target. A name not here is read from the column of that name."""


def unit(name: str) -> str:
    """The unit of a target, empty for one that Galena does not know."""
    return TARGETS[name].unit if name in TARGETS else ""


def labels(table: CrystalTable, names: Sequence[str]) -> NDArray[np.float32]:
    """Return ``(n_rows, n_targets)``; a missing label, or its whole column, is NaN."""
    columns = {name: TARGETS[name].column if name in TARGETS else name for name in names}
    there = sorted(set(columns.values()) & set(table.columns))
    frame = table.to_pandas(there)
    found = np.full((len(table), len(names)), np.nan, dtype=np.float32)
    for number, name in enumerate(names):
        if columns[name] in frame:
            raw = frame[columns[name]].to_numpy(dtype=np.float64)
            found[:, number] = derived(name, raw)
    return found


def derived(name: str, column: NDArray[np.float64]) -> NDArray[np.float64]:
    """A target's labels from its column, ``(n,)`` each."""
    if name == "is_metal":
        return np.where(np.isfinite(column), (column <= 0.0).astype(np.float64), np.nan)
    if name in ("log10_electron_mass", "log10_hole_mass"):
        low, high = MASS_RANGE
        believed = np.isfinite(column) & (column >= low) & (column <= high)
        return np.log10(np.where(believed, column, np.nan))
    return column
