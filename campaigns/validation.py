"""The table that a model is measured on, and what it shares with the one it learns from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from materials.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.small.reading import Compositions, Crystals


@dataclass(frozen=True)
class Validation:
    """A table to measure on, read before anything is learned."""

    table: Crystals | Compositions
    rows: int
    shared: int  # of the rows, those whose reduced formula is among the learned ones


def read_validation(
    path: Path, targets: tuple[str, ...], learned: Crystals | Compositions, folder: Path
) -> Validation:
    """Read the table and compare it with what is ``learned``.

    Raises:
        InputError: it cannot be used, or it is the very table that is learned from.
    """
    from models.small.reading import Compositions, Crystals

    table = _read(path, targets, folder)
    if table.sha256 == learned.sha256:
        raise InputError(
            f"{path}: the same file as the table to learn from; figures on rows that were "
            "learned mean nothing: give others, or leave --validation out"
        )
    if isinstance(table, Compositions) and isinstance(learned, Crystals):
        raise InputError(
            f"{path}: formulas alone, but {learned.file} has crystals; a column "
            "'structure' is needed in both"
        )
    counts = _counts(table)
    known = {row.tobytes() for row in _counts(learned)}
    return Validation(table, len(counts), sum(row.tobytes() in known for row in counts))


def _read(path: Path, targets: tuple[str, ...], folder: Path) -> Crystals | Compositions:
    from materials.table import CrystalTable
    from models.small.reading import Crystals, read_table

    if targets:
        return read_table(path, targets, folder)
    return Crystals(path, path.name, CrystalTable.open(path).sha256, ())


def _counts(table: Crystals | Compositions) -> NDArray[np.int64]:
    """Atoms of each element in lowest terms, ``(n, 119)``."""
    from materials.table import CrystalTable
    from models.small.reading import Compositions

    if isinstance(table, Compositions):
        return table.counts
    column = CrystalTable.open(table.path).to_pandas(["atomic_numbers"])["atomic_numbers"]
    atoms = [np.asarray(row, dtype=np.int64) for row in column if row is not None]
    found = [np.bincount(row[(row > 0) & (row < 119)], minlength=119) for row in atoms]
    counts = np.array(found, dtype=np.int64).reshape(-1, 119)
    return counts // np.maximum(np.gcd.reduce(counts, axis=1, keepdims=True), 1)
