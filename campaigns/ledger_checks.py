"""Whether a ledger holds what was written: a checksum for every row.

SQLite finds out where its pages no longer fit together, not where a digit changed on the disk.
So each row has a checksum beside it, written in the same transaction by triggers that live only
in Galena's own connections: any other program reads the file as before.
"""

from __future__ import annotations

import sqlite3
import struct
import zlib

PARTS = {
    "meta": ("key", "value"),
    "rounds": ("round", "summary", "closed"),
    "asks": ("round", "position", "content"),
    "candidates": ("id", "round", "chosen", "content", "embedding"),
    "verdicts": ("position", "id", "round", "content"),
    "standings": ("id", "round", "rank", "acquisition"),
    "sources": ("round", "content"),
    "confirmations": ("position", "id", "tier", "round", "content"),
}
"""Every table and its columns, those first that others refer to."""


def checksum(*values: object) -> int:
    """CRC-32 of a row; kinds and lengths count, so that no two columns can trade places."""
    found = 0
    for value in values:
        match value:
            case bytes():
                kind, content = b"b", value
            case str():
                kind, content = b"s", value.encode("utf-8", "surrogatepass")
            case float():
                kind, content = b"f", struct.pack("<d", value)
            case _:
                kind, content = b"i", repr(value).encode()
        found = zlib.crc32(
            content, zlib.crc32(kind + struct.pack("<q", len(content)), found)
        )
    return found


def teach(db: sqlite3.Connection) -> None:
    """Let this connection reckon checksums."""
    db.create_function("galena_checksum", -1, checksum, deterministic=True)


def watch(db: sqlite3.Connection) -> None:
    """Let this connection keep the checksums of what it writes."""
    for part, columns in PARTS.items():
        row = ", ".join(f"NEW.{name}" for name in columns)
        for event in ("INSERT", "UPDATE"):
            db.execute(  # of names written above alone
                f"CREATE TEMP TRIGGER galena_{event}_{part} AFTER {event} ON main.{part} "  # noqa: S608  # nosec B608
                # Not INSERT OR REPLACE: within a trigger the outer statement's word counts.
                f"BEGIN DELETE FROM checks WHERE part = '{part}' AND id = NEW.rowid; "
                "INSERT INTO checks (part, id, crc) "
                f"VALUES ('{part}', NEW.rowid, galena_checksum({row})); END"
            )


def begin(db: sqlite3.Connection) -> None:
    """Take down checksums of all rows, within a transaction: the ledger had none."""
    for part, columns in PARTS.items():
        db.execute(
            f"INSERT INTO checks (part, id, crc) SELECT '{part}', rowid, "  # noqa: S608  # nosec B608
            f"galena_checksum({', '.join(columns)}) FROM main.{part}"
        )


def damage(db: sqlite3.Connection) -> str | None:
    """What in the file is not as it was written, or None.

    Raises:
        sqlite3.DatabaseError: it is so damaged that SQLite cannot read it.
    """
    told = db.execute("PRAGMA main.integrity_check(1)").fetchone()[0]
    if told != "ok":
        return str(told).partition("\n")[0]
    for part, columns in PARTS.items():
        row = ", ".join(f"t.{name}" for name in columns)
        bad = db.execute(
            f"SELECT t.rowid FROM main.{part} t LEFT JOIN main.checks c "  # noqa: S608  # nosec B608
            f"ON c.part = '{part}' AND c.id = t.rowid "
            f"WHERE c.crc IS NOT galena_checksum({row}) LIMIT 1"
        ).fetchone()
        if bad is not None:
            return f"row {bad[0]} of its table '{part}' is not what was written"
        (n,) = db.execute(f"SELECT count(*) FROM main.{part}").fetchone()  # noqa: S608  # nosec B608
        (known,) = db.execute(
            "SELECT count(*) FROM main.checks WHERE part = ?", (part,)
        ).fetchone()
        if n != known:
            return f"its table '{part}' has {n} rows, {known} were written"
    return None
