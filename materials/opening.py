"""Files that are small by their kind, read whole: no pipe, no device, nothing endless."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from materials.errors import InputError

_MEBIBYTE = 1 << 20
LARGEST_TEXT = 64 * _MEBIBYTE
"""Bytes; a specification has some kilobytes, a worksheet of 100,000 rows some megabytes."""


def check_regular(path: Path) -> None:
    """Raise :class:`InputError` for a pipe or a device, which may wait or go on for ever.

    What is not there at all is for whoever opens it to say.
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise InputError(f"{path}: is a device or a pipe, expected a file")


def small_file(path: Path, *, largest: int = LARGEST_TEXT) -> bytes:
    """A file's bytes, looked at once opened, so that nobody can change it in between.

    Raises:
        InputError: it is a device, a pipe, or larger than ``largest`` bytes.
        OSError: it cannot be read.
    """
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(handle, "rb") as file:
        status = os.fstat(file.fileno())
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(status.st_mode):
            raise InputError(f"{path}: is a device or a pipe, expected a file")
        content = file.read(largest + 1)
    if len(content) > largest:
        most = largest // _MEBIBYTE
        raise InputError(f"{path}: larger than {most} MiB, which no such file is")
    return content
