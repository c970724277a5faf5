"""The pool itself: candidates in a fixed order, with features where there are any."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from campaigns.acquisition.arrays import FloatArray
from materials.errors import InputError

Featurizer = Callable[[Any], ArrayLike]


@dataclass(frozen=True)
class Candidates:
    """Rows in an order that never changes; more may follow at the end."""

    items: Any  # an array, a data frame, or a list
    features: FloatArray | None = None  # (n, d)
    cost: FloatArray | None = None  # (n,), any unit, above zero

    @classmethod
    def of(
        cls, pool: Any, features: ArrayLike | Featurizer | None, cost: ArrayLike | None
    ) -> Candidates:
        """Take an array ``(n, d)``, a data frame, or any objects with ``features``.

        Raises:
            InputError: it is empty, or features or cost do not fit or are not numbers.
        """
        items = (
            pool if hasattr(pool, "iloc") or isinstance(pool, np.ndarray) else list(pool)
        )
        if hasattr(items, "to_frame") and not hasattr(items, "columns"):
            raise InputError("the pool is a single column; give its data frame: to_frame()")
        if len(items) == 0:
            raise InputError("the pool is empty; give at least one candidate")
        given = features(items) if callable(features) else features
        if given is None:
            given = _own_features(items)
        table = None if given is None else _table(given, len(items))
        return cls(items, table, None if cost is None else _prices(cost, len(items)))

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, row: int) -> Any:
        """One candidate: a row of the array or frame, or the object."""
        return self.items.iloc[row] if hasattr(self.items, "iloc") else self.items[row]

    def part(self, start: int) -> Any:
        """All from row ``start`` on, in the pool's own kind, for a predictor."""
        return (
            self.items.iloc[start:] if hasattr(self.items, "iloc") else self.items[start:]
        )

    @cached_property
    def standardised(self) -> FloatArray | None:
        """``(n, d)`` features with mean 0 and deviation 1; those that do not vary are 0."""
        if self.features is None:
            return None
        shift, spread = self.features.mean(axis=0), self.features.std(axis=0)
        varies = spread > 1e-12 * np.maximum(np.abs(shift), 1.0)
        scale = np.where(varies, 1.0 / np.where(varies, spread, 1.0), 0.0)
        return np.asarray((self.features - shift) * scale, dtype=np.float64)

    def followed_by(self, more: Candidates) -> Candidates:
        """Both, in this order.

        Raises:
            InputError: they are of different kinds.
        """
        return Candidates(
            _joined(self.items, more.items),
            _stacked(self.features, more.features, "features"),
            _stacked(self.cost, more.cost, "cost"),
        )


def _table(given: ArrayLike, n: int) -> FloatArray:
    table = np.asarray(given, dtype=np.float64)
    if table.ndim == 1:
        table = table[:, None]
    if table.ndim != 2 or len(table) != n:
        raise InputError(
            f"features must be ({n}, d), one row per candidate, got {table.shape}"
        )
    if table.shape[1] == 0:
        raise InputError(
            "there are features, but none of them has a column; give one or more"
        )
    bad = np.flatnonzero(~np.isfinite(table).all(axis=1))
    if len(bad):
        raise InputError(
            f"features of {len(bad)} candidate(s) are not finite numbers, the first at "
            f"row {bad[0]}; fill them in or leave these candidates out"
        )
    return table


def _prices(cost: ArrayLike, n: int) -> FloatArray:
    price = np.asarray(cost, dtype=np.float64)
    if price.shape != (n,) or not ((price > 0) & np.isfinite(price)).all():
        raise InputError(f"cost must be ({n},), one finite number above zero per candidate")
    return price


def _stacked(
    first: FloatArray | None, second: FloatArray | None, what: str
) -> FloatArray | None:
    if (first is None) != (second is None):
        which = "has" if second is None else "lacks"
        raise InputError(f"the pool {which} {what}; what is added must be alike")
    if first is None or second is None:
        return None
    if first.shape[1:] != second.shape[1:]:
        raise InputError(
            f"{what} of the pool have {first.shape[1:]} columns, those added "
            f"{second.shape[1:]}"
        )
    return np.concatenate([first, second])


def _own_features(items: Any) -> ArrayLike | None:
    """The numeric columns of a frame, or the array; None for other objects."""
    if hasattr(items, "iloc"):
        numeric = items.select_dtypes("number")
        if numeric.shape[1] == 0:
            return None
        return np.asarray(numeric, dtype=np.float64)
    if isinstance(items, np.ndarray) and np.issubdtype(items.dtype, np.number):
        return items
    return None


def _joined(first: Any, second: Any) -> Any:
    if hasattr(first, "iloc"):
        import pandas as pd

        if list(first.columns) != list(second.columns):
            raise InputError(
                f"what is added must have the pool's columns {list(first.columns)}, got "
                f"{list(second.columns)}"
            )
        return pd.concat([first, second])
    if isinstance(first, np.ndarray):
        return np.concatenate([first, second])
    return [*first, *second]


def as_kind(pool: Candidates, more: Any) -> Any:
    """What is added, in the pool's own kind.

    Raises:
        InputError: it is of another kind or shape.
    """
    if isinstance(pool.items, np.ndarray):
        rows = np.asarray(more)
        fits = rows.ndim > 0 and rows.shape[1:] == pool.items.shape[1:]
        if not fits and rows.size > 0:
            raise InputError(
                f"what is added must be ({', '.join(map(str, ('n', *pool.items.shape[1:])))}), "
                f"a row for each candidate as in the pool, got {rows.shape}"
            )
        return rows
    if not hasattr(pool.items, "iloc") and hasattr(more, "iloc"):
        raise InputError("the pool is a list; add a list of candidates, not a data frame")
    if hasattr(pool.items, "iloc") and not hasattr(more, "iloc"):
        raise InputError("the pool is a data frame; add a data frame with the same columns")
    return more if hasattr(more, "iloc") else list(more)
