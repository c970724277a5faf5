"""A random forest on compositions, as CAMD's agents have it.

Features are Magpie's (Ward et al., npj Comput. Mater. 2, 16028 (2016)); the deviation is that
between the trees; the likeliest to meet all targets are chosen (Montoya et al., Chem. Sci. 11,
8517 (2020), for agents of this kind).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from campaigns.acquisition import log_joint_probability
from campaigns.backtests.pool import View
from campaigns.backtests.strategies.protocol import Seen, best_rows, windows
from campaigns.protocols import FloatArray

_TREES = 100
_LEAST_STD = 0.01  # of the labels' deviation: trees may agree by chance


@dataclass(frozen=True)
class Forest:
    """Learns from the labels alone; knows nothing of structures or networks."""

    view: View
    seed: int

    @cached_property
    def features(self) -> np.ndarray:
        """Magpie's description of every composition, ``(n, 132)``."""
        from models.evaluation.magpie import magpie_features

        return magpie_features(self.view.counts.astype(np.int64))

    def __call__(self, seen: Seen, k: int) -> Sequence[int]:
        """The ``k`` likeliest hits."""
        found = [
            self._fitted(seen.rows, seen.labels[:, place], len(seen.rows))
            for place in range(seen.labels.shape[1])
        ]
        mean, std = (np.stack(part, axis=1) for part in zip(*found, strict=True))
        worth = log_joint_probability(mean, std, windows(self.view))
        return best_rows(worth, seen, k)

    def _fitted(
        self, rows: np.ndarray, labels: FloatArray, round_seed: int
    ) -> tuple[FloatArray, FloatArray]:
        """Mean and deviation of one target over the pool, ``(n,)`` each."""
        from sklearn.ensemble import RandomForestRegressor

        good = np.isfinite(labels)
        model = RandomForestRegressor(
            _TREES, max_features=1 / 3, random_state=self.seed * 10_007 + round_seed
        )
        model.fit(self.features[rows[good]], labels[good])
        each = np.stack(  # of the bare trees: the forest checks the features anew for each
            [tree.tree_.predict(self.features)[:, 0] for tree in model.estimators_]
        )
        least = _LEAST_STD * float(np.std(labels[good]))
        return each.mean(axis=0), np.maximum(each.std(axis=0), least)
