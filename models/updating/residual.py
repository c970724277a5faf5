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

from models.updating.base import FloatArray, IntArray
from models.updating.column import Column
from models.updating.process import Process, Spectrum, best_by_evidence, fit_process
from models.updating.states import Space, States

Shape = Literal["matern-1/2", "matern-3/2", "smooth"]

LENGTHS = (0.25, 0.5, 1.0, 2.0)
"""Length scales tried, in units of the median distance between labelled candidates."""
CHOOSING = 300
"""Labels by which the kernel is chosen, spread over all there are: of three draws of 400, 600
and 1,000 labels of ``accurate-2018`` each, 300 chose as 600 in seven, in half the time; in the
other two mean errors differed by up to 0.001 and log scores by up to 0.011."""
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
    """All kernels among some labelled candidates, ready for any target of theirs.

    Decomposing a kernel costs the cube of the labels, so of more than :data:`CHOOSING` a
    spread chooses the kernel; everything else is learned from all of them.
    """

    states: States = field(repr=False)
    spectra: tuple[Spectrum, ...] = field(repr=False)
    some: IntArray | None = field(default=None, repr=False)
    """Labels that the spectra are of; None for all."""
    _whole: dict[int, Spectrum] = field(default_factory=dict, repr=False)

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
        if len(states) <= CHOOSING:
            return cls(
                states=states,
                spectra=tuple(Spectrum.of(kernel, states) for kernel in kernels),
            )
        some = np.linspace(0, len(states) - 1, CHOOSING).astype(np.int64)
        spread = states.take(some)
        spectra = [
            Spectrum.between(kernel, kernel.cross(spread)[:, some]) for kernel in kernels
        ]
        return cls(states=states, spectra=tuple(spectra), some=some)

    def __call__(self, seen: Column) -> Process:
        """The residual process of one target."""
        if self.some is None:
            return fit_process(seen, self.spectra)
        _, chosen = best_by_evidence(seen.take(self.some), self.spectra)
        place = next(i for i, tried in enumerate(self.spectra) if tried is chosen)
        if place not in self._whole:
            self._whole[place] = Spectrum.of(chosen.kernel, self.states)
        return fit_process(seen, [self._whole[place]])


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
