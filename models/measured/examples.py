"""Measured gaps beside what is computed for the same formula."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from materials.errors import InputError
from materials.provenance import file_sha256
from materials.spreadsheets import read_text_frame
from materials.table import CrystalTable
from models.measured.composition import CompositionNet
from models.measured.formulas import formula_counts, reduced
from models.measured.gap import Form, Source, network_features

if TYPE_CHECKING:
    import pandas as pd

    from models.inference import Predictor

FloatArray = NDArray[np.float64]

COLUMNS = ("formula", "band_gap_measured", "fold")

TARGETS = (
    "band_gap",
    "band_gap_hse",
    "is_metal",
    "formation_energy_per_atom",
    "energy_above_hull",
)
"""Targets of a network that are told to the correction, where it has them."""

_HULL = "energy_above_hull"


@dataclass(frozen=True)
class Measured:
    """Measured gaps by formula, each formula once."""

    formulas: tuple[str, ...]  # as written
    keys: tuple[str, ...]  # reduced, as tables of crystals have them
    counts: NDArray[np.int64]  # (n, 119)
    gap: FloatArray  # (n,), eV
    fold: NDArray[np.int64]  # (n,), which part of the cross-validation
    source: Source


@dataclass(frozen=True)
class Computed:
    """What a network says about the lowest crystal of each formula."""

    network: str
    targets: tuple[str, ...]
    features: FloatArray  # (n, 2 n_targets), NaN where there is no crystal
    table: tuple[str, ...]  # (n,), file the crystal is from, empty where there is none
    sources: tuple[Source, ...]

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which formulas have a crystal, ``(n,)``."""
        return np.array([name != "" for name in self.table])


class _Crystal(NamedTuple):
    row: int  # of the formula
    arrays: tuple[Any, Any, Any]
    hull: float  # eV/atom, NaN where not labelled
    table: str


def read_measured(path: Path) -> Measured:
    """Read a CSV with the columns :data:`COLUMNS`, gaps in eV.

    Raises :class:`InputError` for a missing column, an unreadable formula or gap, and for a
    formula that stands twice: in two folds, it would be tested by what it was taught with.
    """
    import pandas as pd

    try:
        frame, _ = read_text_frame(path)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    for name in COLUMNS:
        if name not in frame:
            raise InputError(f"{path}: no column '{name}'; expected {', '.join(COLUMNS)}")
    gap, fold = (
        pd.to_numeric(frame[name], errors="coerce").to_numpy(dtype=np.float64)
        for name in ("band_gap_measured", "fold")
    )
    if not np.isfinite(fold).all():
        raise InputError(f"{path}: every fold must be a whole number")
    if not (gap >= 0.0).all():
        raise InputError(f"{path}: every band_gap_measured must be a number ≥ 0, in eV")
    formulas = tuple(frame["formula"].astype(str))
    counts = formula_counts(formulas)
    keys = tuple(map(reduced, formulas))
    if len(set(keys)) < len(keys):
        twice = next(key for key in keys if keys.count(key) > 1)
        raise InputError(f"{path}: {twice} stands there twice; keep one row for a formula")
    source = Source(path.name, file_sha256(path), len(frame))
    return Measured(formulas, keys, counts, gap, fold.astype(np.int64), source)


def compute(measured: Measured, tables: Sequence[Path], predictor: Predictor) -> Computed:
    """Find the lowest crystal of each formula in ``tables`` and ask the network about it.

    Lowest is by the ``energy_above_hull`` of the tables; where none of a formula's crystals
    has one, by the network's own.
    """
    crystals, sources = _crystals(measured, tables)
    predictions = predictor.predict_arrays([crystal.arrays for crystal in crystals])
    targets = tuple(name for name in TARGETS if name in predictor.targets)
    found = network_features(predictions, targets)
    guess = predictions.column(_HULL)[0]
    best: dict[int, tuple[bool, float, int]] = {}
    for i, crystal in enumerate(crystals):
        if predictions.errors[i] is not None:
            continue
        unlabelled = bool(np.isnan(crystal.hull))
        rank = (unlabelled, float(guess[i] if unlabelled else crystal.hull), i)
        best[crystal.row] = min(best.get(crystal.row, rank), rank)
    features = np.full((len(measured.gap), found.shape[1]), np.nan)
    table = [""] * len(measured.gap)
    for row, (_, _, i) in best.items():
        features[row], table[row] = found[i], crystals[i].table
    return Computed(predictor.version, targets, features, tuple(table), sources)


