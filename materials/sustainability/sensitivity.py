"""How much a shortlist depends on the weights: Monte Carlo over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from materials.errors import InputError
from materials.sustainability.fractions import FloatArray
from materials.sustainability.index import Burdens, Weights
from materials.sustainability.table import columns_of

if TYPE_CHECKING:
    from pymatgen.core import Composition, IStructure

_MOST = 100_000_000  # indices, 800 MB
_AT_ONCE = 4_000_000  # of which so many are sorted at a time


@dataclass(frozen=True)
class Sensitivity:
    """How often each of ``n`` materials is among the best ``k``."""

    k: int
    share: FloatArray  # (n,), of the draws; NaN where the index is unknown
    index: FloatArray  # (n,), with the weights as they were given; NaN: unknown
    best: FloatArray  # (n,), 5th percentile of the index over the draws
    worst: FloatArray  # (n,), 95th
    draws: int
    concentration: float
    seed: int


def top_k(
    formulas: Sequence[str | Composition | IStructure],
    k: int,
    *,
    weights: Weights | None = None,
    draws: int = 10_000,
    concentration: float = 9.0,
    seed: int = 0,
) -> Sensitivity:
    """Draw weights around the given ones and count how often each material is in the top k.

    Weights come from a Dirichlet distribution whose mean is the given weights and whose
    parameters sum to ``concentration``: with the number of axes, 9, and equal weights every
    mixture is equally likely; larger stays closer to what was given. An axis of weight 0
    keeps it. Places that several materials share are divided among them, so the shares of
    all materials sum to ``k``. A material whose index is unknown takes no part.

    Raises :class:`InputError` for a formula, ``k``, ``draws`` or ``concentration`` that
    cannot be used.
    """
    given = weights or Weights()
    burdens = Burdens.of(columns_of(formulas))
    index = burdens.index(given).central
    known = np.flatnonzero(np.isfinite(index))
    _check(k, len(known), len(index), draws, concentration)
    generator = np.random.default_rng(seed)
    mixtures = _dirichlet(generator, given.shares() * concentration, draws)
    share, best, worst = (np.full(len(index), np.nan) for _ in range(3))
    drawn = burdens.central[known] @ mixtures.T  # (n_known, draws)
    share[known] = _in_top(drawn, k)
    best[known], worst[known] = np.quantile(drawn, [0.05, 0.95], axis=1)
    return Sensitivity(k, share, index, best, worst, draws, concentration, seed)


def _check(k: int, known: int, total: int, draws: int, concentration: float) -> None:
    if not 1 <= k <= known:
        unknown = f", {total - known} more are unknown" if known < total else ""
        raise InputError(
            f"the best {k} of {known} materials whose index is known{unknown}; "
            f"ask for 1 to {known}"
        )
    if draws < 1 or concentration <= 0:
        raise InputError(
            f"{draws} draws of concentration {concentration}: expected at least one draw, "
            "and a positive concentration"
        )
    if known * draws > _MOST:
        raise InputError(
            f"{known:,} materials times {draws:,} draws are more than {_MOST:,} indices; "
            "take fewer draws, or the best thousand materials alone"
        )


def _dirichlet(
    generator: np.random.Generator, parameters: FloatArray, draws: int
) -> FloatArray:
    """``(draws, n_axes)``; a parameter of 0 stays 0."""
    mixtures = np.zeros((draws, len(parameters)))
    used = parameters > 0
    mixtures[:, used] = generator.dirichlet(parameters[used], size=draws)
    return mixtures


def _in_top(drawn: FloatArray, k: int) -> FloatArray:
    """Share of the draws ``(n, draws)`` in which each is among the ``k`` lowest, ``(n,)``."""
    count = np.zeros(len(drawn))
    step = max(1, _AT_ONCE // len(drawn))
    for start in range(0, drawn.shape[1], step):
        part = drawn[:, start : start + step]
        last = np.partition(part, k - 1, axis=0)[k - 1]  # (draws,)
        inside, tied = part < last, part == last
        places = (k - inside.sum(axis=0)) / tied.sum(axis=0)
        count += inside.sum(axis=1) + (tied * places).sum(axis=1)
    share: FloatArray = count / drawn.shape[1]
    return share
