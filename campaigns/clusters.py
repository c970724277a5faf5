"""A Ray cluster: how it is reached, and what its errors say."""

from __future__ import annotations

import logging
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from materials.errors import GalenaError, MissingExtraError

_ANSWER = 10.0  # seconds that a machine has to answer
_PLACE = re.compile(r"(?:ray://)?\[?(?P<host>[^/]+?)\]?:(?P<port>\d+)")


class ClusterError(GalenaError):
    """The cluster cannot be reached, or cannot do the work."""


def lost_errors(ray: Any) -> tuple[type[Exception], ...]:
    """What is raised when a worker, its node or what it made is gone."""
    names = (
        *("RayActorError", "ObjectLostError", "OutOfMemoryError"),
        *("NodeDiedError", "WorkerCrashedError"),
    )
    return tuple(getattr(ray.exceptions, name) for name in names)


def cause(error: Any) -> Exception:
    """What a worker raised, without the traceback that Ray makes its text."""
    found = error.cause
    if isinstance(found, GalenaError):
        return found
    kind = type(found).__name__
    return ClusterError(f"a worker failed with {kind}: {last_line(found)}")


def last_line(error: BaseException) -> str:
    """What matters of a message that quotes a traceback."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """Ray, connected for as long as it is needed, unless the caller is connected already."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError as error:
        raise MissingExtraError("ray", "ray") from error
    if ray.is_initialized():
        yield ray
        return
    try:
        _check_answered(address)
        ray.init(address=address, logging_level=logging.WARNING, log_to_driver=False)
    except (OSError, ValueError, RuntimeError, ImportError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise ClusterError(
            f"no Ray cluster at '{address}': {reason}; start one with `ray start --head`, "
            "or use --ray local"
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _check_answered(address: str) -> None:
    """Raise :class:`OSError` if nobody is there: Ray itself would try for minutes."""
    place = _PLACE.fullmatch(address)
    if place is not None:
        where = (place["host"], int(place["port"]))
        socket.create_connection(where, timeout=_ANSWER).close()