def lowest_by_formula(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """The row of lowest ``energy_above_hull`` for each formula of a table of crystals."""
    table = CrystalTable.open(path)
    there = [name for name in columns if name in table.columns]
    frame = table.to_pandas(["formula", _HULL, *there]).reindex(
        columns=["formula", _HULL, *columns]
    )
    return frame.sort_values(_HULL, kind="stable").drop_duplicates("formula")


def teaching(
    path: Path, measured: Measured
) -> tuple[NDArray[np.int64], NDArray[np.float32], Source]:
    """Counts ``(n, 119)`` and labels ``(n, 2)`` for the composition network.

    One row for each formula of the table that is *not* among the measured ones: what it says
    of those is then as good as for a formula nobody has computed.
    """
    names = ("band_gap", "formation_energy_per_atom")
    frame = lowest_by_formula(path, names)
    frame = frame[~frame["formula"].isin(set(measured.keys))]
    labels = frame[list(names)].to_numpy(dtype=np.float32)
    source = Source(path.name, file_sha256(path), len(frame))
    return formula_counts(frame["formula"].tolist()), labels, source


def features(
    measured: Measured, computed: Computed, net: CompositionNet, form: Form
) -> NDArray[np.float32]:
    """What trees of one form are told, ``(n, d)``."""
    composition = net.features(measured.counts)
    if form == "composition":
        return composition
    return np.concatenate([composition, computed.features.astype(np.float32)], axis=1)


def _crystals(
    measured: Measured, tables: Sequence[Path]
) -> tuple[list[_Crystal], tuple[Source, ...]]:
    """All crystals of the measured formulas; unlabelled ones only where none is labelled."""
    rows = {key: row for row, key in enumerate(measured.keys)}
    crystals: list[_Crystal] = []
    sources = []
    for path in tables:
        table = CrystalTable.open(path)
        labelled = _HULL in table.columns
        wanted = ["formula", "lattice", "atomic_numbers", "frac_coords"]
        before = len(crystals)
        for batch in table.batches([*wanted, _HULL] if labelled else wanted):
            crystals += _matching(batch, rows, path.name)
        sources.append(Source(path.name, table.sha256, len(crystals) - before))
    lowest: dict[int, float] = {}
    for crystal in crystals:
        if not np.isnan(crystal.hull):
            lowest[crystal.row] = min(crystal.hull, lowest.get(crystal.row, np.inf))
    kept = [c for c in crystals if c.row not in lowest or c.hull == lowest[c.row]]
    return kept, tuple(sources)


def _matching(batch: Any, rows: dict[str, int], table: str) -> list[_Crystal]:
    import pyarrow as pa
    import pyarrow.compute as pc

    chosen = batch.filter(pc.is_in(batch["formula"], value_set=pa.array(list(rows))))
    found = []
    for row in chosen.to_pylist():
        arrays = (
            np.array(row["atomic_numbers"], dtype=np.int64),
            np.array(row["frac_coords"], dtype=np.float64).reshape(-1, 3),
            np.array(row["lattice"], dtype=np.float64).reshape(3, 3),
        )
        hull = row.get(_HULL)
        height = float("nan") if hull is None else float(hull)
        found.append(_Crystal(rows[row["formula"]], arrays, height, table))
    return found
