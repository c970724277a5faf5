"""How much each way of updating is believed, for one target.

Each label is predicted from all others in closed form, by the network alone and by every
contender, each with its deviations recalibrated. Weights maximise the mean log score of the
mixture of these predictions (stacking of predictive distributions; Yao et al., Bayesian
Anal. 13, 917 (2018)); the network begins with :data:`BELIEF` labels in its favour, so that a
few labels cannot make things worse by chance. What comes out is the mixture's mean and
deviation: where its members disagree the deviation grows.

Log scores are proper: nothing is gained by claiming more than is known (Gneiting & Raftery,
J. Am. Stat. Assoc. 102, 359 (2007)). They are those of Laplace distributions, since errors of
networks have heavy tails.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from models.updating.base import FloatArray
from models.updating.column import Column
from models.updating.recalibrate import LAPLACE, coverage, std_factor
from models.updating.residual import Residual
from models.updating.states import States


class Fitted(Protocol):
    """A way of updating that has seen labels."""

    def apply(self, new: Column) -> tuple[FloatArray, FloatArray]:
        """Mean and deviation, ``(n_new,)`` each."""

    def leave_one_out(self) -> tuple[FloatArray, FloatArray]:
        """The same for each label given all others, ``(n,)`` each."""

    def facts(self) -> dict[str, float | str]:
        """Parameters, for the record."""


Fit = Callable[[Column], Fitted]
Contender = Callable[[States], Fit]
"""Labelled candidates in, what fits any of their targets out."""

NETWORK = "network"
"""No update: what the network says."""
CONTENDERS: Mapping[str, Contender] = {"residual": Residual.of}
"""What is weighed against the network where nothing else is asked for."""
BELIEF = 3.0
"""How many labels the belief in the network alone is worth."""
FEWEST = 5
"""Labels below which nothing but the network is considered."""
_PASSES = 300  # of expectation maximisation
_LEAST = 0.01  # weight of a member below which it is left out


@dataclass(frozen=True, kw_only=True)
class Member:
    """One way of updating, and what it is worth."""

    name: str
    weight: float
    factor: float  # its deviations are multiplied by
    score: float  # mean log score of labels left out, nats; more is better
    fitted: Fitted | None = field(repr=False)  # None: the network alone

    def apply(self, new: Column) -> tuple[FloatArray, FloatArray]:
        """Mean and recalibrated deviation, ``(n_new,)`` each."""
        mean, std = (new.mean, new.std) if self.fitted is None else self.fitted.apply(new)
        return mean, std * self.factor


@dataclass(frozen=True, kw_only=True)
class Stack:
    """The update of one target."""

    members: tuple[Member, ...]
    rows: int
    before: Mapping[float, float]  # level -> share of labels inside the network's intervals
    after: Mapping[float, float]  # the same of the update, each label left out in turn

    def apply(self, new: Column) -> tuple[FloatArray, FloatArray]:
        """Mean and deviation of the mixture, ``(n_new,)`` each."""
        used = [member for member in self.members if member.weight >= _LEAST]
        if len(used) == 1:
            return used[0].apply(new)
        weights = np.array([member.weight for member in used])
        said = [member.apply(new) for member in used]
        return _mixture(weights / weights.sum(), said)

    @property
    def leading(self) -> Member:
        """The member of greatest weight."""
        return max(self.members, key=lambda member: member.weight)


def stack(seen: Column, contenders: Mapping[str, Fit]) -> Stack:
    """Fit all contenders on labelled candidates and weigh them.

    A row predicted as zero that is zero says nothing about deviations (metals known as such)
    and does not count for their calibration.
    """
    told = (seen.label != 0.0) | (seen.mean != 0.0)
    fitted: dict[str, Fitted | None] = {NETWORK: None}
    fitted |= {name: fit(seen) for name, fit in contenders.items()}
    said, factors, scores = [], [], []
    for one in fitted.values():
        mean, std = (seen.mean, seen.std) if one is None else one.leave_one_out()
        error = seen.label - mean
        factor = std_factor(error[told], std[told])
        said.append((mean, std * factor))
        factors.append(factor)
        scores.append(log_scores(error, std * factor))
    weights = _weights(np.stack(scores, axis=1))
    mean, std = _mixture(weights, said)
    return Stack(
        members=tuple(
            Member(name=name, weight=float(weight), factor=factor, score=score, fitted=one)
            for (name, one), weight, factor, score in zip(
                fitted.items(), weights, factors, _means(scores), strict=True
            )
        ),
        rows=len(seen),
        before=coverage((seen.label - seen.mean)[told], seen.std[told]),
        after=coverage((seen.label - mean)[told], std[told]),
    )


def log_scores(error: FloatArray, std: FloatArray) -> FloatArray:
    """Log density of Laplace distributions with 68.3 % within one deviation, ``(n,)``."""
    scale = std * LAPLACE
    return np.asarray(-np.abs(error) / scale - np.log(2.0 * scale))


def _weights(scores: FloatArray) -> FloatArray:
    """Weights of members, ``(k,)``, from log scores ``(n, k)``; the first is the network."""
    n, k = scores.shape
    density = np.exp(scores - scores.max(axis=1, keepdims=True, initial=-np.inf))
    belief = np.zeros(k)
    belief[0] = BELIEF
    weights = np.full(k, 1.0 / k)
    for _ in range(_PASSES):
        share = density * weights
        share /= share.sum(axis=1, keepdims=True)
        weights = (share.sum(axis=0) + belief) / (n + BELIEF)
    return weights


def _mixture(
    weights: FloatArray, said: list[tuple[FloatArray, FloatArray]]
) -> tuple[FloatArray, FloatArray]:
    """Mean and deviation of a mixture of distributions, ``(n,)`` each."""
    means = np.stack([mean for mean, _ in said], axis=1)  # (n, k)
    stds = np.stack([std for _, std in said], axis=1)
    mean = means @ weights
    return mean, np.sqrt((np.square(stds) + np.square(means - mean[:, None])) @ weights)


def _means(scores: list[FloatArray]) -> list[float]:
    return [float(each.mean()) if len(each) else float("nan") for each in scores]
