"""Predictors of the pool: one that learns from the trials, or one that already knows."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import solve_triangular

from campaigns.acquisition.arrays import FloatArray
from materials.errors import InputError

_CHUNK = 8192  # candidates predicted at a time
_TRIED = 10  # candidates that a given estimator is tried on
_TUNING = 200  # labels, spread over all, that the kernel's three numbers are chosen by

Answer = tuple[ArrayLike, ArrayLike]  # mean and standard deviation


@runtime_checkable
class Estimator(Protocol):
    """A regressor as in scikit-learn whose predictions come with deviations."""

    def fit(self, X: FloatArray, y: FloatArray) -> Any: ...

    def predict(self, X: FloatArray, return_std: bool = False) -> Any: ...


Predictor = Estimator | Callable[[Any], Answer]


def check_predictor(predictor: Predictor, features: FloatArray | None) -> None:
    """Refuse what neither learns and predicts with deviations nor can be called.

    A copy is tried on a few candidates ``(n, d)``, since pipelines and the like pass
    ``return_std`` on without naming it.

    Raises:
        InputError: says what is missing.
    """
    if isinstance(predictor, type):
        raise InputError(
            f"a predictor is an object: give {predictor.__name__}(), not the class itself"
        )
    if hasattr(predictor, "fit") and hasattr(predictor, "predict"):
        if features is not None and not isinstance(predictor, GaussianProcess):
            _try(predictor, features[:_TRIED])
    elif not callable(predictor):
        raise InputError(
            f"a predictor is a function of candidates or has fit and predict, got "
            f"{type(predictor).__name__}"
        )


def _try(estimator: Estimator, rows: FloatArray) -> None:
    """Raise :class:`InputError` if a prediction has no deviation."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a few made-up labels nobody is to be warned
        try:
            model = fresh(estimator).fit(rows, np.linspace(0.0, 1.0, len(rows)))
        except Exception:  # noqa: BLE001 - so few may be too few; real ones will tell
            return
        try:
            answered(model.predict(rows, return_std=True), len(rows), 1)
        except Exception as error:
            raise InputError(
                f"{type(estimator).__name__}.predict has no return_std that works, so its "
                "predictions have no deviation; take a regressor such as "
                "GaussianProcessRegressor or BayesianRidge, or wrap yours in a class whose "
                f"predict returns both ({error})"
            ) from error


