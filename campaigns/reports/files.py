"""Files that are whole or absent."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from pathlib import Path

from materials.errors import GalenaError
from materials.whole import replaced

Way = Callable[[Path], AbstractContextManager[Path]]
"""How a file comes to its place: a function of :mod:`materials.whole`."""


class ReportError(GalenaError):
    """A report could not be written; names the file and why."""


def write_whole(path: Path, content: bytes, *, way: Way = replaced) -> Path:
    """Write a file beside its place and move it there, so that no reader sees half of it.

    Most files of a report are made again by its next command; what is not, goes another
    ``way``: :func:`materials.whole.whole`.

    Raises:
        ReportError: the disk is full or read-only, or the place is taken by a folder.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with way(path) as unfinished:
            unfinished.write_bytes(content)
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
