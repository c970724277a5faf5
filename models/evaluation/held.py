"""Tables of labelled crystals, read once for every method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from materials.errors import InputError
from models.evaluation.magpie import element_counts
from models.training.targets import TARGETS, labels

FloatArray = NDArray[np.float64]

MEASURED = tuple(TARGETS)
"""Every built-in target; ``is_metal`` is judged by ranking, the others by their errors."""

SAME_DATA_RELEASE = "2018"
"""Release of the Materials Project whose training split published models share."""

_SEED = 0


@dataclass(frozen=True)
class Rows:
    """The usable rows of a table."""

    file: str
    sha256: str
    crystals: tuple[tuple[Any, Any, Any], ...]  # numbers, fractional coordinates, lattice
    counts: NDArray[np.int64]  # (n, 119), atoms of each element
    labels: dict[str, FloatArray]  # target -> (n,), NaN where unknown
    release: NDArray[
        np.str_
    ]  # (n,), of the labels; empty where the table has no such column

    def __len__(self) -> int:
        return len(self.crystals)

    def labelled(self, *, fewest: int) -> tuple[str, ...]:
        """Targets that at least ``fewest`` rows know."""
        return tuple(
            name
            for name, column in self.labels.items()
            if np.isfinite(column).sum() >= fewest
        )


def read_rows(
    path: Path, *, names: Sequence[str] = MEASURED, limit: int | None = None
) -> Rows:
    """Read what can be predicted; rows with broken crystals are left out.

    ``limit`` keeps as many rows, drawn at random, always the same. Raises
    :class:`InputError` if no row is usable.
    """
    from materials.table import CrystalTable

    table = CrystalTable.open(path)
    crystals: list[tuple[Any, Any, Any]] = []
    kept: list[int] = []
    drawn = _drawn(len(table), limit)
    for number, row in enumerate(table.rows()):
        if drawn[number] and row.error is None:
            crystals.append((row.atomic_numbers, row.frac_coords, row.lattice))
            kept.append(number)
    if not kept:
        raise InputError(f"{path}: no usable crystal; expected at least one")
    known = labels(table, names)[kept].astype(np.float64)
    release = np.full(len(table), "", dtype=object)
    if "release" in table.columns:
        release = table.to_pandas(["release"])["release"].fillna("").to_numpy()
    return Rows(
        path.name,
        table.sha256,
        tuple(crystals),
        element_counts([crystal[0] for crystal in crystals]),
        {name: known[:, number] for number, name in enumerate(names)},
        release[kept].astype(str),
    )


def _drawn(n: int, limit: int | None) -> NDArray[np.bool_]:
    """Which of ``n`` rows are read, ``(n,)``."""
    drawn = np.ones(n, dtype=bool)
    if limit is not None and limit < n:
        drawn[np.random.default_rng(_SEED).permutation(n)[limit:]] = False
    return drawn
