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
from typing import TYPE_CHECKING

from campaigns.tracking.moved import follow_artifacts
from campaigns.tracking.store import (
    AwayError,
    TrackingError,
    artifact_folder,
    database_path,
    for_mlflow,
    is_file,
    is_server,
    scrubbed,
    shown,
)
from materials.errors import MissingExtraError

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


def open_client(uri: str) -> MlflowClient:
    """A client that says nothing, calls no one else, and leaves MLflow's global state alone.

    Raises:
        TrackingError: the URI names no store of a kind that Galena writes to.
        AwayError: a database does not take the connection.
    """
    place = for_mlflow(uri)
    quiet_mlflow()
    if is_file(uri):
        database_path(uri).parent.mkdir(parents=True, exist_ok=True)
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

    Within, a server is asked once and not for long.

    Raises:
        AwayError: the store does not answer, and may do so later.
        TrackingError: it refused.
    """
    from sqlalchemy.exc import SQLAlchemyError

    quiet_mlflow()
    from mlflow.exceptions import MlflowException

    try:
        with _asked_once():
            yield
    except ImportError as error:  # a driver or a store's own library
        raise TrackingError(
            f"{shown(uri)}: {problem}: {error}; install what is missing. {advice}"
        ) from error
    except (MlflowException, SQLAlchemyError, OSError) as error:
        kind = AwayError if not is_file(uri) and _may_pass(error) else TrackingError
        reason = scrubbed(uri, _reason(error))
        raise kind(f"{shown(uri)}: {problem}: {reason}. {advice}") from None


@contextmanager
def _asked_once() -> Iterator[None]:
    ours = {name: value for name, value in _ONCE.items() if name not in os.environ}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name in ours:
            os.environ.pop(name, None)


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
    told = str(error).strip()
    if cause := _CAUSE.search(told):
        return f"no answer ({cause[1]})"
    return told.partition("\n")[0].rstrip(".")


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
