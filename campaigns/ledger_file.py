"""The SQLite file that a campaign's memory is: opening, transactions, damage, errors."""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from campaigns.intact import intact
from campaigns.ledger_checks import begin, damage, teach, watch
from campaigns.ledger_copy import back_up, bring_up_to_date, copy_of, is_ahead
from campaigns.ledger_tables import (
    CHECKED_SINCE,
    LEDGER,
    SCHEMA_VERSION,
    statements_since,
    tables_since,
)
from campaigns.packing import LedgerAwayError, LedgerError
from materials.errors import InputError
from materials.opening import check_regular
from materials.versioned import NewerFormatError, galena_version

PATIENCE = 60.0
"""s that another program may keep the file locked."""
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)
"""What SQLite says of a file that is broken; the last, of tables and texts that are none."""
_LOCKED = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_AWAY = (
    *_LOCKED,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
)
"""What it says where the file may be sound."""


class LedgerFile:
    """Opened, brought up to date, and checked; every write is one transaction."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._watched = False
        self._outdated: LedgerError | None = None  # why it was not brought up to date
        check_regular(path)
        if not path.exists() and copy_of(path).exists():
            raise LedgerError(f"{path}: missing or empty", remedy=self._rescue())
        try:
            self._db = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)
            # FULL leaves open whether a commit outlives a power cut: its journal may be back.
            for setting in (
                "foreign_keys = ON",
                "synchronous = EXTRA",
                "temp_store = MEMORY",
            ):
                self._db.execute(f"PRAGMA {setting}")
            teach(self._db)
            with intact(path):
                self._check()
        except sqlite3.DatabaseError as error:
            what = f"{path}: cannot be used as a campaign ledger: {error}"
            raise self._error(what, error) from error
        except UnicodeDecodeError as error:  # SQLite quotes what it cannot read
            raise self._damaged("its tables have names that are no text") from error

    def check(self) -> None:
        """Read all of it, and see that it is what was written.

        Raises:
            LedgerError: it is not; says how to go on.
        """
        if not self._watched:
            return  # of an older Galena, where nothing can be written: no checksums
        with self._reading():
            if found := damage(self._db):
                raise self._damaged(found)

    def check_writable(self) -> None:
        """See, before anything is done, that it may be gone on with.

        Raises:
            LedgerError: it is of an older format and could not be brought up to date, or its
                copy is further along; nothing was changed.
        """
        self._check_current()
        if self.is_behind():
            copy = copy_of(self.path).name
            raise LedgerError(
                f"{self.path}: its copy ({copy}) goes further: to go on from the copy, "
                f"galena campaign repair {self.path.parent}; to go on from here, move {copy} "
                "elsewhere. Nothing was changed"
            )

    def is_behind(self) -> bool:
        """Whether the copy is of this campaign, sound, and has what is not here."""
        copy = copy_of(self.path)
        return self._watched and copy != self.path and is_ahead(copy, self.path)

    def _damaged(self, found: str) -> LedgerError:
        return LedgerError(f"{self.path}: damaged: {found}", remedy=self._rescue())

    def _error(self, what: str, error: sqlite3.DatabaseError) -> LedgerError:
        kind = LedgerAwayError if _code(error) in _AWAY else LedgerError
        return kind(what, remedy=self._advice(error))

    def _advice(self, error: sqlite3.DatabaseError) -> str:
        """What to do about an error of SQLite."""
        code = _code(error)
        if code in _LOCKED:
            return (
                f"Another program has kept it locked for {PATIENCE:g} s: close that and run "
                "the same command again"
            )
        if code in _DAMAGED:
            return self._rescue()
        if code == sqlite3.SQLITE_FULL:
            return "Free some space and run the same command again"
        if not self.path.exists():
            return "The folder was moved or removed meanwhile: put it back and run again"
        return "Mend the disk, or what it is mounted as, and run the same command again"

    def _rescue(self) -> str:
        if copy_of(self.path).exists():
            return f"A copy is beside it: galena campaign repair {self.path.parent}"
        return "Restore it from a copy of yours, or start in a new folder"

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise self._error(f"{self.path}: cannot be read: {error}", error) from error

    def _rows(
        self, query: str, values: Sequence[Any] | dict[str, Any] = ()
    ) -> Iterator[Any]:
        """The rows of a query, as they are asked for.

        Not ``yield from``: what is left half read would close its cursor when it is thrown
        away, and raise where the ledger is closed already.
        """
        with self._reading():
            for row in self._db.execute(query, values):  # noqa: UP028
                yield row

    def _check(self) -> None:
        found = dict(self._db.execute("SELECT name, type FROM sqlite_master"))
        for name, kind in found.items():
            if kind not in {"table", "index"}:  # they compute, for ever if somebody likes
                raise LedgerError(
                    f"{self.path}: holds the {kind} {name!r:.60}, which no ledger has",
                    remedy=self._rescue(),
                )
        if "table" not in found.values():
            if copy_of(self.path).exists():
                raise LedgerError(f"{self.path}: missing or empty", remedy=self._rescue())
            with self._transaction():
                for statement in statements_since(0):
                    self._db.execute(statement)
                self._put("schema_version", SCHEMA_VERSION)
                self._put("written_by", galena_version())
                self._put("campaign_id", uuid.uuid4().hex)
                begin(self._db)
            self._watch()
            return
        try:
            version = LEDGER.check(
                self.get("schema_version"), self.path, writer=self.get("written_by")
            )
        except NewerFormatError:
            raise  # not damaged: nothing may take its place
        except InputError as error:
            raise LedgerError(str(error)) from error
        if later := found.keys() & tables_since(version):
            raise self._damaged(
                f"it says format {version}, which had no table '{min(later)}'"
            )
        if version == SCHEMA_VERSION or self._brought_up_to_date(version):
            self._watch()

    def _watch(self) -> None:
        watch(self._db)
        self._watched = True

    def _brought_up_to_date(self, found: int) -> bool:
        """Make room for what older ledgers did not keep; whether the file has it.

        The old one is kept beside it. Where nothing can be written, the room is made in
        memory: it can still be read, and nothing else.
        """
        try:
            back_up(self._db, self.path, found)
            with self._transaction():
                found = self.get("schema_version")  # somebody may have been quicker
                for statement in statements_since(found):
                    self._db.execute(statement)
                self._put("schema_version", SCHEMA_VERSION)
                self._put("written_by", galena_version())
                if found < CHECKED_SINCE:
                    begin(self._db)
        except (LedgerError, OSError, sqlite3.OperationalError) as error:
            self._outdated = self._why_outdated(found, error)
            for statement in statements_since(self.get("schema_version")):
                self._db.execute(statement.replace("CREATE TABLE", "CREATE TEMP TABLE"))
            return False
        return True

    def _check_current(self) -> None:
        if self._outdated is not None:
            raise type(self._outdated)(str(self._outdated))

    def _why_outdated(self, found: int, error: Exception) -> LedgerError:
        what = (
            f"{self.path}: of format {found}, and could not be brought up to date; nothing "
            "was changed"
        )
        if isinstance(error, sqlite3.DatabaseError):
            return self._error(f"{what}: {error}", error)
        if isinstance(error, LedgerError):
            why = str(error).removeprefix(f"{self.path}: ")
            return type(error)(f"{what}: {why}")
        return LedgerAwayError(
            f"{what}: {error}", remedy="Mend that and run the same command again"
        )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._check_current()
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")
        except BaseException as error:
            if self._db.in_transaction:
                with suppress(
                    sqlite3.DatabaseError
                ):  # it was rolled back, as far as can be
                    self._db.execute("ROLLBACK")
            if not isinstance(error, sqlite3.DatabaseError):
                raise
            what = (
                f"{self.path}: cannot be written: {error}. Nothing committed before is lost"
            )
            raise self._error(what, error) from error
        self.keep_copy()

    def keep_copy(self) -> None:
        """Bring the copy beside the ledger up to date, as every commit does."""
        copy = copy_of(self.path)
        if self._watched and copy != self.path:
            bring_up_to_date(self._db, copy)

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    # --- facts about the campaign

    def get(self, key: str) -> Any:
        """The fact under ``key``, or None."""
        row = next(self._rows("SELECT value FROM meta WHERE key = ?", (key,)), None)
        return json.loads(row[0]) if row else None

    def put(self, key: str, value: Any) -> None:
        """Record a fact, replacing an earlier one."""
        with self._transaction():
            self._put(key, value)

    def _put(self, key: str, value: Any) -> None:
        self._db.execute(
            "INSERT INTO meta VALUES (?, ?) "
            "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            (key, json.dumps(value)),
        )


def _code(error: sqlite3.DatabaseError) -> int:
    return int(getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)) & 0xFF
