"""Files that are whole or not there, whatever becomes of the process or of the power.

A rename alone survives a killed process. After a power cut a file system may have kept the
rename and lost the content, which leaves an empty file under the final name; so the content is
brought to the disk first, and the folder, which holds the name, afterwards (Pillai et al.,
"All File Systems Are Not Created Equal", OSDI 2014).
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from materials.provenance import file_sha256

_PART = re.compile(r"\.(?P<name>.+)\.\d+\.part")


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Yield a hidden path beside ``path`` that takes its place, for good, if all goes well.

    For state, and for results that cost something. What a killed process leaves behind is
    named as :func:`part_of` says. Raises what writing raises; ``path`` then stays as it was.
    """
    with replaced(path) as part:
        yield part
        sync_file(part)
    sync_folder(path.parent)


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """The same without waiting for the disk: for what the next run makes again anyway."""
    part = part_of(path)
    try:
        yield part
        part.replace(path)
    except OSError as error:
        if error.filename in (None, str(part)):  # for people, what was to be written
            error.filename = str(path)
        raise
    finally:
        with contextlib.suppress(OSError):  # the first error is being raised
            part.unlink(missing_ok=True)


def part_of(path: Path) -> Path:
    """Where this process writes what will become ``path``: ``.NAME.PROCESS.part``."""
    return path.with_name(f".{path.name}.{os.getpid()}.part")


def whole_of(name: str) -> str | None:
    """Of which file this is the name in the making, by :func:`part_of`; None if of none."""
    found = _PART.fullmatch(name)
    return None if found is None else found["name"]


def remove_parts(folder: Path, *, idle: float = 0.0) -> None:
    """Remove what killed processes were writing in a folder, if nobody wrote for so many s.

    Nobody else may be writing there, or ``idle`` must be longer than anyone pauses.
    """
    if not folder.is_dir():
        return
    for path in list(folder.iterdir()):
        with contextlib.suppress(FileNotFoundError):  # somebody was quicker
            if whole_of(path.name) and time.time() - path.stat().st_mtime >= idle:
                path.unlink()


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file through :func:`whole`; text is UTF-8. Makes no folder."""
    with whole(path) as part:
        part.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)


def same_bytes(one: Path, other: Path) -> bool:
    """Whether two files hold the same, by size and SHA-256."""
    same = one.stat().st_size == other.stat().st_size
    return same and file_sha256(one) == file_sha256(other)


def sync_file(path: Path) -> None:
    """Bring what was written to a file to the disk."""
    _sync(path, os.O_RDONLY)


def sync_folder(path: Path) -> None:
    """Bring the names in a folder to the disk, where the system can (Windows cannot)."""
    if os.name == "posix":
        _sync(path, os.O_RDONLY | os.O_DIRECTORY)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
