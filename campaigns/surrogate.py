"""The predictor, corrected by what the oracle has said so far.

The network knows DFT on relaxed crystals; the oracle speaks of one potential's energies after
relaxing a guess. What verdicts teach about the difference is :mod:`models.updating`'s matter;
here it is put into a campaign's terms. Before the first verdict the surrogate is the network.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from campaigns.protocols import FloatArray, Scores
from models.updating.base import Base
from models.updating.left_out import left_out
from models.updating.update import Update, fit_update

TARGETS = ("band_gap", "energy_above_hull")
NOISE = 0.02
"""eV or eV/atom: what the oracle itself is unsure of, relaxation limits included."""


@dataclass(frozen=True)
class CorrectedPredictor:
    """The surrogate of one round; ``update`` is None before any verdict."""

    update: Update | None = None

    @classmethod
    def fit(cls, rows: Base | None, truth: dict[str, FloatArray]) -> CorrectedPredictor:
        """Fit on all verdicts so far; without any, the surrogate is the network.

        ``truth`` is the oracle's value per row and target, ``(n,)`` each, NaN where it has
        none.
        """
        if rows is None:
            return cls()
        noise = dict.fromkeys(TARGETS, NOISE)
        return cls(fit_update(rows, _labels(truth), noise=noise))

    def score(self, base: Base) -> Scores:
        """Predict the oracle's answers. A gap is never below zero."""
        mean, std = (base.mean, base.std)
        if self.update is not None:
            mean, std = self.update.predict(base)
        return Scores(np.maximum(mean[:, 0], 0.0), std[:, 0], mean[:, 1], std[:, 1])

    def left_out(self, rows: Base, truth: dict[str, FloatArray]) -> Scores:
        """What would be predicted of the rows it was fitted on without each one's verdict.

        ``rows`` and ``truth`` are those of :meth:`fit`.
        """
        if self.update is None:
            return self.score(rows)
        mean, std = left_out(self.update, rows, _labels(truth))
        return Scores(np.maximum(mean[:, 0], 0.0), std[:, 0], mean[:, 1], std[:, 1])

    def facts(self) -> dict[str, float]:
        """Numbers of the update, for a round's summary; see :meth:`Update.facts`."""
        if self.update is None:
            return {}
        told = self.update.facts()
        return {name: v for name, v in told.items() if not isinstance(v, str)}


def _labels(truth: dict[str, FloatArray]) -> FloatArray:
    """The oracle's values, ``(n, n_targets)``."""
    return np.stack([truth[target] for target in TARGETS], axis=1)
