"""The columns that screening adds to what it is given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

    from models.predictions import Predictions

_ENDS = ("", "_std", "_lower", "_upper")
IN_DOMAIN = "in_domain"
ERROR = "error"
GIVEN = "given_"
"""Before the name of a kept column that is predicted too."""


def prediction_columns(targets: Sequence[str]) -> list[str]:
    """``band_gap``, ``band_gap_std``, ``_lower``, ``_upper``, … in the predictor's order."""
    return [name + end for name in targets for end in _ENDS]


def prediction_values(found: Predictions) -> dict[str, NDArray[np.float32]]:
    """Each of those columns, ``(n,)``; NaN where there is an error."""
    parts = (found.mean, found.std, found.lower, found.upper)
    return {
        target + end: part[:, column].astype(np.float32)
        for column, target in enumerate(found.targets)
        for end, part in zip(_ENDS, parts, strict=True)
    }


def with_predictions(
    given: pa.RecordBatch,
    values: dict[str, NDArray[np.float32]],
    in_domain: NDArray[np.bool_],
    errors: Sequence[str | None],
) -> pa.RecordBatch:
    """The columns given, then the predictions, null where there is an error.

    A column given that has the name of one of ours is called ``given_band_gap``.
    """
    import pyarrow as pa

    bad = np.array([error is not None for error in errors], dtype=bool)
    taken = (*values, IN_DOMAIN, ERROR)
    names = [GIVEN + name if name in taken else name for name in given.schema.names]
    arrays = [_storable(given.column(name)) for name in given.schema.names]
    arrays += [pa.array(column, pa.float32(), mask=bad) for column in values.values()]
    arrays.append(pa.array(in_domain, pa.bool_(), mask=bad))
    arrays.append(pa.array(errors, pa.string()))
    return pa.RecordBatch.from_arrays(arrays, names=[*names, *taken])


def _storable(column: pa.Array) -> pa.Array:
    """Lists of a fixed size as plain ones: Parquet's readers cannot take back a blank one."""
    import pyarrow as pa

    if not pa.types.is_fixed_size_list(column.type):
        return column
    return column.cast(pa.list_(column.type.value_type))
