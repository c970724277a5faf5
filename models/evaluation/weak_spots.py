"""Where a model is good and where it is not: errors by chemistry, gap, size and element."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.evaluation.held import Rows
from models.evaluation.scores import FEWEST, Figure, mean_absolute

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_HALOGENS = (9, 17, 35, 53)
_CHALCOGENS = (16, 34, 52)
_PNICTOGENS = (7, 15, 33, 51)
_RARE_EARTHS = (21, 39, *range(57, 72))
_ACTINIDES = tuple(range(89, 104))
_MAGNETIC_3D = (24, 25, 26, 27, 28)
_NO_METALS = (
    *(1, 2, 5, 6, 7, 8, 9, 10, 14, 15, 16, 17, 18, 32, 33, 34, 35, 36),
    *(51, 52, 53, 54, 85, 86),
)
"""Non-metals and metalloids: H to Rn without the metals."""

_GAP_EDGES = (0.0, 0.5, 1.5, 3.0, 5.0)  # eV
_SIZE_EDGES = (1, 5, 11, 21, 41, 81)  # atoms in the cell


@dataclass(frozen=True)
class Group:
    """Some validation crystals, and how far the model is off on them."""

    kind: str  # "chemistry", "gap", "atoms" or "element"
    name: str
    rows: int
    mae: dict[str, Figure | None]  # target -> error in its unit; None: too few labels


def weak_spots(
    values: dict[str, FloatArray], held: Rows, targets: Sequence[str]
) -> tuple[Group, ...]:
    """Errors of ``values`` (target -> ``(n,)``) in every group of at least 20 crystals.

    Groups overlap: an oxide of iron is an oxide, holds a magnetic metal, and counts for both
    of its elements.
    """
    found = []
    for kind, name, rows in _groups(held):
        if rows.sum() < FEWEST:
            continue
        mae = {
            target: _error(values[target][rows], held.labels[target][rows])
            for target in targets
        }
        found.append(Group(kind, name, int(rows.sum()), mae))
    return tuple(found)


def worst(groups: Sequence[Group], kind: str, target: str, n: int) -> list[Group]:
    """The ``n`` groups of a kind with the largest error on a target, largest first."""
    known = [
        (figure.value, group)
        for group in groups
        if group.kind == kind and (figure := group.mae.get(target)) is not None
    ]
    return [group for _, group in sorted(known, key=lambda pair: -pair[0])[:n]]


def _error(values: FloatArray, labels: FloatArray) -> Figure | None:
    known = np.isfinite(values) & np.isfinite(labels)
    return mean_absolute(values, labels) if known.sum() >= FEWEST else None


def _groups(held: Rows) -> Iterator[tuple[str, str, BoolArray]]:
    """Kind, name and rows ``(n,)`` of every group, empty ones included."""
    for name, rows in chemistry(held.counts).items():
        yield "chemistry", name, rows
    if "band_gap" in held.labels:
        for name, rows in gap_ranges(held.labels["band_gap"]).items():
            yield "gap", name, rows
    for name, rows in sizes(held.counts.sum(axis=1)).items():
        yield "atoms", name, rows
    from pymatgen.core.periodic_table import Element

    for z in np.flatnonzero(held.counts.any(axis=0)):
        yield "element", Element.from_Z(int(z)).symbol, held.counts[:, z] > 0


def chemistry(counts: NDArray[np.int64]) -> dict[str, BoolArray]:
    """Classes of compounds by the elements they hold; ``counts`` is ``(n, 119)``."""

    def holds(numbers: Sequence[int]) -> BoolArray:
        present: BoolArray = counts[:, list(numbers)].sum(axis=1) > 0
        return present

    oxygen, halogen = holds((8,)), holds(_HALOGENS)
    chalcogen, pnictogen = holds(_CHALCOGENS), holds(_PNICTOGENS)
    compound = (counts > 0).sum(axis=1) > 1
    return {
        "elements": ~compound,
        "oxides": compound & oxygen,
        "halides without oxygen": compound & halogen & ~oxygen,
        "S, Se, Te without oxygen or halogen": compound & chalcogen & ~oxygen & ~halogen,
        "N, P, As, Sb without O, S or halogen": compound
        & pnictogen
        & ~(oxygen | halogen | chalcogen),
        "metals only": compound & ~holds(_NO_METALS),
        "with hydrogen": compound & holds((1,)),
        "with rare earths": holds(_RARE_EARTHS),
        "with Cr, Mn, Fe, Co or Ni": holds(_MAGNETIC_3D),
        "with actinides": holds(_ACTINIDES),
    }


def gap_ranges(gap: FloatArray) -> dict[str, BoolArray]:
    """Metals, then ranges of the labelled gap in eV."""
    found: dict[str, BoolArray] = {"0 (metals)": gap <= 0.0}
    for low, high in zip(_GAP_EDGES, (*_GAP_EDGES[1:], np.inf), strict=True):
        name = f"above {low:g}" if np.isinf(high) else f"{low:g} – {high:g}"
        found[name] = (gap > low) & (gap <= high)
    return found


def sizes(n_sites: NDArray[np.int64]) -> dict[str, BoolArray]:
    """Ranges of the number of atoms in the cell."""
    found: dict[str, BoolArray] = {}
    for low, high in zip(_SIZE_EDGES, (*_SIZE_EDGES[1:], np.inf), strict=True):
        name = f"{low} or more" if np.isinf(high) else f"{low} – {high - 1:g}"
        found[name] = (n_sites >= low) & (n_sites < high)
    return found
