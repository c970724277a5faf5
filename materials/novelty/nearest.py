"""The nearest crystal of the same composition that is equal, compiled for the processor."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from materials.compiling import compiled
from materials.flat import FlatCrystals
from materials.novelty.comparison import Tolerances
from materials.novelty.fingerprint import Fingerprints
from materials.novelty.matching import match
from materials.novelty.store import CrystalStore, StoreArrays
from materials.soundness import FloatArray, IntArray


class Nearest(NamedTuple):
    """What one crystal's search came to; rows are of the store, -1 where there is none."""

    equal: int
    worst: float
    """Distance of the worst pair of sites of the fit, in cube roots of the volume per atom."""
    nearest: int
    """Whether equal or not."""
    distance: float
    """Largest difference of any number of the two fingerprints, in the same unit."""
    n_compared: int


def find_nearest(
    cells: FlatCrystals,
    prints: Fingerprints,
    row: int,
    store: CrystalStore,
    members: IntArray,
    reach: float,
    tolerances: Tolerances,
) -> Nearest:
    """Compare one crystal with ``members`` of a store, the nearest fingerprint first.

    Crystals whose fingerprints differ by more than ``reach`` are not compared at all.
    """
    atoms = slice(int(cells.start[row]), int(cells.start[row + 1]))
    return Nearest(
        *_search(
            cells.atomic_numbers[atoms],
            cells.frac_coords[atoms],
            cells.lattice[row],
            prints.of(row),
            store.arrays(),
            members,
            float(reach),
            float(tolerances.length),
            float(tolerances.site),
            float(tolerances.angle),
        )
    )


def fingerprint_nearest(
    own: NDArray[np.float32], store: CrystalStore, members: IntArray, *, near: float
) -> Nearest:
    """The member with the nearest fingerprint, equal if it is no further than ``near``."""
    distance = _distances(own, store.arrays(), members)
    place = int(np.argmin(distance))
    row, least = int(members[place]), float(distance[place])
    return Nearest(row if least <= near else -1, np.nan, row, least, 0)


@compiled
def _distances(
    own: NDArray[np.float32], store: StoreArrays, members: IntArray
) -> FloatArray:
    """Largest difference of any number of two fingerprints, ``(m,)``."""
    distance = np.empty(len(members))
    for place in range(len(members)):
        begin = store.value_start[members[place]]
        largest = 0.0
        for value in range(len(own)):
            largest = max(largest, abs(own[value] - store.values[begin + value]))
        distance[place] = largest
    return distance


@compiled
def _search(
    kinds: IntArray,
    frac: FloatArray,
    lattice: FloatArray,
    own: NDArray[np.float32],
    store: StoreArrays,
    members: IntArray,
    reach: float,
    ltol: float,
    stol: float,
    atol: float,
) -> tuple[int, float, int, float, int]:
    distance = _distances(own, store, members)
    order = np.argsort(distance, kind="mergesort")  # of equally near ones the first
    compared = 0
    if len(members) == 0:
        return -1, np.inf, -1, np.inf, compared
    nearest = order[0]
    for place in order:
        if distance[place] > reach:
            break
        other = members[place]
        first, last = store.start[other], store.start[other + 1]
        if last - first != len(kinds):
            continue
        compared += 1
        worst = match(
            kinds,
            frac,
            lattice,
            store.numbers[first:last].astype(np.int64),
            store.frac[first:last].astype(np.float64),
            store.lattice[other],
            ltol,
            stol,
            atol,
        )
        if worst < np.inf:
            return other, worst, members[nearest], distance[nearest], compared
    return -1, np.inf, members[nearest], distance[nearest], compared