@dataclass
class GaussianProcess:
    """The default: Matérn 5/2 on standardised features, with noise, by marginal likelihood.

    Rasmussen & Williams, eqs. 2.25-2.26, 4.17 and 5.8; scikit-learn does the work. Features
    that do not vary are left out. Deviations are those of the property, without the noise of
    one more measurement.
    """

    _model: Any = field(default=None, repr=False)
    _shift: Any = field(default=0.0, repr=False)  # (d,)
    _scale: Any = field(default=1.0, repr=False)  # (d,)
    _centre: float = 0.0
    _unit: float = 1.0

    def fit(self, X: FloatArray, y: FloatArray) -> GaussianProcess:
        """Learn ``y`` ``(t,)`` from ``X`` ``(t, d)``."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.gaussian_process import GaussianProcessRegressor
        from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

        shift, spread = X.mean(axis=0), X.std(axis=0)
        varies = spread > 1e-12 * np.maximum(np.abs(shift), 1.0)
        width = np.sqrt(max(int(varies.sum()), 1))  # so that distances are about one
        self._shift = shift
        self._scale = np.where(varies, 1.0 / np.where(varies, spread * width, 1.0), 0.0)
        self._centre, self._unit = float(y.mean()), float(y.std()) or 1.0
        kernel = ConstantKernel(1.0, (0.05, 20.0)) * Matern(
            1.0, (0.05, 20.0), nu=2.5
        ) + WhiteKernel(1e-2, (1e-6, 1.0))
        points, values = self._scaled(X), (y - self._centre) / self._unit
        some = np.linspace(0, len(y) - 1, min(len(y), _TUNING)).astype(np.int64)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a bound may be the best
            tuned = GaussianProcessRegressor(kernel).fit(points[some], values[some])
        settled = GaussianProcessRegressor(tuned.kernel_, optimizer=None)
        self._model = settled.fit(points, values)
        return self

    def predict(self, X: FloatArray, return_std: bool = False) -> Any:
        """Means ``(n,)``, and with ``return_std`` deviations ``(n,)``, in the unit of ``y``.

        As scikit-learn would, but several times faster for wide features: distances come from
        one matrix product.
        """
        model, signal = self._model, self._model.kernel_.k1
        cross = signal.k1.constant_value * _matern(
            self._scaled(X) / signal.k2.length_scale,
            model.X_train_ / signal.k2.length_scale,
        )
        mean = self._centre + self._unit * (cross @ model.alpha_)
        if not return_std:
            return mean
        explained = solve_triangular(model.L_, cross.T, lower=True, check_finite=False)
        left = signal.k1.constant_value - np.einsum("ij,ij->j", explained, explained)
        return mean, self._unit * np.sqrt(np.maximum(left, 1e-12))

    def _scaled(self, X: FloatArray) -> FloatArray:
        return np.asarray((X - self._shift) * self._scale, dtype=np.float64)


def _matern(a: FloatArray, b: FloatArray) -> FloatArray:
    """Matérn 5/2 between rows that are scaled by its length, ``(len(a), len(b))``."""
    squared = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2.0 * (a @ b.T)
    distance = np.sqrt(5.0 * np.maximum(squared, 0.0))
    return np.asarray(
        (1.0 + distance + distance**2 / 3.0) * np.exp(-distance), dtype=np.float64
    )


def learn_and_predict(
    estimator: Estimator, seen: FloatArray, truth: FloatArray, rows: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Fit one fresh copy per column of ``truth`` ``(t, k)``, predict ``rows`` ``(n, d)``.

    A truth that is not a number is left out. Returns mean and deviation, ``(n, k)`` each.

    Raises:
        InputError: the estimator returns something else than a mean and a deviation each.
    """
    means = np.empty((len(rows), truth.shape[1]))
    stds = np.empty_like(means)
    for column, values in enumerate(truth.T):
        usable = np.isfinite(values)
        model = fresh(estimator).fit(seen[usable], values[usable])
        for start in range(0, len(rows), _CHUNK):
            part = slice(start, start + _CHUNK)
            answer = model.predict(rows[part], return_std=True)
            mean, std = answered(answer, len(rows[part]), 1)
            means[part, column], stds[part, column] = mean[:, 0], std[:, 0]
    return means, stds


def fresh(estimator: Estimator) -> Any:
    """An unfitted copy."""
    if hasattr(estimator, "get_params"):
        from sklearn.base import clone

        return clone(estimator)
    return copy.deepcopy(estimator)


def answered(answer: Answer, n: int, m: int) -> tuple[FloatArray, FloatArray]:
    """What a callable predictor said about ``n`` candidates, as ``(n, m + c)`` each.

    Raises:
        InputError: it does not hold a mean and a deviation per candidate and objective.
    """
    try:
        mean, std = (np.asarray(part, dtype=np.float64) for part in answer)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"the predictor must return mean and deviation, two arrays of ({n}, {m}), got "
            f"{type(answer).__name__}: {error}"
        ) from error
    mean, std = (a[:, None] if a.ndim == 1 else a for a in (mean, std))
    if mean.ndim != 2 or mean.shape != std.shape or len(mean) != n or mean.shape[1] < m:
        raise InputError(
            f"the predictor must return mean and deviation of shape ({n}, {m}), with one more "
            f"column for every constraint; got {mean.shape} and {std.shape}"
        )
    if not np.isfinite(mean).all() or not (np.isfinite(std) & (std >= 0)).all():
        raise InputError("the predictor returned a mean or deviation that is not usable")
    return mean, std
