"""A first volume learned from real crystals: half as far off as touching radii alone.

The logarithm of the volume per atom is a sum of what each element, each pair of elements and
the tightness of the geometry add to it,

    ln v = w . d + sum_i c_i (a_i + b_i s + g_i m) + sum_ij 4 c_i c_j p_ij,

with ``c`` the elements' shares of the atoms, ``s`` and ``m`` the spread and the mean of their
electronegativities, and ``d`` how tight the geometry is under the radii of
:mod:`materials.candidates.volume`. ``tools/fit_volume.py`` fits the coefficients, by ridge
regression, to crystals of the Materials Project (CC BY 4.0; Jain et al., APL Mater. 1, 011002
(2013), doi:10.1063/1.4812323). ``benchmarks/volume.py`` measures the error.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from functools import cache
from importlib.resources import files
from typing import Any, TypedDict

import numpy as np
from pymatgen.core.periodic_table import Element
from pymatgen.core.structure import Structure

from materials.candidates.contacts import shortest_contacts
from materials.candidates.volume import (
    DENSEST,
    LOOSEST,
    decorated_volumes,
    estimate_volume,
    radii_of,
)
from materials.soundness import HEAVIEST, FloatArray, IntArray

_DATA_FILE = "volume.json"
_LEAST_SEEN = 20  # crystals with an element; below, its coefficients are not believed
_FARTHEST = 1.8  # times more or less than touching radii say: beyond, nobody knows


class VolumeGuess(Enum):
    """How the first volume of a candidate is guessed."""

    TOUCHING = "touching"
    """Data-mined radii just touch: :func:`materials.candidates.volume.estimate_volume`."""
    FITTED = "fitted"
    """Learned from known crystals: :func:`fitted_volume`."""


def guessed_volume(structure: Structure, guess: VolumeGuess) -> float:
    """Return the volume of this cell in Å3 by either guess, whatever its present volume."""
    if guess is VolumeGuess.TOUCHING:
        return estimate_volume(structure)
    return fitted_volume(structure)


def fitted_volume(structure: Structure) -> float:
    """Return the learned volume of this cell in Å3, whatever its present volume.

    Only the shape of the cell, the fractional coordinates and the elements count. Elements
    that too few known crystals have fall back to ``estimate_volume``.
    """
    numbers, species = np.unique(
        np.array([site.specie.Z for site in structure]), return_inverse=True
    )
    matrix = np.array(structure.lattice.matrix)
    unit = matrix / abs(np.linalg.det(matrix)) ** (1.0 / 3.0)
    shortest = shortest_contacts(unit, np.array(structure.frac_coords), species)
    amounts = np.bincount(species)
    return float(fitted_volumes(numbers[None], amounts[None], shortest[None])[0])


def fitted_volumes(
    atomic_numbers: IntArray, amounts: IntArray, shortest: FloatArray
) -> FloatArray:
    """Return what :func:`fitted_volume` would say of ``n`` crystals, ``(n,)`` Å3.

    The arguments are those of :func:`materials.candidates.volume.decorated_volumes`.
    """
    model = _model()
    touching = decorated_volumes(atomic_numbers, amounts, shortest)
    total = amounts.sum(axis=1)
    dense, parts = describe(atomic_numbers, amounts, shortest)
    share, spread, mean = parts.share, parts.spread[:, None], parts.mean[:, None]
    of = model.elements[atomic_numbers]  # (n, k, 3)
    each = of[..., 0] + of[..., 1] * spread + of[..., 2] * mean
    pairs = model.pairs[atomic_numbers[:, :, None], atomic_numbers[:, None, :]]
    both = 2.0 * share[:, :, None] * share[:, None, :]  # both triangles: 4 for each pair
    log = dense @ model.dense + (share * each).sum(axis=1) + (both * pairs).sum(axis=(1, 2))
    found = np.exp(log) * total
    found = np.clip(found, touching / _FARTHEST, touching * _FARTHEST)
    found = np.clip(
        found, DENSEST * total, np.maximum(parts.filled / LOOSEST, DENSEST * total)
    )
    known = (model.known[atomic_numbers] | (amounts == 0)).all(axis=1)
    volumes: FloatArray = np.where(known, found, touching)
    return volumes


@dataclass(frozen=True)
class Parts:
    """What the coefficients of elements and pairs are multiplied by."""

    share: FloatArray  # (n, k) of the atoms
    spread: FloatArray  # (n,) of the electronegativities
    mean: FloatArray  # (n,)
    filled: FloatArray  # (n,) Å3 of all atoms' spheres


def describe(
    atomic_numbers: IntArray, amounts: IntArray, shortest: FloatArray
) -> tuple[FloatArray, Parts]:
    """Return ``(n, 9)`` features of geometry and the parts of composition."""
    radii, spread, mean = radii_of(atomic_numbers, amounts)
    total = amounts.sum(axis=1)
    share = amounts / total[:, None]
    reach = radii[:, :, None] + radii[:, None, :]
    each = (
        np.where(np.isfinite(shortest), reach / shortest, 0.0) ** 3 / total[:, None, None]
    )
    tightest = np.log(each.max(axis=(1, 2)))
    own = np.where(amounts > 0, each.max(axis=2), 1.0)
    usual = (share * np.log(own)).sum(axis=1)
    filled = (amounts * (4.0 / 3.0 * np.pi * radii**3)).sum(axis=1)
    full = np.log(filled / total)
    dense = np.stack(
        [
            *(np.ones(len(total)), tightest, usual, full, spread, spread**2),
            *((tightest - usual) ** 2, full - usual, (full - usual) ** 2),
        ],
        axis=1,
    )
    return dense, Parts(share, spread, mean, filled)


class VolumeFile(TypedDict):
    """What ``volume.json`` holds."""

    source: dict[str, Any]
    dense: list[float]
    elements: dict[str, list[float]]
    """``a``, ``b`` and ``g``, and in how many crystals it was seen."""
    pairs: dict[str, float]
    """``O-Ti``: ``p``."""


@dataclass(frozen=True)
class _Model:
    dense: FloatArray  # (9,)
    elements: FloatArray  # (119, 3)
    pairs: FloatArray  # (119, 119), symmetric, 0 on the diagonal
    known: Any  # (119,) bool


@cache
def _model() -> _Model:
    text = files("materials").joinpath("data", _DATA_FILE).read_text("utf-8")
    content: VolumeFile = json.loads(text)
    elements = np.zeros((HEAVIEST + 1, 3))
    known = np.zeros(HEAVIEST + 1, dtype=bool)
    for symbol, (*values, seen) in content["elements"].items():
        elements[Element(symbol).Z] = values
        known[Element(symbol).Z] = seen >= _LEAST_SEEN
    pairs = np.zeros((HEAVIEST + 1, HEAVIEST + 1))
    for name, value in content["pairs"].items():
        first, second = (Element(symbol).Z for symbol in name.split("-"))
        pairs[first, second] = pairs[second, first] = value
    return _Model(np.array(content["dense"]), elements, pairs, known)
