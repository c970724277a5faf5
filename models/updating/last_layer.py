"""The last layer anew: Bayesian linear regression of residuals on the network's states.

With weights ``w ~ N(0, α⁻¹)`` the residuals' covariance is linear in the states, so that the
regression is the residual process with a linear kernel; its one ratio of variances is chosen
by evidence (MacKay, Neural Comput. 4, 415 (1992); for the last layer of a trained network:
Snoek et al., ICML 2015, arXiv:1502.05700).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from models.updating.base import FloatArray
from models.updating.column import Column
from models.updating.process import Process, Spectrum, fit_process
from models.updating.states import Space, States


@dataclass(frozen=True, kw_only=True)
class Linear:
    """Products of states, whose mean over labelled candidates with themselves is one."""

    space: Space = field(repr=False)
    name: str = "linear"

    def cross(self, new: States) -> FloatArray:
        """Return ``(len(new), n)``."""
        return np.asarray(self.space.place(new) @ self.space.seen.T)

    def diagonal(self, new: States) -> FloatArray:
        """Squared lengths, ``(len(new),)``."""
        return np.asarray(np.square(self.space.place(new)).sum(axis=1))


@dataclass(frozen=True, kw_only=True)
class LastLayer:
    """The regression among some labelled candidates, ready for any target of theirs."""

    spectrum: Spectrum = field(repr=False)

    @classmethod
    def of(cls, states: States) -> LastLayer:
        """Decompose the products of states once."""
        return cls(spectrum=Spectrum.of(Linear(space=Space.of(states)), states))

    def __call__(self, seen: Column) -> Process:
        """The regression of one target."""
        return fit_process(seen, (self.spectrum,))
