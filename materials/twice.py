"""Small records in JSON that stand twice on the disk, with a checksum in each.

A record says what a folder is; without it, hours of work beside it could not be gone on with.
Of ``NAME.json``, ``NAME.copy.json`` is the copy; it is read where the record is damaged or
gone. Records without a checksum are from before there was one, and believed where there is no
copy: with a copy came the checksum.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from materials.whole import write_whole

_CHECK = "crc32"


def copy_of(path: Path) -> Path:
    """Where the copy of a record stands."""
    return path.with_name(f"{path.stem}.copy{path.suffix}")


def is_there(path: Path) -> bool:
    """Whether there is the record or its copy."""
    return path.exists() or copy_of(path).exists()


def write_twice(path: Path, content: Mapping[str, Any]) -> None:
    """Write the record and then its copy, each whole; one that holds just that is left alone.

    Raises ``OSError`` as writing does.
    """
    plain = json.loads(json.dumps(dict(content)))  # tuples as the reader will find them
    text = json.dumps({**plain, _CHECK: _sum(plain)}, indent=1) + "\n"
    for place in (path, copy_of(path)):
        if not _holds(place, text.encode()):
            write_whole(place, text)


def read_twice(path: Path) -> dict[str, Any]:
    """The record, or else its copy, without the checksum; neither is changed.

    Raises:
        ValueError: both are damaged, or one is and the other is not there.
        OSError: they cannot be read, or there is none.
    """
    copied = copy_of(path).exists()
    try:
        return _read(path, checked=copied)
    except (ValueError, OSError):
        if not copied:
            raise
        try:
            return _read(copy_of(path), checked=True)
        except (ValueError, OSError):
            return _read(path, checked=False)


def _holds(place: Path, content: bytes) -> bool:
    try:
        return place.read_bytes() == content
    except OSError:  # what cannot be read is not what it should be
        return False


def _read(path: Path, *, checked: bool) -> dict[str, Any]:
    plain = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(plain, dict):
        raise ValueError(f"a mapping is expected, not {type(plain).__name__}")
    check = plain.pop(_CHECK, None)
    if check != _sum(plain) and (checked or check is not None):
        raise ValueError("it is not what was written: another checksum")
    return plain


def _sum(plain: Mapping[str, Any]) -> int:
    return zlib.crc32(json.dumps(plain, sort_keys=True).encode())
