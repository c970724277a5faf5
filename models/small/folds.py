"""Parts of a small table that take turns at being held out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from materials.errors import InputError
from models.small.examples import Examples, IntArray

_FEWEST_OF_A_KIND = 10


@dataclass(frozen=True)
class Fold:
    """Row numbers, increasing, that are learned from and that are predicted."""

    learn: IntArray
    held: IntArray


def grouped_folds(rows: Examples, n_folds: int, *, seed: int) -> tuple[Fold, ...]:
    """Cut the rows so that all of one reduced formula are in one fold.

    Duplicates and polymorphs of one compound would otherwise be learned in one fold and
    predicted in another. For a target of 0 and 1, folds have about equal shares of 1.
    Raises :class:`InputError` if there are too few formulas, or too few of a kind.
    """
    from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

    groups = rows.groups
    n_groups = len(np.unique(groups))
    if n_groups < n_folds:
        raise InputError(
            f"{n_groups} different formulas for {n_folds} folds: all rows of a formula stay "
            "together, so there must be at least one for each fold; give fewer --folds"
        )
    places = np.arange(len(rows))
    kinds = list(rows.kinds.values())
    if kinds[0] == "binary":
        labels = np.nan_to_num(rows.labels[:, 0]).astype(int)
        cut = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
    else:
        labels = np.zeros(len(rows), dtype=int)
        cut = GroupKFold(n_folds, shuffle=True, random_state=seed)
    folds = tuple(
        Fold(learn.astype(np.int64), held.astype(np.int64))
        for learn, held in cut.split(places, labels, groups=groups)
    )
    _check(rows, folds)
    return folds


def _check(rows: Examples, folds: tuple[Fold, ...]) -> None:
    """Every fold must have labels of each target, not all alike, to learn from."""
    for column, (name, kind) in enumerate(rows.kinds.items()):
        labels = rows.labels[:, column]
        values = (0.0, 1.0) if kind == "binary" else (None,)
        for fold in folds:
            seen = labels[fold.learn]
            for value in values:
                told = np.isfinite(seen) if value is None else seen == value
                what = "labels" if value is None else f"labels of {value:g}"
                if told.sum() < _FEWEST_OF_A_KIND:
                    raise InputError(
                        f"column '{name}': {int(told.sum())} {what} to learn from in a "
                        f"fold; expected at least {_FEWEST_OF_A_KIND}"
                    )
            told = labels[fold.learn][np.isfinite(labels[fold.learn])]
            if np.ptp(told) == 0.0:
                raise InputError(
                    f"column '{name}': the labels to learn from in a fold are all "
                    f"{told[0]:g}; expected at least two different ones"
                )
            if not np.isfinite(labels[fold.held]).any():
                raise InputError(
                    f"column '{name}': a fold without labels to measure on; give fewer "
                    "--folds"
                )
