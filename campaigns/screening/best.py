"""The best rows by one column, of a shard or of all shards together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from campaigns.screening.columns import ERROR
from campaigns.screening.spec import Order
from materials.errors import InputError, did_you_mean, listed


def best_places(
    values: NDArray[np.floating], k: int, order: Order = Order.LOWEST
) -> NDArray[np.intp]:
    """Places of the ``k`` best values, best first, equals in their order; never a NaN."""
    known = np.flatnonzero(~np.isnan(values))
    keys = values[known] if order is Order.LOWEST else -values[known]
    if len(known) > 2 * k:  # those no worse than the k-th alone are sorted
        near = keys <= np.partition(keys, k - 1)[k - 1]
        known, keys = known[near], keys[near]
    return known[np.argsort(keys, kind="stable")][:k]


def best_of_parts(parts: Sequence[Path], *, by: str, k: int, order: Order) -> pa.Table:
    """The ``k`` best rows of several files, best first, then every row with an error.

    One file at a time is in memory, and the best so far.
    """
    best: pa.Table | None = None
    failed: list[pa.Table] = []
    for part in parts:
        rows = pq.read_table(part)
        errors = rows[ERROR].is_valid().to_numpy()
        failed.append(rows.filter(pa.array(errors)))
        good = rows.filter(pa.array(~errors))
        best = good if best is None else pa.concat_tables([best, good])
        values = best[by].to_numpy().astype(np.float64)
        best = best.take(pa.array(best_places(values, k, order))).combine_chunks()
    if best is None:
        raise InputError("there are no parts to choose from")
    return pa.concat_tables([best, *failed])


def best_rows(
    paths: Path | Sequence[Path], *, by: str, k: int, order: Order = Order.LOWEST
) -> pd.DataFrame:
    """The ``k`` best rows of what was screened, best first.

    Raises:
        InputError: there is no such column.
    """
    files = [paths] if isinstance(paths, Path) else list(paths)
    names = pq.read_schema(files[0]).names
    if by not in names:
        raise InputError(
            f"{files[0]}: no column '{by}' to sort by; it has {listed(names)}."
            f"{did_you_mean(by, names)}"
        )
    rows = best_of_parts(files, by=by, k=k, order=order)
    return rows.filter(rows[ERROR].is_null()).to_pandas()
