"""One target of some candidates: what the network says, and labels where there are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from materials.errors import InputError
from models.updating.base import Base, FloatArray, IntArray
from models.updating.states import States

ONE_STD = 0.6827
"""Share of a normal distribution within one standard deviation of its mean."""

_ROUNDING = 1e-12  # of the labels' size


@dataclass(frozen=True, kw_only=True)
class Prior:
    """What is believed of a target that the network does not predict: the labels' own."""

    mean: float
    std: float

    @classmethod
    def of(cls, target: str, labels: FloatArray) -> Self:
        """From finite labels ``(n,)``; those that do not differ are believed to their size.

        A spread at the level of rounding is none.
        """
        if len(labels) == 0:
            raise InputError(
                f"target '{target}': neither the network nor a label says anything about it; "
                "label some candidates first"
            )
        size = float(np.abs(labels).max())
        spread = float(labels.std(ddof=1)) if len(labels) > 1 else 0.0
        if spread <= _ROUNDING * size:
            spread = max(size, 1.0)
        return cls(mean=float(labels.mean()), std=spread)


@dataclass(frozen=True, kw_only=True)
class Column:
    """Candidates as one target's processes see them; ``label`` is empty for unjudged ones."""

    target: str
    mean: FloatArray  # (n,)
    std: FloatArray  # (n,), not below the oracle's own noise
    states: States
    label: FloatArray  # (n,) or (0,)

    def __len__(self) -> int:
        return len(self.mean)

    @classmethod
    def of(
        cls,
        base: Base,
        number: int,
        states: States,
        *,
        noise: float,
        prior: Prior | None,
        label: FloatArray | None = None,
    ) -> Self:
        """Column ``number`` of ``base``; ``prior`` where the network says nothing."""
        n = len(base)
        if prior is None:
            mean, std = base.mean[:, number], np.maximum(base.std[:, number], noise)
        else:
            mean, std = np.full(n, prior.mean), np.full(n, max(prior.std, noise))
        label = np.zeros(0) if label is None else label
        return cls(
            target=base.targets[number], mean=mean, std=std, states=states, label=label
        )

    def take(self, rows: IntArray) -> Self:
        """Some of the candidates, in the order named, with their labels."""
        return replace(
            self,
            mean=self.mean[rows],
            std=self.std[rows],
            states=self.states.take(rows),
            label=self.label[rows],
        )

    def clipped(self, most: float) -> FloatArray:
        """Labels no farther than ``most`` robust deviations from the network, ``(n,)``.

        The robust deviation is what 68.3 % of residuals stay below, and at least the
        network's own.
        """
        residual = (self.label - self.mean) / self.std
        limit = most * max(1.0, float(np.quantile(np.abs(residual), ONE_STD)))
        return np.asarray(self.mean + self.std * np.clip(residual, -limit, limit))
