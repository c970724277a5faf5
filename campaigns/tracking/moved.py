"""A store that was moved or copied, with the files beside it.

MLflow writes whole paths into its database. Where a path leads elsewhere than to the folder
``artifacts`` beside the database, and that folder has the files, the path is put right.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote

_COLUMNS = (
    *(("runs", "artifact_uri"), ("logged_models", "artifact_location")),
    *(("model_versions", "source"), ("model_versions", "storage_location")),
)
_FILE = "file://"
_FOLDER = "/artifacts"


def follow_artifacts(database: Path) -> int:
    """Put the paths right; returns in how many places. An unreadable file is left as it is.

    Only paths below a folder ``artifacts`` that the database names as an experiment's are
    looked at, and each only if its file or folder lies beside the database.
    """
    beside = database.resolve().parent / "artifacts"
    if not beside.is_dir() or not database.is_file():
        return 0
    try:
        with closing(sqlite3.connect(database, timeout=10.0)) as connection:
            roots = _foreign_roots(connection, beside)
            with connection:
                return sum(_follow(connection, root, beside) for root in roots)
    except sqlite3.Error:  # not MLflow's tables, or another's turn: MLflow itself says so
        return 0


def _foreign_roots(connection: sqlite3.Connection, beside: Path) -> list[str]:
    """Experiments' folders called ``artifacts`` that are not the one beside."""
    found = connection.execute("SELECT DISTINCT artifact_location FROM experiments")
    return [
        place
        for (place,) in found
        if place.startswith(_FILE) and place.endswith(_FOLDER) and place != beside.as_uri()
    ]


def _follow(connection: sqlite3.Connection, root: str, beside: Path) -> int:
    """Each path below ``root``; the experiment itself if its files came along, or are gone."""
    changed = sum(
        _follow_column(connection, table, column, root, beside)
        for table, column in _COLUMNS
    )
    if changed or not Path(unquote(root.removeprefix(_FILE))).exists():
        changed += connection.execute(
            "UPDATE experiments SET artifact_location = ? WHERE artifact_location = ?",
            (beside.as_uri(), root),
        ).rowcount
    return changed


def _follow_column(
    connection: sqlite3.Connection, table: str, column: str, root: str, beside: Path
) -> int:
    rows = connection.execute(
        f"SELECT rowid, {column} FROM {table} WHERE {column} LIKE ? || '/%'",  # noqa: S608  # nosec B608
        (root,),
    ).fetchall()
    there = [
        (beside.as_uri() + place.removeprefix(root), row)
        for row, place in rows
        if place.startswith(root)
        and (beside / unquote(place.removeprefix(root).lstrip("/"))).exists()
    ]
    connection.executemany(
        f"UPDATE {table} SET {column} = ? WHERE rowid = ?",  # noqa: S608  # nosec B608
        there,
    )
    return len(there)
