"""The residual process: candidates whose states are alike err alike.

Kernels are Matérn's of orders 1/2 and 3/2 and their smooth limit (Rasmussen & Williams,
*Gaussian Processes for Machine Learning*, eqs. 4.9, 4.14, 4.17), on states standardised
channel by channel over the labelled candidates, with or without features of the formula.
Which of them, and at which length, the evidence decides.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from models.updating.base import FloatArray
from models.updating.column import Column
from models.updating.process import Process, Spectrum, fit_process
from models.updating.states import Space, States

Shape = Literal["matern-1/2", "matern-3/2", "smooth"]

LENGTHS = (0.25, 0.5, 1.0, 2.0)
"""Length scales tried, in units of the median distance between labelled candidates."""
SHAPES: tuple[Shape, ...] = ("matern-1/2", "matern-3/2", "smooth")


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

    def cross(self, new: States) -> FloatArray:
        """Correlation with the labelled candidates, ``(len(new), n)``."""
        return falling(new.squared(self.space), self.shape, self.length)

    def diagonal(self, new: States) -> FloatArray:
        """Ones."""
        return np.ones(len(new))


@dataclass(frozen=True, kw_only=True)
class Residual:
    """All kernels among some labelled candidates, ready for any target of theirs."""

    spectra: tuple[Spectrum, ...] = field(repr=False)

    @classmethod
    def of(cls, states: States) -> Residual:
        """Decompose every kernel once."""
        spaces = [Space.of(states)]
        if states.composition is not None:
            spaces.append(Space.of(states, with_composition=True))
        kernels = []
        for space in spaces:
            unit = space.median_distance()
            kernels += [
                Stationary(shape=shape, length=length * unit, space=space)
                for shape in SHAPES
                for length in LENGTHS
            ]
        return cls(spectra=tuple(Spectrum.of(kernel, states) for kernel in kernels))

    def __call__(self, seen: Column) -> Process:
        """The residual process of one target."""
        return fit_process(seen, self.spectra)


def falling(squared: FloatArray, shape: Shape, length: float) -> FloatArray:
    """Correlation at squared distances."""
    if shape == "smooth":
        found = squared * (-0.5 / length**2)
        return np.asarray(np.exp(found, out=found))
    distance = np.sqrt(squared)
    distance *= -((1.0 if shape == "matern-1/2" else 3.0) ** 0.5) / length
    if shape == "matern-1/2":
        return np.asarray(np.exp(distance, out=distance))
    near = np.exp(distance)
    near *= 1.0 - distance
    return np.asarray(near)
