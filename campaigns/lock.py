"""One process at a time in a folder."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from materials.errors import GalenaError, InputError

LOCK_FILES = (".lock", ".holder")
"""What a held folder has besides its own files."""


class BusyError(GalenaError):
    """Another process is at work in this folder."""


@contextmanager
def held(folder: Path, what: str, option: str) -> Iterator[None]:
    """Make a folder and keep other processes out; the operating system lets go when we die.

    ``what`` is run there, and ``option`` names another folder.

    Raises:
        BusyError: someone else holds the folder; says who.
        InputError: the folder cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / LOCK_FILES[0], timeout=0)
        lock.acquire()
    except Timeout as error:
        raise BusyError(
            f"{folder}: this {what} is being run by {_holder(folder)}; wait for it or stop it"
        ) from error
    except OSError as error:
        raise InputError(
            f"{folder}: the {what} folder cannot be written: {error.strerror}; "
            f"choose another with {option}"
        ) from error
    try:
        who = {"pid": os.getpid(), "host": socket.gethostname()}
        (folder / LOCK_FILES[1]).write_text(json.dumps(who))
        yield
    finally:
        lock.release()


def _holder(folder: Path) -> str:
    try:
        who = json.loads((folder / LOCK_FILES[1]).read_text())
        return f"process {who['pid']} on {who['host']}"
    except (OSError, ValueError, KeyError):
        return "another process"
