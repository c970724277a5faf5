"""Ways to value candidates; each one is beliefs in, ``(n,)`` log worth out.

Any function of :class:`~campaigns.samplers.beliefs.Beliefs` does as well. A policy whose worth
is drawn anew for every trial has ``every_trial = True``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from campaigns.acquisition.arrays import FloatArray
from campaigns.acquisition.hypervolume import (
    log_expected_hypervolume_improvement,
    pareto_front,
)
from campaigns.acquisition.improvement import (
    log_expected_improvement,
    upper_confidence_bound,
)
from campaigns.acquisition.targets import Window, log_joint_probability
from campaigns.acquisition.thompson import thompson_draws
from campaigns.samplers.beliefs import Beliefs, Policy
from materials.errors import InputError

_MARGIN = 0.1  # of the range seen: how far the reference point lies below the worst


@dataclass(frozen=True)
class Improvement:
    """Expected improvement over the best feasible value so far; for one objective.

    Before there is one, over the best predicted, or where constraints count, what is feasible
    is looked for first.
    """

    def __call__(self, beliefs: Beliefs) -> FloatArray:
        _one_objective(beliefs, self)
        if len(beliefs.known) == 0 and beliefs.constrained:
            return np.zeros(len(beliefs.mean))
        best = float((beliefs.known if len(beliefs.known) else beliefs.gain).max())
        return log_expected_improvement(beliefs.gain[:, 0], beliefs.std[:, 0], best)


@dataclass(frozen=True)
class Hypervolume:
    """Expected hypervolume improvement; for two objectives or more.

    Where constraints count and nothing is feasible yet, that is looked for first.
    """

    reference: tuple[float, ...] | None = None
    """The least that is of interest, in the study's units; a tenth of the range seen below
    the worst seen, if not given."""

    def __call__(self, beliefs: Beliefs) -> FloatArray:
        if len(beliefs.known) == 0 and beliefs.constrained:
            return np.zeros(len(beliefs.mean))
        front = pareto_front(beliefs.known)
        return log_expected_hypervolume_improvement(
            beliefs.gain, beliefs.std, front, self._corner(beliefs)
        )

    def _corner(self, beliefs: Beliefs) -> FloatArray:
        if self.reference is not None:
            if len(self.reference) != len(beliefs.signs):
                raise InputError(
                    f"a reference of {len(self.reference)} for {len(beliefs.signs)} objectives"
                )
            return np.asarray(self.reference) * beliefs.signs
        seen = beliefs.known if len(beliefs.known) else beliefs.gain
        worst, best = seen.min(axis=0), seen.max(axis=0)
        span = np.where(best > worst, best - worst, np.maximum(np.abs(worst), 1e-12))
        return np.asarray(worst - _MARGIN * span, dtype=np.float64)


@dataclass(frozen=True)
class Meets:
    """The probability that every objective falls into its window, whatever is larger.

    ``Meets((Window(1.1, 1.7), Window(max=0.05)))``: the study's directions do not matter.
    """

    windows: Sequence[Window]

    def __call__(self, beliefs: Beliefs) -> FloatArray:
        return log_joint_probability(beliefs.mean, beliefs.std, self.windows)


@dataclass(frozen=True)
class Confidence:
    """Upper confidence bound, ``mean + beta · std``; for one objective.

    Made positive by a softplus before the logarithm (González et al. 2016, sect. 4), which
    keeps its order.
    """

    beta: float = 2.0

    def __call__(self, beliefs: Beliefs) -> FloatArray:
        _one_objective(beliefs, self)
        bound = upper_confidence_bound(beliefs.gain[:, 0], beliefs.std[:, 0], self.beta)
        best = beliefs.known.max() if len(beliefs.known) else bound.max()
        z = (bound - best) / max(float(np.median(beliefs.std[:, 0])), 1e-12)
        small = z < -30.0  # softplus(z) is exp(z) there
        soft = np.log(np.logaddexp(0.0, np.maximum(z, -30.0)))
        return np.asarray(np.where(small, z, soft), dtype=np.float64)


@dataclass(frozen=True)
class Thompson:
    """The best by one draw of what may be true, another for every trial.

    Errors are correlated by likeness of features where there are any. With several
    objectives the draw that adds most hypervolume wins.
    """

    every_trial: ClassVar[bool] = True

    def __call__(self, beliefs: Beliefs) -> FloatArray:
        rng = beliefs.rng()
        drawn = np.stack(
            [
                thompson_draws(
                    beliefs.gain[:, j], beliefs.std[:, j], rng, embedding=beliefs.features
                )[0]
                for j in range(len(beliefs.signs))
            ],
            axis=1,
        )
        if drawn.shape[1] == 1:
            spread = max(float(drawn.std()), 1e-12)
            return np.asarray((drawn[:, 0] - drawn.max()) / spread, dtype=np.float64)
        certain = Beliefs(
            mean=drawn * beliefs.signs,
            std=np.zeros_like(drawn),
            signs=beliefs.signs,
            values=beliefs.values,
        )
        return Hypervolume()(certain)


def default_policy(n_objectives: int) -> Policy:
    """Expected improvement for one objective, expected hypervolume improvement for more."""
    return Improvement() if n_objectives == 1 else Hypervolume()


def _one_objective(beliefs: Beliefs, policy: Policy) -> None:
    if len(beliefs.signs) != 1:
        raise InputError(
            f"{type(policy).__name__} values one objective, the study has "
            f"{len(beliefs.signs)}; take Hypervolume or Meets"
        )
