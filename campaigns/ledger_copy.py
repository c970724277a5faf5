"""The copy of a ledger, for the day when the disk loses the ledger itself.

After each commit what is new goes into a second SQLite file beside the first; what it costs
depends on what is new, not on how long the campaign is. A copy that cannot be kept costs the
campaign nothing: it is made up for at the next commit.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from campaigns.ledger_checks import PARTS
from campaigns.ledger_tables import statements_since
from materials.whole import whole

COPY = "ledger.copy.sqlite"
_BROKEN = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_PATIENCE = 5.0  # s for another process that writes the copy


def copy_of(ledger: Path) -> Path:
    """Where the copy of a ledger lies."""
    return ledger.with_name(COPY)


def back_up(db: sqlite3.Connection, ledger: Path, version: int) -> None:
    """Keep a ledger of an older format, whole or not at all, before it is brought up to date.

    One that is kept already stays.
    """
    kept = ledger.with_name(f"{ledger.stem}.format-{version}.sqlite")
    if kept.exists():
        return
    with whole(kept) as part, closing(sqlite3.connect(part)) as copy:
        db.backup(copy)


def bring_up_to_date(db: sqlite3.Connection, copy: Path) -> None:
    """Write into the copy what the ledger ``db`` has and it has not; never raises for it."""
    try:
        _follow(db, copy)
    except sqlite3.DatabaseError as error:
        # Locked or a full disk may pass; what is no database any more never will.
        if getattr(error, "sqlite_errorcode", None) in _BROKEN:
            copy.unlink(missing_ok=True)


def _follow(db: sqlite3.Connection, copy: Path) -> None:
    with closing(sqlite3.connect(copy, timeout=_PATIENCE, isolation_level=None)) as other:
        other.execute("PRAGMA synchronous = NORMAL")
        other.execute("BEGIN IMMEDIATE")
        last = _last(other)
        if last is not None and not _is_of(last, db):
            _empty(other)
            last = None
        if last is None:
            for statement in statements_since(0):
                other.execute(statement)
        since = 0 if last is None else last[0]
        checks = db.execute(
            "SELECT n, part, id, crc FROM main.checks WHERE n > ? ORDER BY n", (since,)
        ).fetchall()
        for part, columns in PARTS.items():
            _copy_rows(db, other, part, columns, [c[2] for c in checks if c[1] == part])
        other.executemany("INSERT OR REPLACE INTO checks VALUES (?, ?, ?, ?)", checks)
        other.execute("COMMIT")


def _last(other: sqlite3.Connection) -> tuple[int, str, int, int] | None:
    """The newest row that was copied; None for an empty file."""
    if not other.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        return None
    found = other.execute("SELECT n, part, id, crc FROM checks ORDER BY n DESC LIMIT 1")
    return found.fetchone() or (0, "", 0, 0)


def _is_of(last: tuple[int, str, int, int], db: sqlite3.Connection) -> bool:
    """Whether the copy is of this ledger as it was earlier.

    A row that has changed since has a later number, and no other has its number.
    """
    n, part, number, crc = last
    there = db.execute("SELECT part, id, crc FROM main.checks WHERE n = ?", (n,)).fetchone()
    if there is not None:
        return bool(there == (part, number, crc))
    later = db.execute(
        "SELECT n FROM main.checks WHERE part = ? AND id = ?", (part, number)
    ).fetchone()
    return later is not None and later[0] > n


def _empty(other: sqlite3.Connection) -> None:
    for part in [*reversed(PARTS), "checks"]:
        other.execute(f"DROP TABLE IF EXISTS {part}")


def _copy_rows(
    db: sqlite3.Connection,
    other: sqlite3.Connection,
    part: str,
    columns: tuple[str, ...],
    ids: list[int],
) -> None:
    names = ", ".join(columns)
    marks = ", ".join("?" for _ in columns)
    for number in ids:
        row = db.execute(
            f"SELECT {names} FROM main.{part} WHERE rowid = ?",  # noqa: S608  # nosec B608
            (number,),
        ).fetchone()
        other.execute(
            f"INSERT OR REPLACE INTO {part} (rowid, {names}) VALUES (?, {marks})",  # noqa: S608
            (number, *row),
        )
