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
from models.updating.process import Process, fit_process
from models.updating.residual import Space


@dataclass(frozen=True, kw_only=True)
class Linear:
    """Products of states, whose mean over labelled candidates with themselves is one."""

    space: Space = field(repr=False)
    name: str = "linear"

    def cross(self, new: Column, seen: Column) -> FloatArray:
        """Return ``(len(new), len(seen))``."""
        return self.space.place(new) @ self.space.place(seen).T

    def diagonal(self, new: Column) -> FloatArray:
        """Squared lengths, ``(len(new),)``."""
        return np.asarray(np.square(self.space.place(new)).sum(axis=1))


def fit_last_layer(seen: Column) -> Process:
    """The last layer's regression on labelled candidates."""
    return fit_process("last layer", seen, [Linear(space=Space.of(seen))])
