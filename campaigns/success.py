"""The chance of success, taught by successes and failures.

The product of each target's probability is a good first guess of the chance to meet them all,
but deviations are not normal and targets not independent: networks call crystals semiconductors
that are metals, and chemistry decides which. What verdicts say of it is learned by a Gaussian
process in log-odds around the first guess ``p``,

    logit P(success) = logit p + f,
    f ~ GP(0, s² exp(-|z - z'| / l) + a² + b² (t - t̄)(t' - t̄)),   t = logit p,

with ``z`` the network's states: a common offset, a slope on the guess, and what is particular
to crystals that are alike. Laplace's approximation; ``s`` and ``l`` by evidence (Rasmussen &
Williams, *Gaussian Processes for Machine Learning*, algorithms 3.1 and 3.2). Without any
success or failure the first guess stands.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.special import expit, log_expit

from campaigns.protocols import FloatArray
from materials.errors import InputError

LENGTHS = (0.5, 1.0, 2.0)
"""Lengths tried, in units of the median distance between judged candidates."""
VARIANCES = (0.25, 1.0, 4.0)
"""Of what is particular to crystals that are alike, log-odds squared."""
OFFSET = 1.0
"""Prior variance of the common offset."""
SLOPE = 0.0625
"""Prior variance of the slope on the first guess."""
MOST = 1000
"""Verdicts that are learned from, the last ones: the cost grows with their cube."""
CHOOSING = 300
"""Verdicts, spread over those, by which length and variance are chosen."""
_SURE = (-12.0, -0.01)  # log probabilities beyond which a first guess is not believed
_STEPS = 20  # of Newton's method, which takes about six
_AT_ONCE = 4096  # candidates judged together


@dataclass(frozen=True)
class LearnedSuccess:
    """A fitted correction of log-odds; made by :meth:`fit`."""

    centre: FloatArray  # (d,)
    scale: FloatArray  # (d,)
    states: FloatArray  # (k, d), standardised
    slope: FloatArray  # (k,), first guesses less their middle
    middle: float
    length: float
    variance: float
    weights: FloatArray  # (k,), K⁻¹ f

    @classmethod
    def fit(
        cls, log_guess: FloatArray, states: NDArray[np.floating], success: NDArray[np.bool_]
    ) -> Self:
        """Learn from ``k`` verdicts.

        ``log_guess`` ``(k,)`` are log probabilities that were not made with knowledge of the
        candidate's own verdict, ``states`` ``(k, d)`` the network's embeddings.

        Raises :class:`InputError` if shapes do not match or a state is not finite.
        """
        if not len(log_guess) == len(states) == len(success):
            raise InputError(
                f"{len(log_guess)} guesses, {len(states)} states and {len(success)} verdicts; "
                "give one of each per candidate"
            )
        guess = log_odds(log_guess[-MOST:])
        raw = np.asarray(states[-MOST:], dtype=np.float64)
        if not np.isfinite(raw).all():
            raise InputError("a state is not finite; leave out what could not be predicted")
        told = np.asarray(success[-MOST:], dtype=np.float64)
        if len(told) == 0:
            none = np.zeros(0)
            width = raw.shape[1]
            return cls(np.zeros(width), np.ones(width), raw, none, 0.0, 1.0, 0.0, none)
        centre, scale = raw.mean(axis=0), raw.std(axis=0)
        varies = scale > 1e-9 * (1.0 + np.abs(centre))
        scale = np.where(varies, scale, np.inf)
        placed = (raw - centre) / scale
        middle = float(guess.mean())
        slope = guess - middle
        apart = _distances(placed, placed)
        there = apart[np.triu_indices(len(apart), k=1)]
        there = there[there > 1e-6]  # the same states twice are no distance
        unit = float(np.median(there)) if len(there) else 1.0
        trend = OFFSET + SLOPE * np.outer(slope, slope)
        n = min(len(told), CHOOSING)
        some = np.linspace(0, len(told) - 1, n).round().astype(np.int64)
        near, drift = apart[some][:, some], trend[some][:, some]
        found = []
        for length, variance in product(LENGTHS, VARIANCES):
            kernel = variance * np.exp(-near / (length * unit)) + drift
            evidence, weights = _laplace(kernel, told[some], guess[some])
            found.append((evidence, length * unit, variance, weights))
        _, length, variance, weights = max(found, key=lambda setting: setting[0])
        if len(weights) < len(told):
            kernel = variance * np.exp(-apart / length) + trend
            _, weights = _laplace(kernel, told, guess)
        return cls(centre, scale, placed, slope, middle, length, variance, weights)

    def log_probability(
        self, log_guess: FloatArray, states: NDArray[np.floating]
    ) -> FloatArray:
        """Log chance of success ``(n,)`` of candidates with first guesses ``(n,)``."""
        found = log_odds(log_guess)
        if len(self.weights) == 0:
            return np.asarray(log_expit(found), dtype=np.float64)
        for first in range(0, len(found), _AT_ONCE):
            rows = slice(first, first + _AT_ONCE)
            placed = (np.asarray(states[rows], dtype=np.float64) - self.centre) / self.scale
            near = np.exp(-_distances(placed, self.states) / self.length)
            cross = self.variance * near + OFFSET
            cross += SLOPE * np.outer(found[rows] - self.middle, self.slope)
            found[rows] += cross @ self.weights
        return np.asarray(log_expit(found), dtype=np.float64)


def pooled(*log_guesses: FloatArray) -> FloatArray:
    """Log probabilities ``(n,)`` whose log-odds are the mean of several guesses'.

    A logarithmic opinion pool (Genest & Zidek, Stat. Sci. 1, 114 (1986)): where the network
    and what was learned from labels err in different ways, both together err less.
    """
    mean = np.mean([log_odds(one) for one in log_guesses], axis=0)
    return np.asarray(log_expit(mean), dtype=np.float64)


def log_odds(log_probability: FloatArray) -> FloatArray:
    """Log-odds of log probabilities; what claims to be certain is believed only so far."""
    log_p = np.clip(log_probability, *_SURE)
    return np.asarray(log_p - np.log(-np.expm1(log_p)), dtype=np.float64)


def _laplace(
    kernel: FloatArray, told: FloatArray, guess: FloatArray
) -> tuple[float, FloatArray]:
    """Log evidence, and ``K⁻¹ f`` at the mode ``f`` (algorithm 3.1)."""
    f = np.zeros(len(told))
    for _ in range(_STEPS):
        chance = expit(guess + f)
        curve = np.maximum(chance * (1.0 - chance), 1e-9)
        root = np.sqrt(curve)
        inner = root[:, None] * kernel * root
        inner[np.diag_indices_from(inner)] += 1.0
        factor = cho_factor(inner, lower=True, check_finite=False)
        rise = curve * f + told - chance
        weights = rise - root * cho_solve(factor, root * (kernel @ rise))
        old, f = f, kernel @ weights
        if np.abs(f - old).max() < 1e-4:
            break
    fits = log_expit(np.where(told > 0, guess + f, -(guess + f))).sum()
    log_det = np.log(np.diag(factor[0])).sum()
    return float(fits - 0.5 * weights @ f - log_det), weights


def _distances(a: FloatArray, b: FloatArray) -> FloatArray:
    """Euclidean distances ``(len(a), len(b))``, by one product of matrices."""
    found = a @ b.T
    found *= -2.0
    found += np.square(a).sum(axis=1)[:, None]
    found += np.square(b).sum(axis=1)
    return np.asarray(np.sqrt(np.maximum(found, 0.0, out=found), out=found))
