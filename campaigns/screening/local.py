"""Predict files and tables on this machine, in memory that does not grow with them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from campaigns.screening.outputs import whole_file
from materials.errors import InputError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from pymatgen.core import Structure

    from materials.table import CrystalRow, CrystalTable
    from models.inference import Predictions

T = TypeVar("T")
Tell = Callable[[int], None]
"""Called with the number of crystals just done."""


class CrystalPredictor(Protocol):
    """What screening asks of a predictor; :class:`models.inference.Predictor` is one."""

    @property
    def version(self) -> str: ...
    @property
    def targets(self) -> tuple[str, ...]: ...
    def predict(self, structures: Sequence[Structure]) -> Predictions: ...
    def predict_arrays(self, crystals: Sequence[Any]) -> Predictions: ...


@dataclass(frozen=True)
class ScreenResult:
    """What :func:`screen` wrote."""

    path: Path
    n_rows: int
    n_failed: int


def predict_files(
    paths: Sequence[Path],
    predictor: CrystalPredictor,
    *,
    size: int = 256,
    tell: Tell = lambda _: None,
) -> pd.DataFrame:
    """Predict every crystal in files, folders and zips; one row each, in reading order.

    Columns: ``name``, ``formula``, ``n_sites``, each target and its ``_std``, ``_lower`` and
    ``_upper`` (NaN where there is none), ``in_domain``, ``error`` (None where all is well).
    """
    import pandas as pd

    from materials.files import read_crystals

    new = prediction_columns(predictor)
    columns = ["name", "formula", "n_sites", *new, IN_DOMAIN, "error"]
    rows: list[dict[str, Any]] = []
    for crystals in _chunks(read_crystals(paths), size):
        readable = [c.structure for c in crystals if c.structure is not None]
        predictions = predictor.predict(readable)
        place = iter(range(len(readable)))
        for crystal in crystals:
            row: dict[str, Any] = {"name": crystal.name, "error": crystal.error}
            if crystal.structure is not None:
                row["formula"] = crystal.structure.composition.reduced_formula
                row["n_sites"] = len(crystal.structure)
                row |= _prediction(predictions, next(place))
            rows.append(row)
        tell(len(crystals))
    return pd.DataFrame(rows, columns=columns).astype({"n_sites": "Int64"})


def screen(
    table: CrystalTable,
    path: Path,
    predictor: CrystalPredictor,
    *,
    keep: Sequence[str] = (),
    size: int = 1024,
    tell: Tell = lambda _: None,
) -> ScreenResult:
    """Predict every row of ``table`` into a Parquet file at ``path``, ``size`` at a time.

    The file has ``material_id``, ``formula``, the columns named in ``keep``, each target
    with its ``_std``, ``_lower`` and ``_upper`` (float32, null where there is none),
    ``in_domain`` and ``error`` (null where all is well), in the order of the table. Its
    schema metadata holds, under ``galena``, what made it.

    Raises:
        InputError: ``keep`` names a column the table lacks, or the disk is full.
    """
    import pyarrow.parquet as pq

    kept = _kept_columns(table, keep)
    n_rows = n_failed = 0
    rows = table.rows(size=size)
    with whole_file(path) as part:
        writer = None
        try:
            for given in table.batches(kept, size=size):
                crystals = list(islice(rows, given.num_rows))
                done, errors = _predict_rows(crystals, predictor)
                batch = _extended(given, done, errors, predictor)
                if writer is None:
                    schema = batch.schema.with_metadata(_made_by(table, predictor))
                    writer = pq.ParquetWriter(part, schema, compression="zstd")
                writer.write_batch(batch)
                n_rows += len(crystals)
                n_failed += sum(error is not None for error in errors)
                tell(len(crystals))
        finally:
            if writer is not None:
                writer.close()
        if writer is None:
            raise InputError("the table has no rows: there is nothing to screen")
    return ScreenResult(path, n_rows, n_failed)


def best_rows(path: Path, *, by: str, k: int) -> pd.DataFrame:
    """The ``k`` rows of a screened table with the lowest value in ``by``, lowest first.

    Raises:
        InputError: the table has no such column.
    """
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    names = pq.read_schema(path).names
    if by not in names:
        raise InputError(
            f"{path}: no column '{by}' to sort by; it has {', '.join(names)}."
            f"{did_you_mean(by, names)}"
        )
    column = pq.read_table(path, columns=[by])
    known = pc.indices_nonzero(pc.is_valid(column[by]))
    lowest = pc.select_k_unstable(
        column.take(known), k=min(k, len(known)), sort_keys=[(by, "ascending")]
    )
    return pq.read_table(path).take(known.take(lowest)).to_pandas()


_ENDS = ("", "_std", "_lower", "_upper")
IN_DOMAIN = "in_domain"


def prediction_columns(predictor: CrystalPredictor) -> list[str]:
    """``band_gap``, ``band_gap_std``, ``_lower``, ``_upper``, … in the predictor's order."""
    return [name + end for name in predictor.targets for end in _ENDS]


def _chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk


def _prediction(predictions: Predictions, i: int) -> dict[str, Any]:
    error = predictions.errors[i]
    if error is not None:
        return {"error": error}
    values: dict[str, Any] = {}
    parts = (predictions.mean, predictions.std, predictions.lower, predictions.upper)
    for column, target in enumerate(predictions.targets):
        for end, part in zip(_ENDS, parts, strict=True):
            values[target + end] = float(part[i, column])
    values[IN_DOMAIN] = bool(predictions.in_domain[i])
    return values


def _kept_columns(table: CrystalTable, keep: Sequence[str]) -> list[str]:
    for name in keep:
        if name not in table.columns:
            raise InputError(
                f"no column '{name}' to keep; the table has {', '.join(table.columns)}."
                f"{did_you_mean(name, table.columns)}"
            )
    return list(dict.fromkeys(["material_id", "formula", *keep]))


def _predict_rows(
    crystals: Sequence[CrystalRow], predictor: CrystalPredictor
) -> tuple[list[dict[str, Any]], list[str | None]]:
    """Predictions and errors, one each per row; a row's own error comes first."""
    good = [crystal for crystal in crystals if crystal.error is None]
    predictions = predictor.predict_arrays(
        [(c.atomic_numbers, c.frac_coords, c.lattice) for c in good]
    )
    place = iter(range(len(good)))
    done = [
        {"error": c.error} if c.error is not None else _prediction(predictions, next(place))
        for c in crystals
    ]
    return done, [values.get("error") for values in done]


def _extended(
    given: pa.RecordBatch,
    done: Sequence[dict[str, Any]],
    errors: Sequence[str | None],
    predictor: CrystalPredictor,
) -> pa.RecordBatch:
    """The kept columns, then the predictions, then the error."""
    import pyarrow as pa

    new = prediction_columns(predictor)
    taken = (*new, IN_DOMAIN, "error")
    names = [name for name in given.schema.names if name not in taken]
    arrays = [given.column(name) for name in names]
    arrays += [pa.array([d.get(name) for d in done], pa.float32()) for name in new]
    arrays.append(pa.array([d.get(IN_DOMAIN) for d in done], pa.bool_()))
    arrays.append(pa.array(errors, pa.string()))
    return pa.RecordBatch.from_arrays(arrays, names=[*names, *taken])


def _made_by(table: CrystalTable, predictor: CrystalPredictor) -> dict[str, str]:
    made_by = {"model": predictor.version, "table_sha256": table.sha256}
    return {"galena": json.dumps(made_by)}
