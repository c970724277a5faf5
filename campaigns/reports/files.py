"""Files that are whole or absent."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Collection
from pathlib import Path

from materials.errors import GalenaError


class ReportError(GalenaError):
    """A report could not be written; names the file and why."""


def write_whole(path: Path, content: bytes) -> Path:
    """Write a file beside its place and move it there, so that no reader sees half of it.

    Raises:
        ReportError: the disk is full or read-only, or the place is taken by a folder.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        unfinished = Path(name)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(content)
            unfinished.chmod(0o644)
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise ReportError(
            f"{path}: cannot be written: {error.strerror or error}; free some space or choose "
            "a folder that can be written, then run galena campaign report again"
        ) from error
    return path


def remove_others(folder: Path, pattern: str, keep: Collection[Path]) -> None:
    """Remove what an earlier report left in a folder of ours and this one does not have."""
    for path in folder.glob(pattern):
        if path not in keep:
            path.unlink(missing_ok=True)
