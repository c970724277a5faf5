"""Small tables whose labels follow from the crystals, for tests of learning from them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from pymatgen.core import Structure

from materials.table import CrystalTable
from models.small.examples import Examples, examples
from models.small.reading import read_table
from tests.campaigns.crystal_files import rocksalts

HARDNESS, IS_HEAVY = "hardness", "is_heavy"


def hardness(crystal: Structure) -> float:
    """Differs between the crystals, and follows from their elements."""
    first, second = (site.specie for site in (crystal[0], crystal[-1]))
    return float(10.0 * abs(second.X - first.X) + 0.1 * first.Z)


@cache
def labelled_crystals(n: int) -> tuple[tuple[Structure, float, int], ...]:
    """Crystal, number, and 0 or 1."""
    crystals = rocksalts(n)
    return tuple((c, hardness(c), int(c[0].specie.Z > 11)) for c in crystals)


def crystal_table(path: Path, n: int = 60) -> Path:
    """Write a crystal table with a column of numbers and one of 0 and 1."""
    rows = labelled_crystals(n)
    labels = {HARDNESS: [row[1] for row in rows], IS_HEAVY: [float(row[2]) for row in rows]}
    CrystalTable.from_structures([row[0] for row in rows], properties=labels).write(path)
    return path


def small_examples(folder: Path, *targets: str, n: int = 60) -> Examples:
    """The same, read."""
    table = crystal_table(folder / "table.parquet", n)
    return examples(read_table(table, targets, folder), targets)


def random_rows(n: int, width: int, seed: int = 0) -> np.ndarray:
    """``(n, width)`` standard normal numbers, single precision."""
    return np.random.default_rng(seed).normal(size=(n, width)).astype(np.float32)
