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
    """The columns given, then the predictions, null where there is an error."""
    import pyarrow as pa

    bad = np.array([error is not None for error in errors], dtype=bool)
    taken = (*values, IN_DOMAIN, ERROR)
    names = [name for name in given.schema.names if name not in taken]
    arrays = [given.column(name) for name in names]
    arrays += [pa.array(column, pa.float32(), mask=bad) for column in values.values()]
    arrays.append(pa.array(in_domain, pa.bool_(), mask=bad))
    arrays.append(pa.array(errors, pa.string()))
    return pa.RecordBatch.from_arrays(arrays, names=[*names, *taken])
