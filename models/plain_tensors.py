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
from pickle import UnpicklingError  # raised by torch's restricted reader  # nosec B403
from typing import Any

from materials.archives import open_zip
from materials.errors import InputError


def read_plain(path: Path, allowed: Sequence[Any] = (), *, mmap: bool = False) -> Any:
    """What a file holds, on the CPU; ``allowed`` are further types that are plain too.

    ``mmap`` leaves the tensors on the disk until they are used.

    Raises:
        InputError: it is not of the kind that ``torch.save`` writes, is damaged, or holds
            what is compressed, or no tensor and no plain value.
    """
    import torch

    try:
        _check(path)
        with torch.serialization.safe_globals(list(allowed)):
            return torch.load(
                path, map_location="cpu", weights_only=True, mmap=mmap or None
            )
    except InputError:
        raise
    except UnpicklingError as error:
        raise InputError(
            f"{path}: holds what is no tensor and no plain value, which could run code"
        ) from error
    except Exception as error:  # torch raises anything of a broken file; it is reported
        reason = str(error).partition("\n")[0]
        if isinstance(error, AttributeError | TypeError | KeyError | IndexError):
            reason = "damaged"
        raise InputError(f"{path}: not a file of tensors: {reason:.200}") from error


def _check(path: Path) -> None:
    """Refuse pickles outside of a zip, and zips that unpack to more than they are."""
    try:
        with open_zip(path) as archive:
            members = archive.infolist()
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except zipfile.BadZipFile as error:
        raise InputError(
            f"{path}: is not a file that torch.save writes: bare pickles can run code and "
            "are never opened"
        ) from error
    packed = [m for m in members if m.compress_type != zipfile.ZIP_STORED]
    if packed:
        raise InputError(
            f"{path}: '{packed[0].filename:.60}' in it is compressed, as torch.save never does"
        )
    if sum(member.file_size for member in members) > path.stat().st_size:
        raise InputError(
            f"{path}: its tensors overlap, so that they unpack to more than it is"
        )
