"""Databases and trajectories of ase, row by row, each row on its own.

Sizes that a file claims are not believed: what is read ends where the file ends.
"""

from __future__ import annotations

import mmap
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Never

import numpy as np

from materials.bounds import LARGEST_CRYSTAL
from materials.errors import InputError
from materials.readers import Frame

if TYPE_CHECKING:
    from ase import Atoms

_LONGEST_QUERY = 10.0  # s for one row; a table can be made of endless computation
_STEPS = 100_000  # of SQLite's machine between looks at the clock
_PBC_BITS = np.array([1, 2, 4])
_IDS = "SELECT id FROM systems ORDER BY id"
_ROW = "SELECT numbers, positions, cell, pbc FROM systems WHERE id = ?"


def db_frames(path: Path) -> Iterator[Frame]:
    """An ase SQLite database, opened for reading only.

    ase itself makes a database of a file that is none, and stops at the first broken row.
    """
    try:
        with closing(
            sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        ) as base:
            base.execute("PRAGMA trusted_schema = OFF")
            base.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LARGEST_CRYSTAL)
            found = base.execute(
                "SELECT name FROM sqlite_master WHERE name = 'systems' AND type = 'table'"
            )
            if not found.fetchall():
                raise InputError("is a SQLite file, but not an ase database")
            for (number,) in _rows(base, _IDS):
                yield _row_frame(base, number)
    except sqlite3.DatabaseError as error:
        raise InputError(f"is not an ase database: {error}") from error


def _rows(base: sqlite3.Connection, query: str, *values: Any) -> list[tuple[Any, ...]]:
    """All rows of a query that ends in time."""
    end = time.monotonic() + _LONGEST_QUERY
    base.set_progress_handler(lambda: int(time.monotonic() > end), _STEPS)
    return base.execute(query, values).fetchall()


def _row_frame(base: sqlite3.Connection, number: int) -> Frame:
    from ase import Atoms

    try:
        ((numbers, positions, cell, pbc),) = _rows(base, _ROW, number)
        return partial(
            Atoms,
            numbers=_numbers(numbers, "<i4", "numbers"),
            positions=_numbers(positions, "<f8", "positions").reshape(-1, 3),
            cell=_numbers(cell, "<f8", "cell").reshape(3, 3),
            pbc=(int(pbc or 0) & _PBC_BITS).astype(bool),
        )
    except (sqlite3.DatabaseError, ValueError, TypeError) as error:
        return partial(_fail, InputError(f"the row with id {number} is damaged: {error}"))


def _numbers(blob: Any, kind: str, column: str) -> np.typing.NDArray[Any]:
    if not isinstance(blob, bytes):
        raise ValueError(f"'{column}' holds no array")
    return np.frombuffer(blob, kind)


def trajectory_frames(path: Path) -> Iterator[Frame]:
    """An ase trajectory: JSON headers and plain arrays (the old pickled kind is refused)."""
    from ase.io import ulm

    # A map of the file cannot be made to read, or make room for, more than there is.
    with (
        path.open("rb") as source,
        mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
    ):
        reader: Any = ulm.Reader
        file = reader(mapped)
        first = file[0]
        for index in range(len(file)):
            yield _trajectory_frame(file, index, first)


def _trajectory_frame(file: Any, index: int, first: Any) -> Frame:
    try:
        return partial(_given, _trajectory_atoms(file[index], first))
    except Exception as error:  # noqa: BLE001 - ase raises anything; this frame reports it
        return partial(_fail, error)


def _trajectory_atoms(frame: Any, first: Any) -> Atoms:
    from ase import Atoms

    head = frame if "numbers" in frame else first
    return Atoms(
        numbers=np.array(head.numbers),
        pbc=np.array(head.pbc),
        positions=np.array(frame.positions),
        cell=np.array(frame.cell),
    )


def _given(atoms: Atoms) -> Atoms:
    return atoms


def _fail(error: Exception) -> Never:
    raise error
