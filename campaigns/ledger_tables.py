"""The tables of a ledger, and how older ledgers get those they lack.

The ledger's version is that of the whole campaign folder: all else in it is derived from the
ledger, or is a table with a format of its own.
"""

from __future__ import annotations

from materials.versioned import FileFormat

SCHEMA_VERSION = 4

LEDGER = FileFormat(
    what="campaign ledger",
    version=SCHEMA_VERSION,
    remedy="go on with the Galena that wrote it, or start in a new folder",
    steps=dict.fromkeys(range(1, SCHEMA_VERSION), dict),  # by SQL, below
)

_FIRST = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE rounds (
    round INTEGER PRIMARY KEY, summary TEXT NOT NULL, closed TEXT
);
CREATE TABLE asks (
    round INTEGER NOT NULL, position INTEGER NOT NULL, content TEXT NOT NULL,
    PRIMARY KEY (round, position)
);
CREATE TABLE candidates (
    id TEXT PRIMARY KEY, round INTEGER NOT NULL, chosen INTEGER, content TEXT NOT NULL,
    embedding BLOB NOT NULL
);
CREATE TABLE verdicts (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE REFERENCES candidates (id),
    round INTEGER NOT NULL, content TEXT NOT NULL
);
"""
_STANDINGS = """
CREATE TABLE standings (
    id TEXT NOT NULL, round INTEGER NOT NULL, rank INTEGER NOT NULL,
    acquisition REAL NOT NULL, PRIMARY KEY (id, round)
);
CREATE TABLE sources (round INTEGER PRIMARY KEY, content TEXT NOT NULL)
"""
_CONFIRMATIONS = """
CREATE TABLE confirmations (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL REFERENCES candidates (id), tier INTEGER NOT NULL,
    round INTEGER NOT NULL, content TEXT NOT NULL, UNIQUE (id, tier)
)
"""

_CHECKS = """
CREATE TABLE checks (
    n INTEGER PRIMARY KEY AUTOINCREMENT, part TEXT NOT NULL, id INTEGER NOT NULL,
    crc INTEGER NOT NULL, UNIQUE (part, id)
)
"""

CHECKED_SINCE = 4
"""The first version whose rows have checksums."""

_ADDED = {1: _FIRST, 2: _STANDINGS, 3: _CONFIRMATIONS, CHECKED_SINCE: _CHECKS}
"""What each version brought."""


def tables_since(version: int) -> set[str]:
    """The tables that a ledger of that version has not."""
    return {statement.split()[2] for statement in statements_since(version)}


def statements_since(version: int) -> list[str]:
    """What makes a ledger of that version one of today; version 0 holds nothing."""
    return [
        statement.strip()
        for number in range(version + 1, SCHEMA_VERSION + 1)
        for statement in _ADDED[number].split(";")
        if statement.strip()
    ]
