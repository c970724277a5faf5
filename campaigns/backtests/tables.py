"""Rows of crystal tables: the chosen ones, in columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from campaigns.backtests.spec import Rows
from materials.errors import InputError, did_you_mean, listed
from materials.table import CrystalTable

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class ChosenRows:
    """A table, and the condition that its rows meet."""

    path: Path
    table: CrystalTable
    where: Mapping[str, str]

    @classmethod
    def open(cls, rows: Rows, data: Path) -> ChosenRows:
        """Open a table; relative paths start from ``data``.

        Raises :class:`InputError` if it is not there or lacks a column of the condition.
        """
        path = data / rows.table  # an absolute path stays what it is
        found = cls(path, CrystalTable.open(path), rows.where)
        for name in rows.where:
            found.check_column(name)
        return found

    def check_column(self, name: str) -> None:
        """Raise :class:`InputError` if the table has no such column."""
        if name not in self.table.columns:
            raise InputError(
                f"{self.path}: no column '{name}'; it has {listed(self.table.columns)}."
                f"{did_you_mean(name, self.table.columns)}"
            )

    def check_numbers(self, names: Sequence[str]) -> None:
        """Raise :class:`InputError` for names that are no columns of measured numbers."""
        from pyarrow import types

        numeric = [
            name
            for name in self.table.properties
            if types.is_integer(kind := self.table.schema.field(name).type)
            or types.is_floating(kind)
        ]
        bad = [name for name in names if name not in numeric]
        if bad:
            near = "".join(did_you_mean(name, numeric) for name in bad[:1])
            raise InputError(
                f"{self.path}: {', '.join(bad)} cannot be sought, being no column of measured "
                f"numbers; targets can be {listed(numeric) or 'none of its columns'}.{near}"
            )

    @property
    def sha256(self) -> str:
        """Of the table's file."""
        return self.table.sha256

    def frame(self, columns: Sequence[str]) -> pd.DataFrame:
        """The chosen rows' columns."""
        for name in columns:
            self.check_column(name)
        wanted = list(dict.fromkeys([*columns, *self.where]))
        whole = self.table.to_pandas(wanted)
        kept = np.ones(len(whole), dtype=bool)
        for name, value in self.where.items():
            kept &= (whole[name].astype(str) == value).to_numpy()
        if not kept.any():
            raise InputError(f"{self.path}: no row has {_words(self.where)}")
        return whole.loc[kept, list(columns)].reset_index(drop=True)

    def batches(self, columns: Sequence[str], *, size: int) -> Iterator[pa.RecordBatch]:
        """The chosen rows, at most ``size`` at a time."""
        import pyarrow as pa

        wanted = list(dict.fromkeys([*columns, *self.where]))
        for batch in self.table.batches(wanted, size=size):
            kept = np.ones(batch.num_rows, dtype=bool)
            for name, value in self.where.items():
                kept &= np.array([str(v) == value for v in batch.column(name).to_pylist()])
            if kept.any():
                yield batch.filter(pa.array(kept))


def _words(where: Mapping[str, str]) -> str:
    return (
        " and ".join(f"{name} == {value}" for name, value in where.items()) or "a crystal"
    )
