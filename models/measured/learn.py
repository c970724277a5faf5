"""Fit the correction, and measure it on folds that it has not seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from materials.errors import InputError
from models.measured.composition import CompositionNet
from models.measured.examples import Computed, Measured, features
from models.measured.gap import (
    FORMAT,
    FORMS,
    Form,
    FormSettings,
    Manifest,
    MeasuredGap,
    Scores,
    Source,
    deviation,
    half_width,
)
from models.measured.hurdle import Design, Hurdle, Parts, Width, grow
from models.uncertainty.calibration import Calibration, calibrate
from models.uncertainty.intervals import Intervals, fit_intervals

FloatArray = NDArray[np.float64]
Folds = NDArray[np.int64]
Tell = Callable[[str], None]

DESIGNS: tuple[Design, ...] = ("one regression", "gate, all", "gate, gapped", "gate, both")
LIBRARIES = ("lightgbm", "matminer", "numpy", "safetensors")


def out_of_fold(
    told: NDArray[np.float32], gap: FloatArray, fold: Folds, *, seed: int = 0
) -> Parts:
    """Answers about each row by trees grown on the other folds, ``(n,)`` each."""
    answers = np.full((3, len(gap)), np.nan)
    for train, test in _splits(fold):
        parts = grow(told[train], gap[train], seed=seed).parts(told[test])
        answers[:, test] = parts.probability, parts.overall, parts.gapped
    return Parts(*answers)


class Fitted(NamedTuple):
    """What makes deviations and intervals of answers."""

    width: Width
    calibration: Calibration
    with_gap: Intervals
    without_gap: Intervals


def settings(parts: Parts, gap: FloatArray) -> Fitted:
    """Fit width, calibration and intervals on answers out of fold."""
    has = gap > 0.0
    width = Width.fit(parts.gapped[has], gap[has] - parts.gapped[has])
    shown = parts.gap() > 0.0
    error = gap - parts.gap()
    calibration = calibrate(error[shown], parts.spread(width)[shown])
    std = deviation(parts, width, calibration)
    return Fitted(
        width,
        calibration,
        with_gap=fit_intervals(error[shown], std[shown]),
        without_gap=fit_intervals(error[~shown], std[~shown]),
    )


def scored(parts: Parts, gap: FloatArray, fold: Folds) -> Scores:
    """Errors by fold; each fold's deviations are calibrated on the other folds."""
    mean = parts.gap()
    std, reach = np.full((2, len(gap)), np.nan)
    for train, test in _splits(fold):
        fitted = settings(_rows(parts, train), gap[train])
        std[test] = deviation(_rows(parts, test), fitted.width, fitted.calibration)
        reach[test] = half_width(
            fitted.with_gap, fitted.without_gap, mean[test], std[test], 0.9
        )
    from scipy.stats import spearmanr

    error = np.abs(gap - mean)
    by_fold = tuple(float(error[test].mean()) for _, test in _splits(fold))
    shown = mean > 0.0
    return Scores(
        rows=len(gap),
        mae_by_fold=by_fold,
        mae=float(np.mean(by_fold)),
        metal_accuracy=float(((mean > 0.0) == (gap > 0.0)).mean()),
        within_one_std=float((error <= std)[shown].mean()),
        within_90=float((error <= reach).mean()),
        within_90_gapped=float((error <= reach)[shown].mean()),
        spearman=float(spearmanr(std, error).statistic),
    )


def choose_design(
    told: NDArray[np.float32], gap: FloatArray, *, seed: int, n_folds: int = 3
) -> Design:
    """The design of least absolute error in a cross-validation within these rows."""
    rng = np.random.default_rng(seed)
    fold = rng.permutation(np.arange(len(gap)) % n_folds)
    parts = out_of_fold(told, gap, fold, seed=seed)
    return min(DESIGNS, key=lambda name: float(np.abs(parts.gap(name) - gap).mean()))


def nested_mae(
    told: NDArray[np.float32], gap: FloatArray, fold: Folds, parts: Parts, *, seed: int = 0
) -> tuple[tuple[float, ...], tuple[Design, ...]]:
    """Errors by fold if the design, too, is chosen on the other folds alone.

    ``parts`` are the answers of :func:`out_of_fold` on the same folds.
    """
    errors, chosen = [], []
    for train, test in _splits(fold):
        design = choose_design(told[train], gap[train], seed=seed)
        errors.append(float(np.abs(parts.gap(design)[test] - gap[test]).mean()))
        chosen.append(design)
    return tuple(errors), tuple(chosen)


def learn(
    measured: Measured,
    computed: Computed,
    net: CompositionNet,
    composition: Source,
    *,
    tell: Tell = lambda _: None,
) -> MeasuredGap:
    """Measure by the given folds, then fit on all rows."""
    hurdles: dict[Form, Hurdle] = {}
    found: dict[Form, FormSettings] = {}
    for form in FORMS:
        told = features(measured, computed, net, form)
        parts = out_of_fold(told, measured.gap, measured.fold)
        fitted = settings(parts, measured.gap)
        scores = scored(parts, measured.gap, measured.fold)
        found[form] = FormSettings(*fitted, scores)
        tell(f"{form}: MAE {scores.mae:.3f} eV over {len(scores.mae_by_fold)} folds")
        hurdles[form] = grow(told, measured.gap)
    manifest = Manifest(
        format=FORMAT,
        network=computed.network,
        targets=computed.targets,
        measured=measured.source,
        crystals=computed.sources,
        composition=composition,
        crystal_form=found["crystal"],
        composition_form=found["composition"],
        libraries={name: version(name) for name in LIBRARIES},
        files={},
    )
    return MeasuredGap(manifest, net, hurdles)


def _rows(parts: Parts, rows: NDArray[np.bool_]) -> Parts:
    return Parts(parts.probability[rows], parts.overall[rows], parts.gapped[rows])


def _splits(fold: Folds) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """Masks of the rows to learn and to test, fold by fold, in order."""
    numbers = np.unique(fold)
    if len(numbers) < 2:
        raise InputError(f"all rows are in fold {numbers}; expected at least two folds")
    for number in numbers:
        yield fold != number, fold == number
