"""Where a crystal or a number came from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from materials.errors import InputError, brief
from materials.opening import check_regular

_CHUNK = 1 << 20  # bytes hashed at a time


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """One crystal's origin. Text that is not known is empty, except the source."""

    source: str
    """A database, a paper or a file: ``Materials Project``, ``mine.cif``."""
    source_id: str = ""
    """What the source calls this crystal: ``mp-149``, ``#3``."""
    version: str = ""
    """Release of the source, or the hash of a file: ``2019``, ``sha256:9f86d081``."""
    method: str = ""
    """How geometry and values were obtained: ``PBE``, ``CHGNet 0.3.0 relaxation``."""
    licence: str = ""
    """SPDX identifier where there is one: ``CC-BY-4.0``."""
    retrieved: str = ""
    """ISO date on which it was fetched: ``2025-03-01``."""

    def __post_init__(self) -> None:
        if not self.source:
            raise InputError("provenance needs a source: name the database, paper or file")
        if self.retrieved and not _is_date(self.retrieved):
            raise InputError(
                f"provenance: retrieved is '{self.retrieved}', expected an ISO date such "
                "as 2025-03-01"
            )


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, 64 hex digits. Raises :class:`InputError`."""
    digest = hashlib.sha256()
    check_regular(path)
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    return digest.hexdigest()


def checked_bytes(path: Path, sha256: str) -> bytes:
    """Return a file's bytes if they are those it was saved with.

    Raises :class:`InputError` for a file that is missing or has another hash.
    """
    try:
        is_there = path.is_file()
    except OSError as error:  # a name that no file system takes
        raise InputError(f"{path.parent / brief(path.name)}: {error.strerror}") from error
    if not is_there:
        raise InputError(f"{path}: not found; copy the model's folder again")
    if file_sha256(path) != sha256:
        raise InputError(
            f"{path}: not the file that config.json was saved with (SHA-256 differs); copy "
            "the model's folder again"
        )
    return path.read_bytes()
