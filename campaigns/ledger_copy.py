"""The copy of a ledger, for the day when the disk loses the ledger itself.

After each commit what is new goes into a second SQLite file beside the first; what it costs
depends on what is new, not on how long the campaign is. A copy that cannot be kept costs the
campaign nothing: it is made up for at the next commit. One that is not of this ledger as it was
earlier may be the better of the two: it is put aside, never written over.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from campaigns.ledger_checks import PARTS, damage, teach
from campaigns.ledger_tables import statements_since
from materials.whole import whole

COPY = "ledger.copy.sqlite"
_BROKEN = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_UNREADABLE = (sqlite3.DatabaseError, UnicodeDecodeError)
"""Of a damaged file; SQLite quotes what it cannot read, in bytes."""
_PATIENCE = 5.0  # s for another process that writes the copy
_JOURNAL = "-journal"  # of what SQLite had not finished; it belongs to its file
_MORE = """
SELECT 1 FROM main.checks c LEFT JOIN ledger.checks l ON l.part = c.part AND l.id = c.id
WHERE (l.n IS NULL OR l.n < c.n) AND
    (SELECT value FROM main.meta WHERE key = 'campaign_id')
    = (SELECT value FROM ledger.meta WHERE key = 'campaign_id')
LIMIT 1
"""
"""A row of the copy that the ledger has not, or only as it was before."""
_CAMPAIGN = """
SELECT value FROM meta m JOIN checks c ON c.part = 'meta' AND c.id = m.rowid
WHERE key = 'campaign_id' AND c.crc = galena_checksum(m.key, m.value)
"""


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
    with suppress(OSError):
        if _is_the_ledger(copy, db):  # as links and tools against duplicates make it
            put_aside(copy, "other")
        try:
            if not _follow(db, copy):
                put_aside(copy, "other")
                _follow(db, copy)
        except _UNREADABLE as error:
            # Locked or a full disk may pass; what is no database any more never will. The
            # broken one may also be the ledger: then the copy is what there is left.
            broken = getattr(error, "sqlite_errorcode", None) in _BROKEN
            broken |= isinstance(error, UnicodeDecodeError)
            if broken and not _is_whole(copy):
                copy.unlink(missing_ok=True)


def _is_the_ledger(copy: Path, db: sqlite3.Connection) -> bool:
    """Whether both names are of one file, so that there is no second copy."""
    ledger = Path(str(db.execute("PRAGMA database_list").fetchone()[2]))
    return copy.exists() and ledger.exists() and copy.samefile(ledger)


def put_aside(path: Path, what: str) -> Path:
    """Give a ledger or its copy another name, ``ledger.WHAT-N.sqlite``, and say which."""
    number = 1
    while (kept := path.with_name(f"ledger.{what}-{number}.sqlite")).exists():
        number += 1
    journal = path.with_name(path.name + _JOURNAL)
    if journal.exists():
        journal.replace(kept.with_name(kept.name + _JOURNAL))
    path.replace(kept)
    return kept


def is_ahead(copy: Path, ledger: Path) -> bool:
    """Whether the copy is of the same campaign, sound, and has what the ledger has not."""
    if not copy.exists() or (ledger.exists() and copy.samefile(ledger)):
        return False
    try:
        with closing(sqlite3.connect(copy, timeout=_PATIENCE)) as db:
            if _computes(db):
                return False
            db.execute("ATTACH ? AS ledger", (str(ledger),))
            more = db.execute(_MORE).fetchone()
    except _UNREADABLE:
        return False
    return more is not None and _is_sound(copy)


def campaign_of(path: Path) -> str | None:
    """The id of a ledger's campaign, also of a damaged one, if that row is what was written."""
    if not path.exists():
        return None
    try:
        with closing(sqlite3.connect(path, timeout=_PATIENCE)) as db:
            if _computes(db):
                return None
            teach(db)
            found = db.execute(_CAMPAIGN).fetchone()
    except _UNREADABLE:
        return None
    return None if found is None else str(found[0])


def _computes(db: sqlite3.Connection) -> bool:
    """Whether it has more than tables: what views and triggers do may have no end."""
    more = "SELECT 1 FROM sqlite_master WHERE type NOT IN ('table', 'index') LIMIT 1"
    return db.execute(more).fetchone() is not None


def _is_whole(path: Path) -> bool:
    """Whether it is a database still."""
    try:
        with closing(sqlite3.connect(path, timeout=_PATIENCE)) as db:
            return bool(db.execute("PRAGMA quick_check(1)").fetchone() == ("ok",))
    except _UNREADABLE:
        return False


def _is_sound(path: Path) -> bool:
    try:
        with closing(sqlite3.connect(path, timeout=_PATIENCE)) as db:
            teach(db)
            return damage(db) is None
    except _UNREADABLE:
        return False


def _follow(db: sqlite3.Connection, copy: Path) -> bool:
    """Whether the copy was of this ledger, or empty; it is as it was if not."""
    with closing(sqlite3.connect(copy, timeout=_PATIENCE, isolation_level=None)) as other:
        other.execute("PRAGMA synchronous = NORMAL")
        other.execute("BEGIN IMMEDIATE")
        if _computes(other):
            return False
        last = _last(other)
        if last is not None and not _is_of(last, db):
            return False
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
    return True


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
        if row is None:  # the copy stays as it is, and may have it
            raise sqlite3.DatabaseError(f"{part} has lost row {number}")
        other.execute(
            f"INSERT OR REPLACE INTO {part} (rowid, {names}) VALUES (?, {marks})",  # noqa: S608
            (number, *row),
        )
