"""The lowest mixture of phases of a given composition, compiled for the processor.

The hull at one composition is a small linear programme: fractions of the phases, none
negative, that add up to the composition at the lowest energy. The primal simplex method
(Dantzig, *Linear Programming and Extensions*, 1963) solves it here, because the elements are
a start that is always feasible and a solution has no more phases than the composition has
elements; it takes a handful of steps. Nothing is built per chemical system, so that a million
compositions of a million systems cost no more than of one.

Entering columns are chosen by Dantzig's rule, and by Bland's (Math. Oper. Res. 2, 103 (1977)),
which cannot go round in circles, as soon as steps stop to lower the energy.
"""

from __future__ import annotations

import numpy as np

from materials.compiling import compiled
from materials.hull.phases import BoolArray, FloatArray, IntArray

_OPTIMAL = 1e-10  # eV/atom; reduced energies above minus this cannot lower the hull
_PIVOT = 1e-10  # smaller elements of a column are rounding
_RESIDUE = 1e-9  # of the composition, and the most a fraction may be below zero
_NONE = np.iinfo(np.int64).max
_PATIENCE = 8  # steps in a row that lower nothing, before Bland's rule


@compiled
def lowest_mixtures(
    fractions: FloatArray,  # (n_phases, n_elements) of the atoms
    energy: FloatArray,  # (n_phases,) eV/atom, formation energies
    members: IntArray,  # (n_phases, n_most) elements of each phase, then -1
    targets: FloatArray,  # (n, n_elements) of the atoms
    products: IntArray,  # (n, n_most) out: phases of the mixture; -2 - e for element e
    amounts: FloatArray,  # (n, n_most) out: their fractions of the atoms
    hull: FloatArray,  # (n,) out: eV/atom, formation energy of the mixture
    solved: BoolArray,  # (n,) out
    max_steps: int,
) -> None:
    """Fill ``products``, ``amounts``, ``hull`` and ``solved`` for every target.

    The elements take part with energy zero. ``n_most`` must be at least the number of elements
    of every target; places that are not needed are left as they are. Where ``solved`` is
    false steps ran out or rounding spoilt the solution. Targets of one chemical system are
    quicker one after the other.
    """
    present = np.zeros(fractions.shape[1], dtype=np.bool_)
    place = np.flatnonzero(present)
    chosen = place
    columns, costs = np.empty((0, 0)), np.empty(0)
    for t in range(len(targets)):
        there = targets[t] > 0.0
        if t == 0 or (there != present).any():
            present = there
            place = np.flatnonzero(present)
            chosen = _within(members, present)
            costs = energy[chosen]
            columns = np.empty((len(chosen), len(place)))
            for k in range(len(place)):
                columns[:, k] = fractions[:, place[k]][chosen]
        basis, level, value, good = _simplex(columns, costs, targets[t][place], max_steps)
        hull[t] = value
        solved[t] = good
        for k in range(len(place)):
            b = basis[k]
            products[t, k] = chosen[b] if b >= 0 else -2 - place[-1 - b]
            amounts[t, k] = level[k]


@compiled
def _within(members: IntArray, present: BoolArray) -> IntArray:
    """The phases that are made of nothing but elements that are present."""
    chosen = np.empty(len(members), dtype=np.int64)
    n = 0
    for p in range(len(members)):
        fits = True
        for e in members[p]:
            if e >= 0 and not present[e]:
                fits = False
                break
        if fits:
            chosen[n] = p
            n += 1
    return chosen[:n]


@compiled
def _simplex(
    columns: FloatArray,  # (m, n)
    costs: FloatArray,  # (m,)
    target: FloatArray,  # (n,) all above zero
    max_steps: int,
) -> tuple[IntArray, FloatArray, float, bool]:
    """Basis (``-1 - e`` for element ``e``), its levels, the least cost, and success."""
    n = len(target)
    basis = -1 - np.arange(n)
    level = target.copy()
    inverse = np.eye(n)
    price = np.zeros(n)  # chemical potentials against the elements
    stalled = 0
    optimal = False
    for _ in range(max_steps + 1):
        entering = _entering(columns, costs, price, stalled > _PATIENCE)
        if entering == _NONE:
            optimal = True
            break
        column = np.zeros(n)
        for i in range(n):
            if entering < 0:
                column[i] = inverse[i, -1 - entering]
            else:
                column[i] = (inverse[i] * columns[entering]).sum()
        leaving = _leaving(column, level, basis)
        if leaving < 0:
            break
        stalled = stalled + 1 if level[leaving] < _RESIDUE * column[leaving] else 0
        _pivot(inverse, level, column, leaving)
        basis[leaving] = entering
        price[:] = 0.0
        for i in range(n):
            if basis[i] >= 0:
                price += costs[basis[i]] * inverse[i]
    value = 0.0
    rest = target.copy()
    for i in range(n):
        if basis[i] >= 0:
            value += level[i] * costs[basis[i]]
            rest -= level[i] * columns[basis[i]]
        else:
            rest[-1 - basis[i]] -= level[i]
    return basis, level, value, optimal and np.abs(rest).max() < _RESIDUE


@compiled
def _entering(
    columns: FloatArray, costs: FloatArray, price: FloatArray, first: bool
) -> int:
    """What lowers the energy most, or the first that does; ``_NONE`` if nothing."""
    entering = _NONE
    lowest = -_OPTIMAL
    for e in range(len(price) - 1, -1, -1):
        if -price[e] < lowest:
            entering = -1 - e
            lowest = -price[e]
            if first:
                return entering
    for j in range(len(costs)):
        reduced = costs[j]
        for k in range(len(price)):
            reduced -= columns[j, k] * price[k]
        if reduced < lowest:
            entering = j
            lowest = reduced
            if first:
                return entering
    return entering


@compiled
def _leaving(column: FloatArray, level: FloatArray, basis: IntArray) -> int:
    """The place in the basis that empties first; of several, that of the lowest column."""
    leaving = -1
    least = np.inf
    for i in range(len(column)):
        if column[i] > _PIVOT:
            ratio = level[i] / column[i]
            if ratio < least or (ratio == least and basis[i] < basis[leaving]):
                least = ratio
                leaving = i
    return leaving


@compiled
def _pivot(
    inverse: FloatArray, level: FloatArray, column: FloatArray, leaving: int
) -> None:
    """Put ``column`` in the place that leaves."""
    inverse[leaving] /= column[leaving]
    level[leaving] /= column[leaving]
    for i in range(len(level)):
        if i != leaving:
            level[i] = max(level[i] - level[leaving] * column[i], 0.0)
            inverse[i] -= column[i] * inverse[leaving]
