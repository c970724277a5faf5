"""Files that ``torch.save`` wrote, read as tensors and plain values, never as code.

Such a file is a zip with a pickle in it. Its pickle is read by torch's restricted reader alone,
which makes tensors, numbers, texts, lists and mappings, and raises for anything else. What that
reader does not look at is checked before: the zip may hold only what is stored as it is, no
more bytes than the file has, so that nothing unpacks to more memory than the file has size.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from materials.errors import InputError


def read_plain(path: Path, allowed: Sequence[Any] = (), *, mmap: bool = False) -> Any:
    """What a file holds, on the CPU; ``allowed`` are further types that are plain too.

    ``mmap`` leaves the tensors on the disk until they are used.

    Raises:
        InputError: it is not of the kind that ``torch.save`` writes, or holds something
            compressed.
        UnpicklingError: it holds what is no tensor and no plain value.
        OSError, RuntimeError, EOFError: it cannot be read.
    """
    import torch

    _check(path)
    with torch.serialization.safe_globals(list(allowed)):
        return torch.load(path, map_location="cpu", weights_only=True, mmap=mmap or None)


def _check(path: Path) -> None:
    """Refuse pickles outside of a zip, and zips that unpack to more than they are."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except zipfile.BadZipFile as error:
        raise InputError(
            f"{path}: is not a file that torch.save writes: bare pickles can run code and "
            "are never opened"
        ) from error
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise InputError(f"{path}: its tensors are compressed, which torch.save never does")
    if sum(member.file_size for member in members) > path.stat().st_size:
        raise InputError(
            f"{path}: its tensors overlap, so that they unpack to more than it is"
        )
