"""Opening zip archives and compressed files without trusting them.

Nothing is written outside a temporary folder, names inside an archive never become paths,
and unpacking stops at a size that no crystal file needs.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from materials.bounds import LARGEST_FILE, MEBIBYTE
from materials.errors import InputError

LARGEST_ARCHIVE = 8192 * MEBIBYTE  # bytes unpacked, all members together
MOST_MEMBERS = 200_000  # files; more crystals belong into a table
LARGEST_LIST = 32 * MEBIBYTE  # bytes of an archive's list of its files
_LOCAL_HEADER = 30  # bytes before each member's name
_CHUNK = 1 << 20

_OPENERS: dict[str, Callable[..., Any]] = {
    ".gz": gzip.open,
    ".bz2": bz2.open,
    ".xz": lzma.open,
}
COMPRESSED_SUFFIXES = tuple(_OPENERS)
_BROKEN = (
    *(OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile),
    *(
        ValueError,
        OverflowError,
        struct.error,
    ),  # names that are no text, offsets beyond 2**63
)
_LONGEST_NAME = 100  # characters of a member's name that its unpacked file keeps


@dataclass(frozen=True)
class Member:
    """A file inside a zip archive."""

    name: str
    path: Path | None  # unpacked; gone once the next member is asked for
    error: str | None  # why it was not unpacked


@contextmanager
def uncompressed(path: Path) -> Iterator[Path]:
    """Give the file itself, or for ``x.cif.gz`` a temporary ``x.cif``.

    Raises :class:`InputError` for a damaged file or one larger than :data:`LARGEST_FILE`.
    """
    opener = _OPENERS.get(path.suffix.lower())
    if opener is None:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="galena-") as folder:
        target = Path(folder) / path.stem
        try:
            with opener(path, "rb") as source:
                _copy(source, target, LARGEST_FILE)
        except _BROKEN as error:
            raise InputError(f"cannot be decompressed: {error}") from error
        yield target


@contextmanager
def open_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a zip archive for reading, unless the list of its files is of no sane length.

    Python reads that list whole before anything can be said of it: a minute for a million
    files.

    Raises:
        InputError: the list is longer than :data:`LARGEST_LIST`.
        zipfile.BadZipFile: it is no zip archive.
    """
    with _Listed(io.FileIO(path)) as file, zipfile.ZipFile(file) as archive:
        yield archive


class _Listed(io.BufferedReader):
    """A zip archive, of which nothing but a list of too many files is asked for at once."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > LARGEST_LIST:
            raise InputError(
                f"the list of its files has {size // MEBIBYTE} MiB, at most "
                f"{LARGEST_LIST // MEBIBYTE} MiB are read; put so many crystals into a table"
            )
        return super().read(size)


def zip_members(path: Path) -> Iterator[Member]:
    """Unpack a zip archive's files one at a time, sorted by name, hidden files left out.

    A member that is encrypted, too large, a link, or whose name leads outside the archive
    comes with an error. Raises :class:`InputError` if the archive itself cannot be read, has
    too many members, or some that share their bytes, as only bombs have.
    """
    left = LARGEST_ARCHIVE
    try:
        with open_zip(path) as archive:
            _check_members(archive.infolist())
            for info in sorted(archive.infolist(), key=lambda info: info.filename):
                if info.filename.endswith("/") or _is_hidden(info.filename):
                    continue  # a folder; the method that says so fails for an empty name
                with tempfile.TemporaryDirectory(prefix="galena-") as folder:
                    target = Path(folder) / _file_name(info.filename)
                    error = _extract(archive, info, target, min(left, LARGEST_FILE))
                    left -= target.stat().st_size if target.exists() else 0
                    yield Member(info.filename, None if error else target, error)
    except UnicodeDecodeError as error:
        raise InputError("is not a zip archive: a name in it is no text") from error
    except (NotImplementedError, *_BROKEN) as error:
        raise InputError(f"is not a zip archive, or cut short: {error}") from error


def _file_name(member: str) -> str:
    """What a member is called once unpacked: as it was, or the ends of a name that is too long.

    Prefix and suffix say what a file is; file systems take 255 bytes.
    """
    name = PurePosixPath(member).name or "file"
    if len(os.fsencode(name)) <= 2 * _LONGEST_NAME:
        return name
    plain = name.encode("ascii", "replace").decode().replace("?", "_")
    return plain[: _LONGEST_NAME // 2] + plain[-_LONGEST_NAME // 2 :]


def _check_members(members: list[zipfile.ZipInfo]) -> None:
    """Refuse what no honest archive is; see Fifield, A better zip bomb, WOOT 2019."""
    if len(members) > MOST_MEMBERS:
        raise InputError(f"holds {len(members):,} files, at most {MOST_MEMBERS:,} are read")
    end = -1
    for info in sorted(members, key=lambda info: info.header_offset):
        if info.header_offset < end:
            raise InputError(f"its members overlap at {info.filename}: a zip bomb")
        end = info.header_offset + _LOCAL_HEADER + info.compress_size


def _is_hidden(name: str) -> bool:
    parts = PurePosixPath(name.replace("\\", "/")).parts
    hidden = any(part.startswith(".") and part != ".." for part in parts)
    return hidden or "__MACOSX" in parts


def _extract(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path, limit: int
) -> str | None:
    """Copy one member to ``target``; return why not, if not."""
    parts = PurePosixPath(info.filename.replace("\\", "/")).parts
    if ".." in parts or parts[:1] == ("/",):
        return "its name leads outside the archive"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "is a symbolic link; archive the file itself"
    if (kind := stat.S_IFMT(info.external_attr >> 16)) and kind != stat.S_IFREG:
        return "is a device or a pipe, expected a file"
    if info.file_size > limit:
        return f"unpacks to more than {limit // MEBIBYTE} MiB"
    if info.flag_bits & 0x1:
        return "is encrypted; unpack the archive first"
    try:
        with archive.open(info) as source:
            _copy(source, target, limit)
    except InputError as error:
        return str(error)
    except NotImplementedError as error:
        return f"uses a compression that cannot be read: {error}"
    except _BROKEN as error:
        return f"cannot be unpacked: {error}"
    return None


def _copy(source: IO[bytes], target: Path, limit: int) -> None:
    """Copy up to ``limit`` bytes, counting what really comes, not what a header says."""
    copied = 0
    with target.open("wb") as out:
        while chunk := source.read(_CHUNK):
            copied += len(chunk)
            if copied > limit:
                raise InputError(f"unpacks to more than {limit // MEBIBYTE} MiB")
            out.write(chunk)
