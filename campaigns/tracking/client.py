"""How MLflow is spoken to: quietly, not for long, and with errors for people.

MLflow itself tries a server that is away for minutes, and does again what may have been done.
Here each request is made once and soon given up; whoever asks again looks first at what is
there, so nothing is written twice.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from errno import EACCES
from typing import TYPE_CHECKING

from campaigns.tracking.moved import follow_artifacts
from campaigns.tracking.store import (
    AwayError,
    LoginError,
    TrackingError,
    artifact_folder,
    database_path,
    for_mlflow,
    is_file,
    is_server,
    scrubbed,
    shown,
)
from materials.errors import GalenaError, MissingExtraError

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

_ONCE: Mapping[str, str] = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "15",  # s without a byte
}
"""How MLflow asks a server while Galena writes, unless the environment says otherwise."""

_AWAY = frozenset({408, 429, 500, 502, 503, 504})
"""HTTP codes of what may pass; MLflow tells a refused connection as 500."""


_CAUSE = re.compile(
    r"Max retries exceeded.*?(?:\[Errno -?\d+\] )?"
    r"(Connection refused|Name or service not known|No route to host"
    r"|Temporary failure in name resolution|timed out|certificate verify failed)",
    re.DOTALL,
)


_NO_MLFLOW = re.compile(
    r"not in a valid JSON format|failed with error code (?:404|405|30\d) "
    r"|^[A-Z_]+: Response: \{'detail'|No host supplied|Exceeded \d+ redirects"
)
"""What MLflow says of answers that no MLflow server gives."""


def open_client(uri: str) -> MlflowClient:
    """A client that says nothing, calls no one else, and leaves MLflow's global state alone.

    Raises:
        TrackingError: the URI names no store of a kind that Galena writes to, or a file that
            cannot be opened.
        AwayError: a database does not take the connection.
    """
    place = for_mlflow(uri)
    quiet_mlflow()
    if is_file(uri):
        _try_file(uri)
        follow_artifacts(database_path(uri))
    elif not is_server(uri):
        _knock(uri, place)
    from mlflow.tracking import MlflowClient

    return MlflowClient(tracking_uri=place, registry_uri=place)


def quiet_mlflow() -> None:
    """No telemetry, which is decided while MLflow is imported, no bars and no addresses."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)


def experiment_of(client: MlflowClient, uri: str, name: str) -> str:
    """The id of an experiment, made if need be.

    A server says itself where files go; else they lie beside an SQLite file, or in
    ``runs/artifacts``.
    """
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is not None and found.lifecycle_stage == "deleted":
        raise TrackingError(
            f"{shown(uri)}: the experiment '{name}' was deleted in MLflow and takes no runs. "
            "Restore it: MLFLOW_TRACKING_URI=... mlflow experiments restore --experiment-id "
            f"{found.experiment_id}"
        )
    if found is not None:
        return str(found.experiment_id)
    place = None
    if not is_server(uri):
        folder = artifact_folder(uri)
        folder.mkdir(parents=True, exist_ok=True)
        place = folder.as_uri()
    tags = {"mlflow.experimentKind": "custom_model_development"}  # the page is laid for it
    try:
        return str(client.create_experiment(name, place, tags=tags))
    except MlflowException:
        found = client.get_experiment_by_name(name)  # another was quicker
        if found is None:
            raise
        return str(found.experiment_id)


@contextmanager
def explained(uri: str, *, problem: str, advice: str) -> Iterator[None]:
    """Turn what MLflow, its database or the disk raise into one error for people.

    Within, a server is asked once and not for long. Libraries below MLflow raise almost
    anything for an answer that they did not expect, so all of it is turned.

    Raises:
        AwayError: the store does not answer, and may do so later.
        LoginError: it wants another account or password.
        TrackingError: it refused.
    """
    quiet_mlflow()

    try:
        with _asked_once():
            yield
    except GalenaError:  # was said already
        raise
    except ImportError as error:  # a driver or a store's own library
        raise TrackingError(
            f"{shown(uri)}: {problem}: {error}; install what is missing. {advice}"
        ) from error
    except Exception as error:  # noqa: BLE001
        kind, reason = _understood(uri, error)
        told = f"{shown(uri)}: {problem}: {scrubbed(uri, reason)}. {advice}"
        raise kind(told.strip()) from None


@contextmanager
def _asked_once() -> Iterator[None]:
    ours = {name: value for name, value in _ONCE.items() if name not in os.environ}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name in ours:
            os.environ.pop(name, None)


def _understood(uri: str, error: Exception) -> tuple[type[TrackingError], str]:
    """What kind of trouble it is, and the reason in one line."""
    reason = _reason(error)
    if is_file(uri):
        return TrackingError, reason
    if _unknown_account(error, reason):
        return LoginError, (
            "not authenticated: the account or its password is missing or wrong; set "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
        )
    if _NO_MLFLOW.search(str(error)):
        return TrackingError, (
            "what answers there is no MLflow server, or not at this path; open the address in "
            "a browser to see what it is"
        )
    return (AwayError if _may_pass(error) else TrackingError), reason


def _unknown_account(error: Exception, reason: str) -> bool:
    from mlflow.exceptions import MlflowException
    from requests import RequestException

    if isinstance(error, MlflowException):
        code: int = error.get_http_status_code()  # type: ignore[no-untyped-call]
        return code == 401 or "failed with error code 401" in reason
    if isinstance(error, RequestException):
        return error.response is not None and error.response.status_code == 401
    return False


def _may_pass(error: Exception) -> bool:
    from mlflow.exceptions import MlflowException
    from requests import RequestException
    from sqlalchemy.exc import OperationalError

    if isinstance(error, MlflowException):
        code: int = error.get_http_status_code()  # type: ignore[no-untyped-call]
        return code in _AWAY
    if isinstance(error, RequestException):
        return error.response is None or error.response.status_code in _AWAY
    return isinstance(error, OperationalError | ConnectionError | TimeoutError)


def _reason(error: Exception) -> str:
    """The first line of what was said; of a long tale of retries, its cause."""
    told = str(error).strip() or type(error).__name__
    if cause := _CAUSE.search(told):
        return f"no answer ({cause[1]})"
    return told.partition("\n")[0].rstrip(".")


def _try_file(uri: str) -> None:
    """Begin to write once: MLflow would try a file that cannot be opened for minutes."""
    file = database_path(uri)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.exists():
            with file.open("r+b"):
                pass
        if not os.access(file.parent, os.W_OK | os.X_OK):  # SQLite keeps its journal there
            raise PermissionError(EACCES, "the folder cannot be written")
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise TrackingError(
            f"{shown(uri)}: this file cannot be opened for writing: {reason}"
        ) from None


def _knock(uri: str, place: str) -> None:
    """Connect once: MLflow would try a database that is away for two minutes."""
    from sqlalchemy import create_engine
    from sqlalchemy.exc import OperationalError
    from sqlalchemy.pool import NullPool

    try:
        create_engine(place, poolclass=NullPool).connect().close()
    except ImportError:
        raise MissingExtraError("psycopg", "postgres") from None
    except OperationalError as error:
        told = str(error.orig).strip().partition("\n")[0]
        refused = "authentication failed" in told or "does not exist" in told
        kind = TrackingError if refused else AwayError
        raise kind(f"{shown(uri)}: {scrubbed(uri, told)}") from None
