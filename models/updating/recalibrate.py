"""Whether stated deviations keep their word, and the factor that makes them.

Errors are standardised by what was stated before the label was known: of a fitted update
those of leaving one label out, of a campaign's round those of its verdicts. Levels are of a
normal distribution, which is what acquisition functions take a prediction for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from models.updating.base import FloatArray

LEVELS = (0.5, 0.8, 0.9)
"""Shares of labels that intervals are checked at."""
LAPLACE = 1.0 / -float(np.log1p(-0.6827))
"""Scale of the Laplace distribution with 68.3 % of its mass within one deviation."""
WORTH = 20.0
"""How many labels the belief that the factor is one is worth."""
_FARTHEST = 20.0  # deviations that one error can count for in the factor


def std_factor(error: FloatArray, std: FloatArray) -> float:
    """What deviations ``(n,)`` are to be multiplied by, given errors ``(n,)``; one without.

    The factor of greatest likelihood for Laplace distributions, since errors have heavy
    tails, is 1.148 mean(|error| / std); its logarithm is shrunk towards zero by
    ``n / (n + 20)``.
    """
    if not len(error):
        return 1.0
    size = np.minimum(np.abs(error) / std, _FARTHEST)
    greatest = max(float(size.mean()) / LAPLACE, 0.05)
    return float(greatest ** (len(error) / (len(error) + WORTH)))


@dataclass(frozen=True, kw_only=True)
class Drift:
    """How one round's verdicts fared against what had been said of them."""

    rows: int
    covered: Mapping[float, float]  # level -> share of verdicts inside
    surprise: float
    """How far the share inside the 90 % interval is from 0.9, in its binomial deviations;
    below -2 the deviations are too small."""
    ratio: float
    """Median size of this round's standardised errors over that of all earlier ones."""
    chance: float
    """Of a difference as large if nothing drifted (Mann & Whitney, Ann. Math. Stat. 18, 50
    (1947)); small means that this round is unlike those before. One without earlier ones."""


def coverage(error: FloatArray, std: FloatArray) -> dict[float, float]:
    """Share of errors inside the central interval of each of :data:`LEVELS`; NaN without."""
    from scipy.stats import norm

    if not len(error):
        return dict.fromkeys(LEVELS, float("nan"))
    size = np.abs(error) / std
    return {level: float((size <= norm.ppf(0.5 + level / 2)).mean()) for level in LEVELS}


def drift(now: FloatArray, before: FloatArray) -> Drift:
    """Compare standardised errors ``(n,)`` of a round with those of earlier rounds.

    Both are ``(verdict - prediction) / deviation`` with the prediction made before the
    verdict. Values that are not finite are left out.
    """
    from scipy.stats import mannwhitneyu

    now, before = (np.abs(values[np.isfinite(values)]) for values in (now, before))
    covered = coverage(now, np.ones(len(now)))
    surprise = (covered[0.9] - 0.9) / np.sqrt(0.9 * 0.1 / len(now)) if len(now) else 0.0
    ratio, chance = 1.0, 1.0
    if len(now) and len(before):
        ratio = float(np.median(now) / max(float(np.median(before)), 1e-12))
        chance = float(mannwhitneyu(now, before, method="asymptotic").pvalue)
    return Drift(
        rows=len(now),
        covered=covered,
        surprise=float(surprise),
        ratio=ratio,
        chance=chance,
    )
