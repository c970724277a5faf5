"""Gap and stability of a material, each with where the number comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from materials.errors import InputError
from materials.sustainability.incumbents import find_incumbent

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from models.predictions import Predictions

GAPS = ("band_gap_measured", "band_gap_hse", "band_gap")
"""Targets that say something of the gap, the nearest to experiment first."""

_LEVELS = {
    "band_gap_measured": "as it would be measured",
    "band_gap_hse": "an HSE06 gap",
    "band_gap": "a PBE gap, which lies below the measured one",
}


class StructurePredictor(Protocol):
    """What is asked of a predictor here."""

    @property
    def targets(self) -> tuple[str, ...]: ...
    @property
    def version(self) -> str: ...
    def predict(self, structures: Sequence[Structure]) -> Predictions: ...


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One number, or why there is none."""

    value: float | None
    deviation: float | None
    """One standard deviation; None for what was measured or is unknown."""
    unit: str
    origin: str
    """Measured by whom, predicted by what, or the reason why it is unknown."""


@dataclass(frozen=True, kw_only=True)
class Properties:
    """What is known of a material besides its sustainability."""

    gap: Evidence
    stability: Evidence
    """Energy above the hull."""
    warning: str = ""
    """Why the numbers may be worth less than they say; empty if nothing speaks for it."""


def of_formula(formula: str) -> Properties:
    """A measured gap where the material is in use, else one predicted from the formula."""
    stability = Evidence(
        value=None,
        deviation=None,
        unit="eV/atom",
        origin="unknown without a structure; give a crystal file",
    )
    incumbent = find_incumbent(formula)
    if incumbent is None:
        return Properties(gap=_from_composition(formula), stability=stability)
    note = f"; {incumbent.note}" if incumbent.note else ""
    gap = Evidence(
        value=incumbent.gap,
        deviation=None,
        unit="eV",
        origin=f"measured: {incumbent.gap_source}{note}",
    )
    in_use = Evidence(
        value=None, deviation=None, unit="eV/atom", origin=f"in use: {incumbent.uses}"
    )
    return Properties(gap=gap, stability=in_use)


def of_crystal(structure: Structure, predictor: StructurePredictor) -> Properties:
    """Gap and energy above the hull as a model predicts them.

    Raises :class:`InputError` if the model cannot predict this crystal.
    """
    found = predictor.predict([structure])
    if found.errors[0] is not None:
        raise InputError(f"this crystal cannot be predicted: {found.errors[0]}")
    target = next((name for name in GAPS if name in found.targets), None)
    by = f"predicted by {predictor.version}"
    gap_origin = f"{by}: {_LEVELS[target]}" if target else f"{predictor.version} has no gap"
    strange = "unlike any crystal of training; expect larger errors"
    return Properties(
        gap=_predicted(found, target, "eV", gap_origin),
        stability=_predicted(found, "energy_above_hull", "eV/atom", by),
        warning="" if found.in_domain[0] else strange,
    )


def _predicted(found: Predictions, target: str | None, unit: str, origin: str) -> Evidence:
    if target not in found.targets or target is None:
        return Evidence(value=None, deviation=None, unit=unit, origin=f"unknown; {origin}")
    mean, deviation = found.column(target)
    return Evidence(
        value=float(mean[0]), deviation=float(deviation[0]), unit=unit, origin=origin
    )


def _from_composition(formula: str, folder: Path | None = None) -> Evidence:
    """The gap that would be measured, from the formula alone."""
    from models.measured.gap import SHIPPED, MeasuredGap

    if not ((folder or SHIPPED) / "config.json").is_file():
        origin = "unknown; no model of measured gaps is installed"
        return Evidence(value=None, deviation=None, unit="eV", origin=origin)
    mean, deviation = MeasuredGap.load(folder).predict_compositions([formula])
    return Evidence(
        value=float(np.asarray(mean)[0]),
        deviation=float(np.asarray(deviation)[0]),
        unit="eV",
        origin="predicted from the formula alone, as it would be measured",
    )
