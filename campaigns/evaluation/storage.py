"""The database that a campaign and its workers share: Optuna's storages, opened safely.

PostgreSQL serves any number of machines; an SQLite file or a journal serves one.
"""

from __future__ import annotations

import re
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, quote_plus

from materials.errors import GalenaError, InputError, MissingExtraError

if TYPE_CHECKING:
    from optuna.storages import BaseStorage, RDBStorage
    from sqlalchemy.engine import URL

T = TypeVar("T")
Note = Callable[[str], None]

PATIENCE = 600.0
"""s that a database may be out of reach before it is given up."""
STORAGE_VARIABLE = "GALENA_STORAGE"
"""The environment variable that names the database, so that no command line shows it."""

_FORMS = (
    "postgresql://USER@HOST/DATABASE, sqlite:///FILE or journal:///FILE "
    "(the last two for one machine)"
)
_IDLE, _LOCKED = 3_000, 10_000  # ms; Optuna's transactions take a few
_HARMLESS = (
    *("host", "port", "dbname", "charset", "mode", "cache", "timeout", "connect_timeout"),
    *("sslmode", "sslrootcert", "application_name", "target_session_attrs", "workflowType"),
)
"""What may be shown of a URL's query; anything else may be a key."""
_IN_QUERY = re.compile(rf"(?<=[?&])((?!(?:{'|'.join(_HARMLESS)})=)[^=&]+=)([^&]*)")
_SHORT = 4  # characters of a value that messages hold by chance
_IN_FRONT = re.compile(r"((?:[A-Za-z][\w+.-]*:/+)?[^:]*):(.*)@", re.DOTALL)
_QUOTES = (partial(quote, safe=""), quote_plus)
_FILES = {"journal", "sqlite"}
_POSTGRES = {"postgres", "postgresql", "postgresql+psycopg"}
_REFUSED = re.compile(
    r"authentication failed|no password supplied|(database|role) .* does not exist"
    r"|no pg_hba\.conf entry|permission denied|unable to open database file|not a database",
)
"""What no waiting will mend."""


class StorageError(GalenaError):
    """The database cannot be used; passwords never appear in the message."""


@dataclass(frozen=True)
class Address:
    """Where the database is. Printed, it hides its password."""

    _url: str

    def __str__(self) -> str:
        return masked(self._url)

    def __repr__(self) -> str:
        return f"Address('{self}')"

    @property
    def secret(self) -> str:
        """The whole URL, with its password."""
        return self._url

    def scrub(self, message: str) -> str:
        """A message of a driver without the password, however it was quoted; never raises."""
        for password in _passwords(self._url):
            for form in {password, *(q(password, errors="replace") for q in _QUOTES)}:
                message = message.replace(form, "***")
        return message

    def check_there(self) -> None:
        """For those who only look into a database: nothing is made.

        Raises:
            InputError: it is no such URL, or that of a file that is not there.
        """
        url = _parsed(self._url)
        if url.drivername in _FILES and not Path(str(url.database)).is_file():
            raise InputError(
                f"{self}: there is no such file, so no campaign to work for; begin it with: "
                "galena campaign run SPEC --storage URL"
            )

    def open(self) -> BaseStorage:
        """Connect, and make Optuna's tables if there are none.

        Raises:
            InputError: it is no such URL.
            MissingExtraError: the driver is not installed.
            Exception: whatever the driver says if it cannot connect; see :class:`Patience`.
        """
        import logging

        logging.getLogger("optuna").setLevel(logging.WARNING)
        url = _parsed(self._url)
        if (
            url.drivername in _FILES
            and not Path(str(url.database)).absolute().parent.is_dir()
        ):
            raise InputError(f"{self}: there is no such folder; make it first")
        try:
            return _opened(url)
        except RuntimeError as error:  # tables of another Optuna
            raise StorageError(f"{self}: {error}") from error


def masked(url: str) -> str:
    """A URL for people: its password, wherever it stands, is ``***``; never raises.

    So is a user's name without a password, but for a database that has users: elsewhere it is
    a token.
    """
    try:
        parsed = _url(url)
    except InputError:
        return _IN_FRONT.sub(r"\1:***@", _IN_QUERY.sub(r"\1***", url))
    query = {
        name: value if name in _HARMLESS else "***" for name, value in parsed.query.items()
    }
    user = "***" if _token(parsed) else parsed.username
    shown = parsed.set(username=user, query=query).render_as_string(hide_password=True)
    return shown.replace("%2A%2A%2A", "***")


def _token(url: URL) -> str | None:
    """A user's name that must be a secret, since it has no password."""
    users = url.drivername.partition("+")[0] in ("postgres", "postgresql")
    return None if users or url.password is not None else url.username


