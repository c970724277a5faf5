"""Where MLflow keeps things: a file, a tracking server, or a database.

Nothing here loads MLflow. What a person reads shows a URI by :func:`shown`, never as it is:
it may hold a password.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from campaigns.evaluation.storage import Address
from materials.errors import GalenaError

_SQLITE = "sqlite:///"
_SERVER = re.compile(r"https?://[^/\s]+", re.IGNORECASE)
_DATABASE = re.compile(r"postgres(ql)?(\+psycopg2?)?://[^/\s]+/[^/\s]+")
_FORMS = "sqlite:///runs/mlflow.db, http://HOST:PORT or postgresql://USER@HOST/DATABASE"
URI_VARIABLE = "MLFLOW_TRACKING_URI"
"""The environment variable that names a store to all of MLflow."""


class TrackingError(GalenaError):
    """MLflow cannot be read or written; what Galena itself keeps is unharmed."""


class AwayError(TrackingError):
    """The store does not answer, and may do so later."""


class LoginError(TrackingError):
    """The server wants an account that it knows, and got none."""


def default_store(folder: Path) -> str:
    """MLflow's database for a campaign: one for all campaigns of the same parent folder."""
    return f"{_SQLITE}{folder.resolve().parent / 'mlflow.db'}"


def model_store(given: str | None, *, beside: Path = Path("runs/any")) -> str:
    """The store to use: as given, as MLflow is set, or by default.

    ``beside`` is the campaign's folder, whose store is taken if nothing else is said.

    Raises:
        TrackingError: what was given is empty, as an unset variable of a script is.
    """
    if given is not None and not given.strip():
        raise TrackingError(f"the tracking URI is empty; give one such as {_FORMS}")
    return given or os.environ.get(URI_VARIABLE) or default_store(beside)


def is_file(uri: str) -> bool:
    """Whether the store is an SQLite file of this machine."""
    return uri.startswith(_SQLITE)


def is_server(uri: str) -> bool:
    """Whether the store is a tracking server."""
    return _SERVER.match(uri) is not None


def check_store(uri: str) -> str:
    """The URI, if it names a store of a kind that Galena writes to, at a possible address.

    Raises:
        TrackingError: it does not.
    """
    if is_file(uri):
        database_path(uri)
    elif not is_server(uri) and not _DATABASE.match(uri):
        raise TrackingError(f"tracking needs a URI such as {_FORMS}; got '{shown(uri)}'")
    else:
        _check_address(uri)
    return uri


def _check_address(uri: str) -> None:
    """Refuse what no waiting makes an address; what a parser says may hold a password."""
    if not (_possible_server(uri) if is_server(uri) else _possible_database(uri)):
        raise TrackingError(
            f"'{shown(uri)}' is no possible address: a tracking URI has a host, a port from "
            f"1 to 65535 if any, and no spaces, such as {_FORMS}"
        )


def _possible_server(uri: str) -> bool:
    try:
        parts = urlsplit(uri)
        return bool(parts.hostname) and parts.port != 0 and re.search(r"\s", uri) is None
    except ValueError:
        return False


def _possible_database(uri: str) -> bool:
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(uri)
    except (ArgumentError, ValueError):
        return False
    return "@" not in (url.host or "") and (url.port is None or 0 < url.port < 65_536)


def database_path(uri: str) -> Path:
    """The file of an SQLite URI.

    Raises:
        TrackingError: the URI names something else.
    """
    if not is_file(uri) or len(uri) == len(_SQLITE):
        raise TrackingError(
            f"expected a URI such as sqlite:///runs/mlflow.db, got '{shown(uri)}'"
        )
    return Path(uri.removeprefix(_SQLITE)).resolve()


def artifact_folder(uri: str) -> Path:
    """Where files go that no server takes: beside an SQLite file, else in ``runs``."""
    folder = database_path(uri).parent if is_file(uri) else Path("runs").resolve()
    return folder / "artifacts"


def for_mlflow(uri: str) -> str:
    """The URI as MLflow is given it: files by their whole path, PostgreSQL with its driver.

    The driver gives up on a server that does not take the connection, or the data sent to it.
    """
    check_store(uri)
    if is_file(uri):
        return f"{_SQLITE}{database_path(uri)}"
    if is_server(uri):
        return uri.rstrip("/")
    from sqlalchemy.engine import make_url

    limits = {"connect_timeout": "5", "tcp_user_timeout": "30000"}  # s, ms
    url = make_url(uri).set(drivername="postgresql+psycopg")
    return url.set(query=limits | dict(url.query)).render_as_string(hide_password=False)


def shown(uri: str) -> str:
    """The URI for people: a password in it is ``***``; never raises.

    So is a name without a password before a server's ``@``, which may be a token.
    """
    return str(Address(uri))


def without_account(uri: str) -> str:
    """A server's URI without what stands before its ``@``."""
    return re.sub(r"(?<=://)[^/\s]*@", "", uri)


def scrubbed(uri: str, message: str) -> str:
    """A message of MLflow or a driver, without the password of this URI; never raises.

    Addresses in it are shown without what stands before their ``@``.
    """
    cleaned = Address(uri).scrub(message)
    return re.sub(r"(?<=://)[^/\s@]+@", "***@", cleaned)
