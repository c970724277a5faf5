"""What composition alone would tell: trees on the 132 Magpie numbers of the formula.

A random forest and gradient boosting are both trained in the same run, so that the better
one can count. Boosting minimises the absolute error of energies and masses, which is what is
compared, but the squared one of gaps: more than two in five gaps are zero, and medians never
leave it. The forest minimises the squared error, since forests of absolute error would take
hours. Structure is unknown to both, so polymorphs look alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.evaluation.answers import Answers, Cost, Stopwatch, processor_name
from models.evaluation.held import SAME_DATA_RELEASE, Rows
from models.evaluation.magpie import magpie_features

FloatArray = NDArray[np.float64]
Features = NDArray[np.float32]
Report = Callable[[str], None]

TREES = 100
ROUNDS = 600
_SEED = 0
_GAPS = ("band_gap", "band_gap_hse")  # most are zero, and none is negative
_FEWEST = 50  # labelled rows to learn from


def tracks(seen: Rows) -> dict[str, NDArray[np.bool_]]:
    """Rows of each track, ``(n,)``: those of the shared release, and all of them.

    One track alone where the table does not say its releases or holds only one.
    """
    every = np.ones(len(seen), dtype=bool)
    shared = seen.release == SAME_DATA_RELEASE
    if not shared.any():
        return {"all data": every}
    if shared.all():
        return {"same data": every}
    return {"same data": shared, "all data": every}


def composition_answers(
    seen: Rows,
    held: Rows,
    targets: Iterable[str],
    *,
    jobs: int,
    say: Report,
) -> Iterator[Answers]:
    """Fit both baselines on each track of ``seen`` and ask them about ``held``."""
    names = tuple(targets)
    magpie_features(held.counts[:1])  # loads the tables of elements
    clock = Stopwatch()
    features = magpie_features(seen.counts)
    held_features = magpie_features(held.counts)
    featurising = clock.seconds / (len(seen) + len(held))  # s per crystal
    for track, rows in tracks(seen).items():
        for method in ("random forest", "boosting"):
            values: dict[str, FloatArray] = {}
            fitting = asking = 0.0
            for target in names:
                known = rows & np.isfinite(seen.labels[target])
                if known.sum() < _FEWEST:
                    continue
                say(f"fitting {method} to {target}, {track}: {int(known.sum()):,} rows")
                estimator = _estimator(method, target, jobs)
                clock = Stopwatch()
                estimator.fit(features[known], seen.labels[target][known])
                fitting += clock.seconds
                clock = Stopwatch()
                values[target] = _predicted(estimator, held_features, target)
                asking += clock.seconds
            yield Answers(
                method=method,
                track=track,
                values=values,
                metal=-values["band_gap"] if "band_gap" in values else None,
                parameters=None,
                cost=Cost(
                    1000 * (asking / len(held) + featurising),
                    jobs,
                    processor_name(),
                    f"features and {len(values)} targets",
                ),
                fit_seconds=fitting,
                note="Magpie features of the composition",
            )


def _predicted(estimator: Any, features: Features, target: str) -> FloatArray:
    """Values in the label's unit; a gap below zero counts as zero."""
    values = np.asarray(estimator.predict(features), dtype=np.float64)
    return np.maximum(values, 0.0) if target in _GAPS else values


def _estimator(method: str, target: str, jobs: int) -> Any:
    """Untrained; boosting uses the threads that OpenMP gives it."""
    from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor

    if method == "random forest":
        return RandomForestRegressor(
            n_estimators=TREES, max_features=0.33, n_jobs=jobs, random_state=_SEED
        )
    return HistGradientBoostingRegressor(
        loss="squared_error" if target in _GAPS else "absolute_error",
        max_iter=ROUNDS,
        learning_rate=0.1,
        max_leaf_nodes=63,
        min_samples_leaf=10,
        early_stopping=False,
        random_state=_SEED,
    )
