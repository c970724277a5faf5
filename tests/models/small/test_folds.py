from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from materials.errors import InputError
from models.small.examples import Examples
from models.small.folds import grouped_folds
from models.training.data import DataSource


def rows(elements: np.ndarray, labels: np.ndarray, kind: str = "number") -> Examples:
    counts = np.zeros((len(elements), 119), dtype=np.int64)
    counts[np.arange(len(elements)), elements] = 1
    source = DataSource("t", "0", len(elements), 0)
    return Examples(counts, None, labels[:, None], {"y": kind}, source, ())


@settings(max_examples=30)
@given(
    n=st.integers(60, 150), n_formulas=st.integers(12, 90), k=st.integers(2, 6),
    seed=st.integers(0, 99),
)  # fmt: skip
def test_each_row_is_held_out_once_and_its_formula_with_it(n, n_formulas, k, seed):
    rng = np.random.default_rng(seed)
    elements = np.concatenate(
        [np.arange(1, n_formulas + 1), rng.integers(1, n_formulas + 1, n)]
    )
    given_rows = rows(elements, rng.normal(size=len(elements)))
    folds = grouped_folds(given_rows, k, seed=seed)
    held = np.concatenate([fold.held for fold in folds])
    assert sorted(held.tolist()) == list(range(len(elements)))
    for fold in folds:
        assert not set(given_rows.groups[fold.held]) & set(given_rows.groups[fold.learn])
        assert len(fold.held) + len(fold.learn) == len(elements)


def test_ones_are_spread_over_the_folds():
    labels = np.array([1.0] * 20 + [0.0] * 60)
    folds = grouped_folds(rows(np.arange(1, 81), labels, "binary"), 5, seed=0)
    assert all(labels[fold.held].sum() == 4 for fold in folds)


def test_fewer_formulas_than_folds_are_refused():
    with pytest.raises(InputError, match="3 different formulas for 5 folds"):
        grouped_folds(rows(np.array([1, 2, 3] * 20), np.arange(60.0)), 5, seed=0)


def test_too_few_ones_are_refused():
    labels = np.array([1.0] * 5 + [0.0] * 60)
    with pytest.raises(InputError, match="labels of 1 to learn from"):
        grouped_folds(rows(np.arange(1, 66), labels, "binary"), 5, seed=0)


def test_labels_that_are_alike_in_a_fold_are_refused():
    labels = np.zeros(60)
    labels[3] = 1.5
    with pytest.raises(InputError, match="in a fold are all 0; expected at least two"):
        grouped_folds(rows(np.arange(1, 61), labels, "non-negative"), 5, seed=0)


def test_a_fold_without_labels_is_refused():
    given_rows = rows(np.arange(1, 61), np.arange(60.0))
    labels = np.where(np.arange(60) < 15, given_rows.labels[:, 0], np.nan)
    both = np.stack([given_rows.labels[:, 0], labels], axis=1)
    sparse = dataclasses.replace(
        given_rows, labels=both, kinds={"y": "number", "z": "number"}
    )
    with pytest.raises(InputError, match="'z'"):
        grouped_folds(sparse, 20, seed=0)
