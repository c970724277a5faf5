"""What is believed about the candidates when the next one is chosen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from campaigns.acquisition.arrays import FloatArray
from materials.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Beliefs:
    """Predictions for ``n`` candidates and what ``t`` finished trials have found.

    Values are the study's own, in its units; ``signs`` turn each objective so that larger is
    better.
    """

    mean: FloatArray  # (n, m)
    std: FloatArray  # (n, m)
    signs: FloatArray  # (m,) 1 to maximise, -1 to minimise
    values: FloatArray  # (t, m) of finished trials that are feasible
    features: FloatArray | None = field(default=None, repr=False)  # (n, d)
    constrained: bool = False
    """Whether the probability of being feasible is counted beside the worth."""
    seed: tuple[int, ...] = (0,)
    """What a policy that draws at random starts from; another one for every trial."""

    @property
    def gain(self) -> FloatArray:
        """``(n, m)`` means, larger is better."""
        return self.mean * self.signs

    @property
    def known(self) -> FloatArray:
        """``(t, m)`` values of finished feasible trials, larger is better."""
        return self.values * self.signs

    def rng(self) -> np.random.Generator:
        """A generator that gives the same numbers for the same trial and seed."""
        return np.random.default_rng(self.seed)


Policy = Callable[[Beliefs], FloatArray]
"""Beliefs in, ``(n,)`` log worth out; minus infinity for what is hopeless and comes last."""


def check_policy(policy: object) -> None:
    """Raise :class:`InputError` for what is neither None nor a function, or is a class."""
    if isinstance(policy, type):
        raise InputError(f"a policy is an object: give {policy.__name__}(), not the class")
    if policy is not None and not callable(policy):
        raise InputError(
            f"a policy is a function of Beliefs, such as Confidence(), got {policy!r}"
        )
