"""The chance that a candidate meets all targets, by everything that is known so far.

Three things are put together: what the network says, what it says once corrected by the
oracle's numbers, and which candidates succeeded. It is one call for whoever ranks candidates::

    chances = Chances.fit(labelled, truth, windows)   # Base of k candidates, labels (k, m)
    worth = chances.log_probability(pool)             # (n,) of n others
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from campaigns.acquisition import Window, log_joint_probability
from campaigns.protocols import FloatArray
from campaigns.success import LearnedSuccess, pooled
from models.updating.base import Base
from models.updating.left_out import left_out
from models.updating.update import Update, fit_update


@dataclass(frozen=True)
class Chances:
    """What labels taught; made by :meth:`fit`."""

    windows: tuple[Window, ...]
    update: Update
    learned: LearnedSuccess

    @classmethod
    def fit(cls, labelled: Base, truth: FloatArray, windows: Sequence[Window]) -> Self:
        """Learn from labels ``truth`` ``(k, m)``, one window for each target.

        A missing label, NaN, teaches nothing about its target and is no success.

        Raises :class:`materials.errors.InputError` if shapes do not match.
        """
        update = fit_update(labelled, truth)
        told = log_joint_probability(*left_out(update, labelled, truth), windows)
        success = np.ones(len(truth), dtype=bool)
        for window, column in zip(windows, truth.T, strict=True):
            success &= window.holds(column)
        guess = pooled(told, network_guess(labelled, windows))
        return cls(
            tuple(windows), update, LearnedSuccess.fit(guess, labelled.embedding, success)
        )

    def log_probability(self, base: Base) -> FloatArray:
        """Log chance of candidates without labels, ``(n,)``."""
        updated = log_joint_probability(*self.update.predict(base), self.windows)
        guess = pooled(updated, network_guess(base, self.windows))
        return self.learned.log_probability(guess, base.embedding)


def network_guess(base: Base, windows: Sequence[Window]) -> FloatArray:
    """Log probability ``(n,)`` of meeting all targets that the network knows, by it alone."""
    known = [number for number in range(len(windows)) if base.predicts(number)]
    return log_joint_probability(
        base.mean[:, known], base.std[:, known], [windows[number] for number in known]
    )