@dataclass(frozen=True)
class Patience:
    """Does again what failed because the database was away for a while."""

    address: Address
    seconds: float = PATIENCE
    note: Note = lambda _: None
    longest: float = 5.0
    """s, the longest pause between two tries."""

    def __call__(self, call: Callable[[], T]) -> T:
        """What ``call`` returns, as soon as it does; it must bear being done twice.

        Raises:
            StorageError: the database refuses, or is away for longer than ``seconds``.
        """
        from tenacity import (
            RetryCallState,
            Retrying,
            retry_if_exception,
            stop_after_delay,
            wait_random_exponential,
        )

        def tell(state: RetryCallState) -> None:
            if state.attempt_number == 1:
                self.note(f"{self.address} does not answer; trying for {self.seconds:g} s")

        attempts = Retrying(
            retry=retry_if_exception(is_away),
            wait=wait_random_exponential(multiplier=0.1, max=self.longest),
            stop=stop_after_delay(self.seconds),
            before_sleep=tell,
            reraise=True,
        )
        try:
            return attempts(call)
        except _database_errors() as error:
            reason = self.address.scrub(_reason(error))
            raise StorageError(
                f"{self.address}: {reason}. Verdicts told before are safe; mend the database "
                "or its URL and run the same command again"
            ) from None


def is_away(error: BaseException) -> bool:
    """Whether the database may only be out of reach for a while, or in a tangle of locks."""
    return isinstance(error, _database_errors()) and not _REFUSED.search(_reason(error))


def _database_errors() -> tuple[type[Exception], ...]:
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import SQLAlchemyError

    return (SQLAlchemyError, StorageInternalError, OSError)


def _reason(error: BaseException) -> str:
    """The first line of what the driver itself said."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].rstrip(".") if lines else type(error).__name__


def _url(url: str) -> URL:
    """The parts; raises :class:`InputError`, whose message holds nothing of the URL."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise InputError(f"this is no database URL; expected {_FORMS}") from None
    if parsed.drivername not in _FILES and "@" in f"{parsed.host}{parsed.database}":
        raise InputError(
            "this database URL has an @ too many; within a user's name or a password write "
            "%40 for it, and %2F for /"
        )
    return parsed


def _parsed(url: str) -> URL:
    parsed = _url(url)
    if parsed.drivername in _FILES and not parsed.database:
        raise InputError(f"'{masked(url)}' names no file; expected {_FORMS}")
    return parsed


def _passwords(url: str) -> list[str]:
    """All that may be one, the longest first."""
    found: list[str | None] = []
    told = [value for _, value in _IN_QUERY.findall(url)]
    try:
        parsed = _url(url)
    except InputError:
        found += [value for _, value in _IN_FRONT.findall(url)]
    else:
        found += [parsed.password and str(parsed.password), _token(parsed)]
        for name, value in parsed.query.items():
            if name not in _HARMLESS:
                told += [value] if isinstance(value, str) else value
    found += [value for value in told if len(value) > _SHORT]
    return sorted({password for password in found if password}, key=len, reverse=True)


def _opened(url: URL) -> BaseStorage:
    if url.drivername == "journal":
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend

        return JournalStorage(JournalFileBackend(str(url.database)))
    if url.drivername == "sqlite":
        return _sqlite(url)
    if url.drivername in _POSTGRES:
        return _postgresql(url)
    shown = masked(url.render_as_string(hide_password=False))
    raise InputError(f"'{shown}' names no database that can be shared; expected {_FORMS}")


def _sqlite(url: URL) -> BaseStorage:
    """SQLite whose transactions are whole.

    Its driver lets others write between a transaction's reading and its writing, so that two
    workers could claim the same candidate; beginning with the write lock prevents that.
    """
    from optuna.storages import RDBStorage
    from sqlalchemy import event

    def manual(connection: Any, _: Any) -> None:
        connection.isolation_level = None

    def begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    place = url.render_as_string(hide_password=False)
    storage = RDBStorage(place, engine_kwargs={"connect_args": {"timeout": 60}})
    storage.engine.dispose()
    event.listen(storage.engine, "connect", manual)
    event.listen(storage.engine, "begin", begin)
    return _ending(storage)


def _postgresql(url: URL) -> BaseStorage:
    from optuna.storages import RDBStorage

    url = url.set(drivername="postgresql+psycopg")
    connect = {
        "connect_timeout": 10,  # s, as the next two
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "tcp_user_timeout": 30_000,  # ms
        # A worker that is paused within a transaction must not keep others from its rows.
        "options": f"-c idle_in_transaction_session_timeout={_IDLE} -c lock_timeout={_LOCKED}",
    }
    try:
        storage = RDBStorage(
            url.render_as_string(hide_password=False).replace("{", "{{").replace("}", "}}"),
            engine_kwargs={"pool_pre_ping": True, "connect_args": connect},
        )
    except ImportError:
        raise MissingExtraError("psycopg", "postgres") from None
    return _ending(storage)


def _ending(storage: RDBStorage) -> RDBStorage:
    """One whose connections end with it: a notebook's process goes on for days."""
    weakref.finalize(storage, storage.engine.dispose)
    return storage
