"""What a campaign's candidate is worth: the probability of meeting every target.

The same function scores a prediction and a verdict: a verdict is a prediction with a small
deviation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import log_ndtr

from campaigns.acquisition.arrays import FloatArray
from campaigns.acquisition.targets import log_between

if TYPE_CHECKING:
    from campaigns.config import Sustainability, Targets
    from campaigns.protocols import Scores

_LEAST_GOOD = 1e-3  # keeps the worst of materials from having no worth at all
_LEAST_STD = 1e-3  # eV or eV/atom; keeps a certain prediction from dividing by zero


def probability_of_success(
    scores: Scores,
    targets: Targets,
    n_elements: FloatArray,
    n_sites: FloatArray,
    goodness: FloatArray | None = None,
) -> FloatArray:
    """Return ``(n,)`` log worth: the weighted sum of log probabilities of meeting each target.

    The gap is normal around its prediction and must lie in the window; the energy above hull
    must lie below its limit (Gardner et al., ICML 2014, use such products for constraints).
    Uncertainty counts both ways: it spoils a safe hit and gives a near miss a chance.
    ``goodness``, ``(n,)`` from 0 to 1, is how sustainable each is; without it, it does not
    count.
    """
    parts = success_parts(scores, targets, n_elements, n_sites, goodness)
    return np.asarray(sum(parts.values()), dtype=np.float64)


def success_parts(
    scores: Scores,
    targets: Targets,
    n_elements: FloatArray,
    n_sites: FloatArray,
    goodness: FloatArray | None = None,
) -> dict[str, FloatArray]:
    """The sum of :func:`probability_of_success` in its parts, ``(n,)`` each, by target."""
    gap = targets.band_gap
    gap_std = np.maximum(scores.band_gap_std, _LEAST_STD)
    inside = log_between(
        (gap.min - scores.band_gap) / gap_std, (gap.max - scores.band_gap) / gap_std
    )
    hull = targets.energy_above_hull
    hull_std = np.maximum(scores.energy_above_hull_std, _LEAST_STD)
    stable = log_ndtr((hull.max - scores.energy_above_hull) / hull_std)
    parts = {
        "band_gap": gap.weight * inside,
        "energy_above_hull": hull.weight * stable,
        "simplicity": targets.simplicity.weight * log_simplicity(n_elements, n_sites),
    }
    if goodness is not None:
        good = np.log(np.maximum(goodness, _LEAST_GOOD))
        parts["sustainability"] = targets.sustainability.weight * good
    return parts


def sustainable_share(formulas: Sequence[str], target: Sustainability) -> FloatArray:
    """Return ``(n,)``, one minus the burden index: 1 costs people and planet nothing.

    What has too little data is taken for the worst it may be.
    """
    from materials.sustainability.index import Burdens
    from materials.sustainability.table import columns_of

    if not formulas:
        return np.zeros(0)
    index = Burdens.of(columns_of(formulas)).index(target.weights())
    burden = np.where(np.isfinite(index.central), index.central, index.high)
    return np.asarray(1.0 - burden, dtype=np.float64)


def log_simplicity(n_elements: FloatArray, n_sites: FloatArray) -> FloatArray:
    """Log of ``2 / n_elements * min(1, 4 / n_sites) ** 0.5``, at most zero: a convention.

    A binary with up to four atoms per cell scores one; a ternary with eight, 0.47.
    """
    value = np.minimum(1.0, 2.0 / n_elements) * np.minimum(1.0, 4.0 / n_sites) ** 0.5
    return np.asarray(np.log(value), dtype=np.float64)
