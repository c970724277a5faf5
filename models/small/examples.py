"""A small table in memory: crystals or compositions, labels, and what kind of label each is."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from materials.errors import InputError
from models.evaluation.magpie import element_counts
from models.graphs.build import CrystalArrays, checked
from models.nets import NetConfig
from models.nets.parts import CommonConfig
from models.small.reading import Compositions, Crystals, Skipped
from models.training.data import DataSource
from models.training.objective import Scaling
from models.training.targets import labels as labels_of

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Kind = Literal["number", "non-negative", "binary"]
"""Non-negative: no label below zero and many at it, as gaps of metals."""

FEWEST_ROWS = 30
"""Below this, neither five folds nor a deviation mean anything."""

_ZEROS = 0.05  # share of labels at zero from which on zero is a limit, not a coincidence
_NORMAL_IQR = 1.349  # interquartile range of a normal distribution, in deviations


@dataclass(frozen=True)
class Examples:
    """Rows to learn from; a label that is not known is NaN."""

    counts: IntArray  # (n, 119), atoms of each element
    crystals: tuple[CrystalArrays, ...] | None  # None: compositions alone
    labels: FloatArray  # (n, n_targets)
    kinds: dict[str, Kind]  # of each target, in order
    source: DataSource
    skipped: tuple[Skipped, ...]

    def __len__(self) -> int:
        return len(self.counts)

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the label columns."""
        return tuple(self.kinds)

    @property
    def groups(self) -> IntArray:
        """Number of each row's reduced formula, ``(n,)``."""
        return formula_groups(self.counts)

    @property
    def elements(self) -> tuple[int, ...]:
        """Atomic numbers that occur."""
        return tuple(int(z) for z in np.flatnonzero(self.counts.any(axis=0)))


def examples(table: Crystals | Compositions, targets: Sequence[str]) -> Examples:
    """Take every row that has a label; raises :class:`InputError` if there are too few."""
    if isinstance(table, Compositions):
        labels = np.stack([table.columns[name] for name in targets], axis=1)
        return _checked(table.counts, None, labels, table.names, targets, table)
    from materials.table import CrystalTable

    crystals = CrystalTable.open(table.path)
    found = labels_of(crystals, targets).astype(np.float64)
    usable: list[CrystalArrays] = []
    kept: list[int] = []
    names: list[str] = []
    skipped = list(table.skipped)
    for number, row in enumerate(crystals.rows()):
        try:
            if row.error is not None:
                raise InputError(row.error)
            usable.append(
                checked(CrystalArrays(row.atomic_numbers, row.frac_coords, row.lattice))
            )
        except InputError as error:
            skipped.append(Skipped(row.material_id, str(error)))
            continue
        kept.append(number)
        names.append(row.material_id)
    counts = element_counts([crystal.atomic_numbers for crystal in usable])
    table = dataclasses.replace(table, skipped=tuple(skipped))
    return _checked(counts, usable, found[kept], tuple(names), targets, table)


def formula_groups(counts: IntArray) -> IntArray:
    """Number of each row's reduced formula, ``(n,)``; equal formulas have equal numbers."""
    divisor = np.maximum(np.gcd.reduce(counts, axis=1, keepdims=True), 1)
    _, numbers = np.unique(counts // divisor, axis=0, return_inverse=True)
    return np.asarray(numbers.ravel(), dtype=np.int64)


def kind_of(name: str, labels: FloatArray) -> Kind:
    """Tell a column of 0 and 1 from one of numbers, and those from one that ends at zero.

    Raises :class:`InputError` for a column in which all labels are alike.
    """
    known = labels[np.isfinite(labels)]
    values = np.unique(known)
    if len(values) < 2:
        told = f"all are {values[0]:g}" if len(values) else "none is known"
        raise InputError(f"column '{name}': nothing to learn from its labels, {told}")
    if set(values) == {0.0, 1.0}:
        return "binary"
    at_zero = float((known == 0.0).mean())
    if known.min() >= 0.0 and (at_zero >= _ZEROS or name in CommonConfig().non_negative):
        return "non-negative"
    return "number"


def scaling(labels: FloatArray, kinds: Mapping[str, Kind]) -> Scaling:
    """Unit and offset of each target from the middle half of its labels ``(n, n_targets)``.

    The unit is a robust deviation, the interquartile range over 1.349; where half of the
    labels are alike, the ordinary one. A target that ends at zero keeps its zero.
    """
    unit, offset = {}, {}
    for column, (name, kind) in enumerate(kinds.items()):
        known = labels[np.isfinite(labels[:, column]), column]
        low, middle, high = np.quantile(known, [0.25, 0.5, 0.75])
        spread = float(high - low) / _NORMAL_IQR if high > low else float(known.std())
        unit[name] = 1.0 if kind == "binary" else spread
        offset[name] = float(middle) if kind == "number" else 0.0
    return Scaling(unit=unit, offset=offset, weight={})


def network_for(base: NetConfig, kinds: Mapping[str, Kind]) -> NetConfig:
    """The config of a network like ``base`` that predicts other things."""
    return dataclasses.replace(
        base,
        targets=tuple(kinds),
        non_negative=tuple(name for name, kind in kinds.items() if kind == "non-negative"),
        binary=tuple(name for name, kind in kinds.items() if kind == "binary"),
        corrections=(),
    )


def _checked(
    counts: IntArray,
    crystals: list[CrystalArrays] | None,
    labels: FloatArray,
    names: tuple[str, ...],
    targets: Sequence[str],
    table: Crystals | Compositions,
) -> Examples:
    """Leave out what has no label, and tell what kind the labels are."""
    known = np.isfinite(labels).any(axis=1)
    blank = [Skipped(names[row], "no label") for row in np.flatnonzero(~known)]
    rows = np.flatnonzero(known)
    if len(rows) < FEWEST_ROWS:
        raise InputError(
            f"{table.file}: {len(rows)} rows with a label; expected at least {FEWEST_ROWS} "
            "to learn from and to be measured on"
        )
    labels = np.where(np.isfinite(labels), labels, np.nan)[rows]
    skipped = (*table.skipped, *blank)
    return Examples(
        counts[rows],
        None if crystals is None else tuple(crystals[row] for row in rows),
        labels,
        {name: kind_of(name, labels[:, column]) for column, name in enumerate(targets)},
        DataSource(table.file, table.sha256, rows=len(rows), skipped=len(skipped)),
        skipped,
    )
