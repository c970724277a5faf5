"""Where MLflow keeps things, how it is spoken to, and how it is shown.

Nothing here loads MLflow before it is needed.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from materials.errors import GalenaError

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

_SQLITE = "sqlite:///"
URI_VARIABLE = "MLFLOW_TRACKING_URI"
"""The environment variable that names a store to all of MLflow."""


class TrackingError(GalenaError):
    """MLflow cannot be read or written; what Galena itself keeps is unharmed."""


def default_store(folder: Path) -> str:
    """MLflow's database for a campaign: one for all campaigns of the same parent folder."""
    return f"{_SQLITE}{folder.resolve().parent / 'mlflow.db'}"


def model_store(given: str | None, *, beside: Path = Path("runs/any")) -> str:
    """Where registered models are looked up: as given, as MLflow is set, or by default.

    ``beside`` is the campaign's folder, whose store is taken if nothing else is said.
    """
    return given or os.environ.get(URI_VARIABLE) or default_store(beside)


def database_path(uri: str) -> Path:
    """The file of an SQLite URI.

    Raises:
        TrackingError: the URI names something else.
    """
    if not uri.startswith(_SQLITE) or len(uri) == len(_SQLITE):
        raise TrackingError(
            f"tracking needs a URI such as sqlite:///runs/mlflow.db, got '{uri}'"
        )
    return Path(uri.removeprefix(_SQLITE)).resolve()


def absolute(uri: str) -> str:
    """The URI with the path of an SQLite file written out; any other as it is."""
    return f"{_SQLITE}{database_path(uri)}" if uri.startswith(_SQLITE) else uri


def ui_command(uri: str, port: int) -> list[str]:
    """The command that shows an MLflow database in a browser, on this machine only.

    It listens at the first free port from ``port`` on, and says so when it is ready; run it in
    ``ui_environment()``.

    Raises:
        TrackingError: there is no such database yet.
    """
    database = database_path(uri)
    if not database.is_file():
        raise TrackingError(
            f"{database}: no MLflow database here yet; run a campaign first or name another"
        )
    return [
        *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1"),
        *("--port", str(free_port(port)), "--workers", "1"),
        *("--backend-store-uri", f"{_SQLITE}{database}"),
        *("--artifacts-destination", (database.parent / "artifacts").as_uri()),
    ]


def ui_environment() -> dict[str, str]:
    """The environment to run ``ui_command`` in: this one, without telemetry and job workers."""
    return {
        **os.environ,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }


def free_port(preferred: int) -> int:
    """The first port from ``preferred`` on at which nothing listens on this machine.

    Raises:
        TrackingError: the next fifty are all taken.
    """
    for port in range(preferred, min(preferred + 50, 65_536)):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise TrackingError(f"no free port on 127.0.0.1 from {preferred} on; name another")


def open_client(uri: str) -> MlflowClient:
    """A client that says nothing, calls no one, and leaves MLflow's global state alone."""
    quiet_mlflow()
    if uri.startswith(_SQLITE):
        database_path(uri).parent.mkdir(parents=True, exist_ok=True)
    from mlflow.tracking import MlflowClient

    return MlflowClient(tracking_uri=absolute(uri), registry_uri=absolute(uri))


def quiet_mlflow() -> None:
    """No telemetry, which is decided while MLflow is imported, no bars, and warnings only."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)


def experiment_of(client: MlflowClient, uri: str, name: str) -> str:
    """The id of an experiment, made if need be, with its files beside an SQLite store."""
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    place = None
    if uri.startswith(_SQLITE):
        artifacts = database_path(uri).parent / "artifacts"
        artifacts.mkdir(parents=True, exist_ok=True)
        place = artifacts.as_uri()
    tags = {
        "mlflow.experimentKind": "custom_model_development"
    }  # what the page is laid for
    return str(client.create_experiment(name, place, tags=tags))


@contextmanager
def explained(uri: str, *, problem: str, advice: str) -> Iterator[None]:
    """Turn what MLflow, its database or the disk raise into one error for people."""
    from sqlalchemy.exc import SQLAlchemyError

    quiet_mlflow()
    from mlflow.exceptions import MlflowException

    try:
        yield
    except (MlflowException, SQLAlchemyError, OSError) as error:
        first = str(error).strip().partition("\n")[0].rstrip(".")
        raise TrackingError(f"{uri}: {problem}: {first}. {advice}") from error
