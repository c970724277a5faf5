"""A Gaussian process of what is left between labels and the network, by evidence.

In units of the network's own deviation ``s``, ``u = (y - m) / s``, residuals are

    u ~ N(0, κ² V),   V = (1 - ρ) I + ρ R + H B Hᵀ,   H = (1 / s, (m - m̄) / s),

``R`` the kernel's correlation between candidates, ``ρ`` the share of the variance that
neighbours have in common (a linear mixed model; Kang et al., Genetics 178, 1709 (2008), whose
one eigendecomposition per kernel is used here), ``B`` the prior variance of a common offset
and of a slope on the prediction (Kennedy & O'Hagan, Biometrika 87, 1 (2000)). ``κ²`` has a
scaled inverse chi-squared prior around one and is integrated out, which leaves

    log p(u) = -½ log |V| - ½ (ν + n) log(ν + uᵀ V⁻¹ u) + const

(Gelman et al., *Bayesian Data Analysis*, 3rd ed., ch. 14). Every parameter away from zero
costs ½ log n (Schwarz, Ann. Stat. 6, 461 (1978)). With few labels κ stays near one, and ρ
and ``B`` have to pay for themselves. All sums are in float64 and in a fixed order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from models.updating.column import Column
from models.updating.states import States

FloatArray = NDArray[np.float64]

SHARES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98)
"""Values of ρ tried."""
OFFSETS = (0.0, 0.5, 2.0)
"""Prior deviations of the common offset tried, in units of the deviations' geometric mean."""
SLOPES = (0.0, 0.1, 0.5)
"""Prior deviations of the slope on the prediction tried."""
STRENGTH = 4.0
"""ν: how many labels the belief in the network's own deviation is worth."""
CLIP = 4.0
"""Residuals beyond so many robust deviations count as if they were there: errors of networks
have heavy tails (a label in a hundred is 30 deviations away), and one would decide for all."""
_JITTER = 1e-8


class Kernel(Protocol):
    """Correlation with labelled candidates, from states."""

    @property
    def name(self) -> str:
        """What it is called in the facts of an update."""

    def cross(self, new: States) -> FloatArray:
        """Return ``(len(new), n)``."""

    def diagonal(self, new: States) -> FloatArray:
        """Correlation of each with itself, ``(len(new),)``."""


@dataclass(frozen=True, kw_only=True)
class Spectrum:
    """A kernel among ``n`` labelled candidates, decomposed once for all their targets."""

    kernel: Kernel
    correlation: FloatArray = field(repr=False)  # (n, n)
    values: FloatArray = field(repr=False)  # (n,) eigenvalues, none below zero
    vectors: FloatArray = field(repr=False)  # (n, n), a column each

    @classmethod
    def of(cls, kernel: Kernel, states: States) -> Self:
        """Decompose a kernel among the candidates it is of."""
        return cls.between(kernel, kernel.cross(states))

    @classmethod
    def between(cls, kernel: Kernel, correlation: FloatArray) -> Self:
        """Decompose correlations ``(n, n)`` that a kernel gave."""
        from scipy.linalg import eigh

        values, vectors = eigh(correlation)
        return cls(
            kernel=kernel,
            correlation=correlation,
            values=np.maximum(values, 0.0),
            vectors=vectors,
        )


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What the evidence decided."""

    share: float = 0.0  # ρ
    offset: float = 0.0  # prior deviation, in the target's unit
    slope: float = 0.0  # prior deviation
    scale: float = 1.0  # κ
    evidence: float = -np.inf  # log, less the cost of parameters


@dataclass(frozen=True, kw_only=True)
class Process:
    """A fitted process; made by :func:`fit_process`."""

    kernel: Kernel
    seen: Column = field(repr=False)
    setting: Setting
    middle: float  # m̄
    factor: FloatArray = field(repr=False)  # (n, n) lower Cholesky factor of V
    weights: FloatArray = field(repr=False)  # (n,) V⁻¹ u

    def apply(self, new: Column) -> tuple[FloatArray, FloatArray]:
        """Mean and deviation, ``(n_new,)`` each, in the target's unit."""
        from scipy.linalg import solve_triangular

        chosen = self.setting
        trend = _trend(new, self.middle, chosen)  # (n_new, 2)
        cross = trend @ _trend(self.seen, self.middle, chosen).T
        prior = 1.0 - chosen.share + np.square(trend).sum(axis=1)
        if chosen.share > 0.0:
            cross += chosen.share * self.kernel.cross(new.states)
            prior += chosen.share * self.kernel.diagonal(new.states)
        mean = new.mean + new.std * (cross @ self.weights)
        solved = solve_triangular(self.factor, cross.T, lower=True, check_finite=False)
        variance = np.maximum(prior - np.square(solved).sum(axis=0), 1e-6)
        return mean, new.std * chosen.scale * np.sqrt(variance)

    def leave_one_out(self) -> tuple[FloatArray, FloatArray]:
        """Mean and deviation of each label given all others, ``(n,)`` each.

        In closed form, the parameters kept (Rasmussen & Williams, *Gaussian Processes for
        Machine Learning*, eqs. 5.12).
        """
        from scipy.linalg import lapack

        inverse, _ = lapack.dpotri(self.factor, lower=1)
        precision = np.diag(inverse)  # of V⁻¹
        seen = self.seen
        error = seen.std * self.weights / precision  # clipped label less prediction
        mean = seen.clipped(CLIP) - error
        return mean, seen.std * self.setting.scale / np.sqrt(precision)

    def facts(self) -> dict[str, float | str]:
        """Parameters, for the record."""
        chosen = self.setting
        return {
            "kernel": self.kernel.name,
            "share": chosen.share,
            "offset": chosen.offset,
            "slope": chosen.slope,
            "scale": chosen.scale,
            "evidence": chosen.evidence,
        }


