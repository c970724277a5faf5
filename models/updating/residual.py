"""The residual process: candidates whose states are alike err alike.

Kernels are Matérn's of orders 1/2 and 3/2 and their smooth limit (Rasmussen & Williams,
*Gaussian Processes for Machine Learning*, eqs. 4.9, 4.14, 4.17), on states standardised
channel by channel over the labelled candidates, with or without features of the formula.
Which of them, and at which length, the evidence decides.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Self

import numpy as np

from models.updating.base import FloatArray
from models.updating.column import Column
from models.updating.process import Kernel, Process, fit_process

LENGTHS = (0.25, 0.5, 1.0, 2.0)
"""Length scales tried, in units of the median distance between labelled candidates."""
SHAPES: tuple[Shape, ...] = ("matern-1/2", "matern-3/2", "smooth")

Shape = Literal["matern-1/2", "matern-3/2", "smooth"]


@dataclass(frozen=True, kw_only=True)
class Space:
    """Where distances are taken: states, and features of the formula to the same weight."""

    centre: FloatArray  # (d,)
    scale: FloatArray  # (d,)
    with_composition: bool = False

    @classmethod
    def of(cls, seen: Column, *, with_composition: bool = False) -> Self:
        """Standardise over the labelled candidates; the mean squared distance is then two."""
        parts = [seen.embedding]
        if with_composition and seen.composition is not None:
            parts.append(seen.composition)
        centres, scales = [], []
        for part in parts:
            scale = part.std(axis=0)
            varies = scale > 1e-9 * (1.0 + np.abs(part.mean(axis=0)))
            scale[~varies] = np.inf  # a channel that never moved says nothing of distance
            centres.append(part.mean(axis=0))
            scales.append(scale * max(1.0, float(varies.sum()) * len(parts)) ** 0.5)
        return cls(
            centre=np.concatenate(centres),
            scale=np.concatenate(scales),
            with_composition=len(parts) > 1,
        )

    def place(self, rows: Column) -> FloatArray:
        """Coordinates, ``(n, d)``."""
        states = rows.embedding
        if self.with_composition and rows.composition is not None:
            states = np.concatenate([states, rows.composition], axis=1)
        return np.asarray((states - self.centre) / self.scale)


@dataclass(frozen=True, kw_only=True)
class Stationary:
    """Correlation that falls with the distance in a space."""

    shape: Shape
    length: float
    space: Space = field(repr=False)

    @property
    def name(self) -> str:
        """Shape, and what distances are taken over."""
        return f"{self.shape}{', with composition' if self.space.with_composition else ''}"

    def cross(self, new: Column, seen: Column) -> FloatArray:
        """Return ``(len(new), len(seen))``."""
        return falling(
            squared_distances(self.space.place(new), self.space.place(seen)),
            self.shape,
            self.length,
        )

    def diagonal(self, new: Column) -> FloatArray:
        """Ones."""
        return np.ones(len(new))


def fit_residual(seen: Column) -> Process:
    """The residual process on labelled candidates."""
    kernels: list[Kernel] = []
    spaces = [Space.of(seen)]
    if seen.composition is not None:
        spaces.append(Space.of(seen, with_composition=True))
    for space in spaces:
        unit = _median_distance(space.place(seen))
        kernels += [
            Stationary(shape=shape, length=length * unit, space=space)
            for shape in SHAPES
            for length in LENGTHS
        ]
    return fit_process("residual", seen, kernels)


def squared_distances(a: FloatArray, b: FloatArray) -> FloatArray:
    """Return ``(len(a), len(b))`` by one product of matrices."""
    found = a @ b.T
    found *= -2.0
    found += np.square(a).sum(axis=1)[:, None]
    found += np.square(b).sum(axis=1)[None, :]
    return np.maximum(found, 0.0, out=found)


def falling(squared: FloatArray, shape: Shape, length: float) -> FloatArray:
    """Correlation at squared distances; the array given is used up."""
    if shape == "smooth":
        squared *= -0.5 / length**2
        return np.exp(squared, out=squared)
    order = 1.0 if shape == "matern-1/2" else 3.0
    distance = np.sqrt(squared, out=squared)
    distance *= -(order**0.5) / length
    if shape == "matern-1/2":
        return np.exp(distance, out=distance)
    near = np.exp(distance)
    near *= 1.0 - distance
    return near


def _median_distance(states: FloatArray) -> float:
    """Median distance between distinct rows; one where there are none."""
    squared = squared_distances(states, states)[np.triu_indices(len(states), k=1)]
    distances = np.sqrt(squared[squared > 1e-12])
    return float(np.median(distances)) if len(distances) else 1.0
