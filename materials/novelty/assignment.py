"""Which site goes with which, compiled for the processor."""

from __future__ import annotations

import numpy as np

from materials.compiling import compiled
from materials.soundness import FloatArray, IntArray


@compiled
def assigned(cost: FloatArray) -> IntArray:
    """For each row the column that makes the sum least, each column once.

    Where every row's cheapest column is another, that is the answer; else shortest
    augmenting paths (Kuhn and Munkres; Jonker and Volgenant, Computing 38, 325 (1987)).
    """
    n = len(cost)
    chosen = np.empty(n, np.int64)
    taken = np.zeros(n, np.bool_)
    clash = False
    for row in range(n):
        column = np.argmin(cost[row])
        chosen[row] = column
        clash = clash or taken[column]
        taken[column] = True
    return _augmented(cost) if clash else chosen


@compiled
def _augmented(cost: FloatArray) -> IntArray:
    """The same, without luck; row and column 0 are none."""
    n = len(cost)
    chosen = np.empty(n, np.int64)
    u, v = np.zeros(n + 1), np.zeros(n + 1)
    owner, way = np.zeros(n + 1, np.int64), np.zeros(n + 1, np.int64)
    for row in range(1, n + 1):
        owner[0] = row
        column = 0
        least = np.full(n + 1, np.inf)
        used = np.zeros(n + 1, np.bool_)
        while True:
            used[column] = True
            here, delta, following = owner[column], np.inf, 0
            for j in range(1, n + 1):
                if used[j]:
                    continue
                rest = cost[here - 1, j - 1] - u[here] - v[j]
                if rest < least[j]:
                    least[j], way[j] = rest, column
                if least[j] < delta:
                    delta, following = least[j], j
            for j in range(n + 1):
                if used[j]:
                    u[owner[j]] += delta
                    v[j] -= delta
                else:
                    least[j] -= delta
            column = following
            if owner[column] == 0:
                break
        while column != 0:
            owner[column] = owner[way[column]]
            column = way[column]
    for j in range(1, n + 1):
        chosen[owner[j] - 1] = j - 1
    return chosen
