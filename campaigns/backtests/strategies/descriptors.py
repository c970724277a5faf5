"""A few continuous columns for searchers that cannot take hundreds."""

from __future__ import annotations

import numpy as np

from campaigns.backtests.pool import View, margins
from campaigns.backtests.strategies.protocol import Seen
from campaigns.protocols import FloatArray

N_COMPONENTS = 8
"""Principal components of Magpie's 132 columns."""


def descriptors(view: View) -> FloatArray:
    """Return ``(n, N_COMPONENTS + known targets)``, each column of unit deviation.

    Principal components of Magpie's description, and the network's answers to what is sought:
    a gift to those who would not have them.
    """
    from sklearn.decomposition import PCA
    from sklearn.preprocessing import StandardScaler

    from models.evaluation.magpie import magpie_features

    magpie = magpie_features(view.counts.astype(np.int64))
    scaled = StandardScaler().fit_transform(magpie.astype(np.float64))
    parts = PCA(N_COMPONENTS, svd_solver="full").fit_transform(scaled)
    known = np.isfinite(view.mean).all(axis=0)
    whole = np.concatenate([parts, view.mean[:, known]], axis=1)
    return np.asarray(StandardScaler().fit_transform(whole), dtype=np.float64)


def shortfall(view: View, seen: Seen) -> FloatArray:
    """How far each measured row is from meeting its worst target ``(k,)``; below 0: a hit.

    In units of the labels' deviations. A label that is not believed counts as the worst.
    """
    unit = np.nanstd(seen.labels, axis=0)
    inside = margins(seen.labels, view.low, view.high) / np.where(unit > 0, unit, 1.0)
    depth = inside.min(axis=1)
    finite = depth[np.isfinite(depth)]
    worst = finite.min() if len(finite) else 0.0
    return np.asarray(-np.where(np.isfinite(depth), depth, worst), dtype=np.float64)
