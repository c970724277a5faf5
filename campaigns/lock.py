"""One process at a time in a folder."""

from __future__ import annotations

import errno
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from materials.errors import GalenaError, InputError
from materials.opening import check_regular

LOCK_FILES = (".lock", ".holder")
"""What a held folder has besides its own files."""

_NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP}
"""What file systems say that know no locks, as some of a network do."""


class BusyError(GalenaError):
    """Another process is at work in this folder."""


@contextmanager
def held(folder: Path, what: str, option: str) -> Iterator[None]:
    """Make a folder and keep other processes out; the operating system lets go when we die.

    ``what`` is run there, and ``option`` names another folder. Where the file system knows no
    locks, a file says who is there; what it says of a process of this machine that has died
    does not count.

    Raises:
        BusyError: someone else holds the folder; says who.
        InputError: the folder cannot be made or written.
    """
    ours = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = _locked(folder, what)
        _sign(folder / LOCK_FILES[1])
    except OSError as error:
        raise InputError(
            f"{folder}: the {what} folder cannot be written: {error.strerror}; "
            f"choose another with {option}"
        ) from error
    try:
        yield
    finally:
        with suppress(OSError):  # the folder may be gone, or read-only by now
            (folder / LOCK_FILES[1]).unlink(missing_ok=True)
            if ours and [path.name for path in folder.iterdir()] == [LOCK_FILES[0]]:
                (folder / LOCK_FILES[0]).unlink()  # refused before anything was written
                folder.rmdir()
        if lock is not None:
            lock.release()


def _locked(folder: Path, what: str) -> FileLock | None:
    """The lock, held; None where the file system has none and nobody else is there."""
    lock = FileLock(folder / LOCK_FILES[0], timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise BusyError(_busy(folder, what)) from error
    except NotImplementedError:
        _by_file(folder, what)
        return None
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        _by_file(folder, what)
        return None
    return lock


def _by_file(folder: Path, what: str) -> None:
    """Take the folder where only a file can say so."""
    there = _holder(folder)
    if there is None:
        return
    if there.get("host") != socket.gethostname():
        raise BusyError(
            f"{_busy(folder, what)}. This file system knows no locks: if that process is "
            f"gone, remove {folder / LOCK_FILES[1]}"
        )
    if _is_alive(there.get("pid")):
        raise BusyError(_busy(folder, what))


def _sign(path: Path) -> None:
    """Write down who we are; a link there is not followed: the folder may be a stranger's."""
    check_regular(path)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0)
    with os.fdopen(os.open(path, flags, 0o666), "w", encoding="utf-8") as file:
        file.write(json.dumps(_ourselves()))


def _ourselves() -> dict[str, Any]:
    since = datetime.now(UTC).isoformat(sep=" ", timespec="seconds")
    return {"pid": os.getpid(), "host": socket.gethostname(), "since": since}


def _holder(folder: Path) -> dict[str, Any] | None:
    try:
        check_regular(folder / LOCK_FILES[1])
        who = json.loads((folder / LOCK_FILES[1]).read_text())
    except (InputError, OSError, ValueError):
        return None
    return who if isinstance(who, dict) else None


def _is_alive(pid: object) -> bool:
    if not isinstance(pid, int) or pid <= 0 or pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _busy(folder: Path, what: str) -> str:
    who = _holder(folder) or {}
    name = "another process"
    if "pid" in who and "host" in who:
        name = f"process {who['pid']} on {who['host']}"
        if "since" in who:
            name += f" since {who['since']}"
        if who["host"] == socket.gethostname():
            name += f" (kill {who['pid']})"
    return f"{folder}: this {what} is being run by {name}; wait for it or stop it"
