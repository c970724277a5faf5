"""Small heads on the states of a network that stays as it is.

Numbers: a Gaussian process (Rasmussen & Williams, *Gaussian Processes for Machine Learning*,
MIT Press 2006, algorithm 2.1) with a smooth and a linear kernel, whose few parameters
maximise the marginal likelihood. Yes or no: logistic regression, its penalty chosen by
cross-validation. scikit-learn fits both; what is kept are arrays.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from materials.errors import InputError
from models.small.examples import FloatArray, Kind

Arrays = Mapping[str, FloatArray]

MOST_ROWS = 2000
"""Rows a Gaussian process learns from, drawn at random if there are more: its cost grows with
their cube."""


@dataclass(frozen=True)
class Head:
    """A fitted head.

    | array | shape | meaning |
    |---|---|---|
    | ``centre``, ``scale`` | (d,) | standardise the state |
    | ``seen`` | (n, d) | standardised states of the rows learned from (numbers) |
    | ``weight`` | (n,) or (d,) | of the kernels (numbers), of the state (yes or no) |
    | ``factor`` | (n, n) | lower Cholesky factor of the rows' covariance (numbers) |
    | ``parameters`` | (6,) or (1,) | smooth variance, length, linear variance, noise |
    | | | variance, label mean and deviation (numbers); intercept (yes or no) |
    """

    arrays: Arrays
    kind: Kind

    def __post_init__(self) -> None:
        found = {name: array.shape for name, array in self.arrays.items()}
        d, n = ((*found.get(name, ()), 0)[0] for name in ("centre", "seen"))
        expected = {"centre": (d,), "scale": (d,), "weight": (d,), "parameters": (1,)}
        if self.kind != "binary":
            numbers = {"seen": (n, d), "weight": (n,), "factor": (n, n), "parameters": (6,)}
            expected |= numbers
        if found != expected:
            raise InputError(f"head of arrays {found}: expected {expected}")

    def predict(self, states: NDArray[np.float32]) -> tuple[FloatArray, FloatArray]:
        """Mean and deviation, ``(n,)`` each, for states ``(n, d)``, in the label's unit."""
        a = self.arrays
        with np.errstate(all="ignore"):  # what overflows is no number, and told as such
            x = (states.astype(np.float64) - a["centre"]) / a["scale"]
            if self.kind == "binary":
                chance = 1.0 / (1.0 + np.exp(-(x @ a["weight"] + a["parameters"][0])))
                return chance, np.sqrt(chance * (1.0 - chance))
            return self._posterior(x)

    def _posterior(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        from scipy.linalg import solve_triangular

        a = self.arrays
        smooth, length, linear, noise, middle, unit = a["parameters"]
        cross = _kernel(x, a["seen"], smooth, length, linear)  # (n_new, n)
        mean = middle + unit * (cross @ a["weight"])
        solved = solve_triangular(
            a["factor"], cross.T, lower=True, check_finite=False
        )  # (n, n_new)
        prior = smooth + linear * (1.0 + np.square(x).sum(axis=1)) + noise
        variance = np.maximum(prior - np.square(solved).sum(axis=0), 1e-12)
        if self.kind == "non-negative":
            mean = np.maximum(mean, 0.0)
        return mean, unit * np.sqrt(variance)


def fit_head(
    states: NDArray[np.float32], labels: FloatArray, kind: Kind, *, seed: int
) -> Head:
    """Fit on ``states`` ``(n, d)`` and ``labels`` ``(n,)``."""
    centre = states.mean(axis=0, dtype=np.float64)
    scale = states.std(axis=0, dtype=np.float64)
    scale[scale < 1e-6] = 1.0
    if kind != "binary" and len(states) > MOST_ROWS:
        chosen = np.random.default_rng(seed).permutation(len(states))[:MOST_ROWS]
        states, labels = states[chosen], labels[chosen]
    x = (states - centre) / scale
    fit = _fit_logistic if kind == "binary" else _fit_process
    return Head({"centre": centre, "scale": scale, **fit(x, labels, seed)}, kind)


def _fit_process(x: FloatArray, labels: FloatArray, seed: int) -> Arrays:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import (
        RBF,
        ConstantKernel,
        DotProduct,
        WhiteKernel,
    )

    n_columns = x.shape[1]
    middle, unit = float(labels.mean()), float(labels.std())
    kernel = (
        ConstantKernel(1.0, (1e-3, 1e3)) * RBF(n_columns**0.5, (0.1, 1e3))
        + ConstantKernel(0.1 / n_columns, (1e-9, 10.0)) * DotProduct(1.0, "fixed")
        + WhiteKernel(0.1, (1e-5, 10.0))
    )
    process = GaussianProcessRegressor(kernel, alpha=1e-8, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a parameter at its bound
        process.fit(x, (labels - middle) / unit)
    smooth, length, linear, noise = np.exp(process.kernel_.theta)
    return {
        "seen": x,
        "weight": np.asarray(process.alpha_).ravel(),
        "factor": np.asarray(process.L_),
        "parameters": np.array([smooth, length, linear, noise, middle, unit]),
    }


def _fit_logistic(x: FloatArray, labels: FloatArray, seed: int) -> Arrays:
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, StratifiedKFold

    folds = StratifiedKFold(3, shuffle=True, random_state=seed)
    penalties = {"C": np.logspace(-5, 0, 11).tolist()}
    search = GridSearchCV(
        LogisticRegression(max_iter=2000), penalties, scoring="neg_log_loss", cv=folds
    )
    best = search.fit(x, labels.astype(int)).best_estimator_
    return {
        "weight": best.coef_[0].astype(np.float64),
        "parameters": best.intercept_.astype(np.float64),
    }


def _kernel(
    x: FloatArray, y: FloatArray, smooth: float, length: float, linear: float
) -> FloatArray:
    """Covariance without noise, ``(n_x, n_y)``."""
    from scipy.spatial.distance import cdist

    near = np.exp(-0.5 * cdist(x, y, "sqeuclidean") / length**2)
    return np.asarray(smooth * near + linear * (1.0 + x @ y.T))
