"""MLflow's own server on this machine, to look at a store with a browser."""

from __future__ import annotations

import ipaddress
import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

from campaigns.spawning import SAFE
from campaigns.tracking.client import explained, open_client
from campaigns.tracking.moved import follow_artifacts
from campaigns.tracking.store import (
    LoginError,
    TrackingError,
    artifact_folder,
    database_path,
    for_mlflow,
    is_file,
    is_server,
    shown,
    without_account,
)

if TYPE_CHECKING:
    from campaigns.tracking.runs import Tracked

LOOPBACK = "127.0.0.1"
_AS_TRAINING = "?workflowType=machine_learning"
"""Has MLflow show its pages as those of model training; its own are for language models."""


def ui_command(uri: str, port: int, *, host: str = LOOPBACK) -> list[str]:
    """The command that shows a file or database of MLflow in a browser.

    It listens at the first free port from ``port`` on, and says so when it is ready; run it in
    ``ui_environment(uri)``. Files that were moved along with an SQLite file are found again.

    Raises:
        TrackingError: there is no such database yet, or the URI is a server's, which shows
            itself.
    """
    if is_server(uri):
        raise TrackingError(f"{shown(uri)} is a server already; open it in a browser")
    if is_file(uri):
        database = database_path(uri)
        if not database.is_file():
            raise TrackingError(
                f"{database}: no MLflow database here yet; run a campaign first or name another"
            )
        follow_artifacts(database)
    else:
        for_mlflow(uri)  # refuses what is no store
    return [
        *(sys.executable, "-P", "-m", "mlflow", "server", "--host", host),
        *("--port", str(free_port(port, host=host)), "--workers", "1"),
        *("--artifacts-destination", artifact_folder(uri).as_uri()),
    ]


def ui_environment(uri: str) -> dict[str, str]:
    """The environment to run ``ui_command`` in: this one, without telemetry and job workers.

    It names the store, whose password no list of processes then shows.
    """
    return {
        **os.environ,
        SAFE: "1",  # nor do its workers import what lies in the working directory
        "MLFLOW_BACKEND_STORE_URI": for_mlflow(uri),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens there."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def free_port(preferred: int, *, host: str = LOOPBACK) -> int:
    """The first port from ``preferred`` on at which nothing listens at this address.

    Raises:
        TrackingError: the next fifty are all taken, or the address is none of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for port in range(preferred, min(preferred + 50, 65_536)):
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return port
    raise TrackingError(f"no free port on {host} from {preferred} on; name another")


def first_page(uri: str, address: str, experiment: str) -> str:
    """Where to begin looking: the experiment's runs, or the list of experiments.

    Both are asked for as MLflow's model training shows them. What stands before an ``@`` of
    the address, a name and a password, is left out.

    Raises:
        AwayError: the store does not answer.
        TrackingError: it is no store of MLflow, or of another version.
    """
    advice = "Look whether it runs, and whether the address is right"
    try:
        with explained(uri, problem="MLflow could not be read", advice=advice):
            found = open_client(uri).get_experiment_by_name(experiment)
    except LoginError:  # the page itself asks for name and password
        found = None
    place = f"/{found.experiment_id}/runs" if found else ""
    return f"{without_account(address).rstrip('/')}/#/experiments{place}{_AS_TRAINING}"


def run_page(address: str, run: Tracked) -> str:
    """Where a server shows a campaign's run."""
    place = f"experiments/{run.experiment_id}/runs/{run.run_id}"
    return f"{without_account(address).rstrip('/')}/#/{place}{_AS_TRAINING}"


def open_when_ready(page: str) -> None:
    """Open a page in the browser as soon as its server answers; does not wait for it."""
    subprocess.Popen(
        [sys.executable, "-P", "-m", "campaigns.tracking.opening", page],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
