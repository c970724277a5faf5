"""How likely a phase is to lie near the hull, given how well energies are known.

Energies are taken as normal about their values with the standard deviations given, each
independent of the others. Errors that a method makes in a compound and in its products alike
cancel in the distance: give deviations without that common part, or all of it as the
deviation of the compound. The result is as well calibrated as they are, no better.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from materials.errors import InputError
from materials.hull.convex import HullColumns, ReferenceHull
from materials.hull.phases import FloatArray

MARGIN = 0.05
"""eV/atom above the hull up to which a phase counts as near."""


def probability_within(
    distance: FloatArray | float, std: FloatArray | float, *, margin: float = MARGIN
) -> FloatArray:
    """Probability that the true distance from the hull is at most ``margin``.

    ``distance`` and ``std`` (of the distance) are in eV/atom. That is Φ((margin - distance) /
    std); without any doubt it is 0 or 1. NaN stays NaN. Raises :class:`InputError` for a
    negative deviation.
    """
    from scipy.special import ndtr

    distance, std = np.broadcast_arrays(
        np.asarray(distance, dtype=np.float64), np.asarray(std, dtype=np.float64)
    )
    if (std < 0.0).any():
        raise InputError(f"standard deviations must be 0 or more, got {std.min():g}")
    room = margin - distance
    with np.errstate(divide="ignore", invalid="ignore"):
        likely = ndtr(room / std)
    certain = np.where(np.isnan(distance), np.nan, (room >= 0.0).astype(np.float64))
    return np.asarray(np.where(std == 0.0, certain, likely), dtype=np.float64)


def distance_std(columns: HullColumns, std: FloatArray | float) -> FloatArray:
    """Standard deviation of each distance from the hull, ``(n,)`` in eV/atom.

    ``std`` is that of the phases' own energies, ``(n,)`` or one for all. The references add
    theirs (:attr:`Phase.std`) by their part in the mixture, which is how fast the hull follows
    them: exact while the products stay the same, see :func:`simulated_probability_within`.
    """
    own = np.asarray(std, dtype=np.float64)
    of_phase = np.array([phase.std for phase in columns.phases] + [0.0], dtype=np.float64)
    part = columns.fractions * of_phase[columns.products]  # place -1, none, is the last: 0
    return np.asarray(np.sqrt(own**2 + (part**2).sum(axis=1)), dtype=np.float64)


def simulated_probability_within(
    hull: ReferenceHull,
    formulas: Sequence[str],
    energies: FloatArray,
    std: FloatArray | float,
    *,
    margin: float = MARGIN,
    n_samples: int = 1000,
    seed: int = 0,
) -> FloatArray:
    """The same as :func:`probability_within`, over hulls drawn anew, ``(n,)``.

    Where several references lie close to the hull, whichever is drawn lowest forms it, which
    no fixed mixture shows: on average the hull comes down. The doubt of the phases' own
    energies is added in closed form, so that few samples do. A row that cannot be judged is
    NaN. Raises :class:`InputError` as :meth:`ReferenceHull.judge` does.
    """
    if n_samples < 1:
        raise InputError(f"n_samples must be 1 or more, got {n_samples}")
    random = np.random.default_rng(seed)
    base = np.array([phase.energy_per_atom for phase in hull.phases], dtype=np.float64)
    spread = np.array([phase.std for phase in hull.phases], dtype=np.float64)
    own = np.broadcast_to(np.asarray(std, dtype=np.float64), (len(formulas),))
    total = np.zeros(len(formulas))
    for _ in range(n_samples):
        drawn = hull.with_energies(base + spread * random.standard_normal(len(base)))
        columns = drawn.judge(formulas, energies, origin=hull.origin)
        total += probability_within(columns.energy_above_hull, own, margin=margin)
    return total / n_samples