def fit_process(seen: Column, spectra: Sequence[Spectrum]) -> Process:
    """Choose kernel and parameters by evidence, the first of equals, and condition on labels.

    ``seen`` holds the labelled candidates that ``spectra`` are of.
    """
    from scipy.linalg import cho_solve

    best, spectrum = best_by_evidence(seen, spectra)
    middle = float(seen.mean.mean())
    trend = _trend(seen, middle, best)
    matrix = best.share * spectrum.correlation + trend @ trend.T
    matrix[np.diag_indices_from(matrix)] += 1.0 - best.share + _JITTER
    factor = np.asarray(np.linalg.cholesky(matrix), dtype=np.float64)
    return Process(
        kernel=spectrum.kernel,
        seen=seen,
        setting=best,
        middle=middle,
        factor=factor,
        weights=cho_solve((factor, True), _standardised(seen)),
    )


def best_by_evidence(seen: Column, spectra: Sequence[Spectrum]) -> tuple[Setting, Spectrum]:
    """The parameters and the kernel that the labels speak for, the first of equals."""
    best, spectrum = Setting(), spectra[0]
    for tried in spectra:
        setting = _by_evidence(seen, tried)
        if setting.evidence > best.evidence:
            best, spectrum = setting, tried
    return best, spectrum


def _standardised(seen: Column) -> FloatArray:
    return np.asarray((seen.clipped(CLIP) - seen.mean) / seen.std)


def _trend(rows: Column, middle: float, setting: Setting) -> FloatArray:
    """``H √B``, ``(n, 2)``."""
    offset, slope = setting.offset / rows.std, (rows.mean - middle) / rows.std
    return np.stack([offset, setting.slope * slope], axis=1)


def _by_evidence(seen: Column, spectrum: Spectrum) -> Setting:
    """The best of the grid for one kernel."""
    values, vectors = spectrum.values, spectrum.vectors
    unit = float(np.exp(np.log(seen.std).mean()))
    middle = float(seen.mean.mean())
    u = vectors.T @ _standardised(seen)
    whole = _trend(seen, middle, Setting(offset=unit, slope=1.0))
    trend = vectors.T @ whole  # (n, 2)
    shares = np.array(SHARES)[:, None]
    precision = 1.0 / (1.0 - shares + shares * values + _JITTER)  # (n_shares, n)
    constant = (u * precision * u).sum(axis=1), -np.log(precision).sum(axis=1)
    pulled = np.einsum("na,sn,n->sa", trend, precision, u)
    within = np.einsum("na,sn,nb->sab", trend, precision, trend)
    best = Setting()
    for offset in OFFSETS:
        for slope in SLOPES:
            evidence, quadratic = _evidence(
                len(seen), constant, pulled, within, np.array([offset, slope])
            )
            place = int(np.argmax(evidence))
            if evidence[place] > best.evidence:
                scale2 = (STRENGTH + quadratic[place]) / (STRENGTH + len(seen))
                best = Setting(
                    share=SHARES[place],
                    offset=offset * unit,
                    slope=slope,
                    scale=float(np.sqrt(scale2)),
                    evidence=float(evidence[place]),
                )
    return best


def _evidence(
    n: int,
    constant: tuple[FloatArray, FloatArray],
    pulled: FloatArray,
    within: FloatArray,
    deviations: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Log evidence and ``uᵀ V⁻¹ u`` for every share, by Woodbury's identity."""
    quadratic, log_det = constant
    inner = (
        np.eye(2) + within * deviations[:, None] * deviations[None, :]
    )  # (n_shares, 2, 2)
    pull = pulled * deviations
    solved = np.linalg.solve(inner, pull[:, :, None])[:, :, 0]
    quadratic = quadratic - (pull * solved).sum(axis=1)
    log_det = log_det + np.linalg.slogdet(inner)[1]
    n_used = (np.array(SHARES) > 0.0) + np.count_nonzero(deviations)
    evidence = (
        -0.5 * log_det
        - 0.5 * (STRENGTH + n) * np.log(STRENGTH + quadratic)
        - 0.5 * n_used * np.log(max(n, 2))
    )
    return evidence, quadratic
