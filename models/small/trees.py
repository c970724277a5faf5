"""Gradient-boosted trees on features of the crystal, several that answer as one.

LightGBM (Ke et al., NeurIPS 30, 3146 (2017)). On small sets trees often beat networks
(Grinsztajn et al., arXiv:2207.08815), and they need no structure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.small.examples import FloatArray, Kind

N_BAGS = 4
"""Ensembles of trees, each grown on its own draws of four fifths of the rows; their
disagreement is the spread."""

ROUNDS = 600
"""Trees of each. Chosen, as are the parameters, by cross-validation on 300 bulk moduli and on
300 dielectric constants, columns that no figure is reported for."""

PARAMETERS: Mapping[str, Any] = {
    "learning_rate": 0.03,
    "num_leaves": 7,
    "extra_trees": True,
    "min_data_in_leaf": 5,
    "lambda_l2": 1.0,
    "bagging_freq": 1,
    "bagging_fraction": 0.8,
    "feature_fraction": 0.7,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}


@dataclass(frozen=True)
class Trees:
    """Grown trees as LightGBM's own text, which holds numbers and no code."""

    texts: tuple[str, ...]  # one per bag
    kind: Kind

    def predict(self, features: NDArray[np.float32]) -> tuple[FloatArray, FloatArray]:
        """Mean over bags and their deviation, ``(n,)`` each, in the label's unit."""
        import lightgbm

        answers = np.stack(
            [
                np.asarray(
                    lightgbm.Booster(model_str=text).predict(features, num_threads=1)
                )
                for text in self.texts
            ]
        )
        if self.kind == "non-negative":
            answers = np.maximum(answers, 0.0)
        return answers.mean(axis=0), answers.std(axis=0)


def grow(
    features: NDArray[np.float32], labels: FloatArray, kind: Kind, *, seed: int
) -> Trees:
    """Grow trees on ``features`` ``(n, d)`` and ``labels`` ``(n,)``."""
    import lightgbm

    objective = "binary" if kind == "binary" else "regression"
    texts = []
    for bag in range(N_BAGS):
        parameters = {
            **PARAMETERS,
            "objective": objective,
            "seed": seed * N_BAGS + bag,
        }
        data = lightgbm.Dataset(features, labels, free_raw_data=True)
        grown = lightgbm.train(parameters, data, num_boost_round=ROUNDS)
        texts.append(str(grown.model_to_string()))
    return Trees(tuple(texts), kind)
