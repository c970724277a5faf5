"""Best mixtures for many compositions: the quick way first, the general solver for the rest."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from materials.hull.linear import lowest_mixture
from materials.hull.phases import FloatArray, IntArray

NOTHING = -1
_MOST_STEPS = 500


class BestMixtures(NamedTuple):
    """The lowest mixtures of compounds and elements at some compositions."""

    energy: FloatArray  # (n,) eV/atom, formation energy of the mixture
    products: IntArray  # (n, k) compounds; -2 - e for element e; NOTHING where none
    amounts: FloatArray  # (n, k) fractions of the atoms


def best_mixtures(
    compounds: FloatArray,  # (m, n_elements) fractions of the atoms
    formation: FloatArray,  # (m,) eV/atom
    targets: FloatArray,  # (n, n_elements) fractions of the atoms
    *,
    max_steps: int = _MOST_STEPS,
) -> BestMixtures:
    """Mix ``compounds`` and the elements, whose energy is zero, at the lowest energy."""
    from materials.hull.simplex import lowest_mixtures

    n = len(targets)
    if n == 0:
        return BestMixtures(np.zeros(0), np.zeros((0, 1), dtype=np.int64), np.zeros((0, 1)))
    width = max(int((targets > 0.0).sum(axis=1).max(initial=1)), 1)
    order = np.lexsort((targets > 0.0).T)  # compositions of one system together
    ordered = np.ascontiguousarray(targets[order])
    products = np.full((n, width), NOTHING, dtype=np.int64)
    amounts, energy = np.zeros((n, width)), np.zeros(n)
    solved = np.zeros(n, dtype=np.bool_)
    lowest_mixtures(
        np.ascontiguousarray(compounds),
        formation,
        _members(compounds),
        ordered,
        products,
        amounts,
        energy,
        solved,
        max_steps,
    )
    for row in np.flatnonzero(~solved):
        energy[row], products[row], amounts[row] = _by_solver(
            compounds, formation, ordered[row], width
        )
    back = np.empty_like(order)
    back[order] = np.arange(n)
    return BestMixtures(energy[back], products[back], amounts[back])


def _members(compounds: FloatArray) -> IntArray:
    """Elements of each compound, ``(m, most)``, then -1."""
    counts = (compounds > 0.0).sum(axis=1)
    members = np.full((len(compounds), int(counts.max(initial=1))), NOTHING, dtype=np.int64)
    for row, composition in zip(members, compounds, strict=True):
        present = np.flatnonzero(composition)
        row[: len(present)] = present
    return members


def _by_solver(
    compounds: FloatArray, formation: FloatArray, target: FloatArray, width: int
) -> tuple[float, IntArray, FloatArray]:
    """The same for one composition, by the general solver."""
    present = np.flatnonzero(target > 0.0)
    absent = target <= 0.0
    fitting = np.flatnonzero(~(compounds[:, absent] > 0.0).any(axis=1))
    columns = np.vstack([np.eye(len(present)), compounds[np.ix_(fitting, present)]])
    costs = np.concatenate([np.zeros(len(present)), formation[fitting]])
    names = np.concatenate([-2 - present, fitting])
    found, energy = lowest_mixture(columns, costs, target[present])
    used = np.argsort(-found, kind="stable")[:width]
    used = used[found[used] > 0.0]
    products = np.full(width, NOTHING, dtype=np.int64)
    amounts = np.zeros(width)
    products[: len(used)], amounts[: len(used)] = names[used], found[used]
    return energy, products, amounts
