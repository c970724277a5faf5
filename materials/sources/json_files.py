"""Records of large JSON files one by one, so that the file need not fit into memory."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from materials.archives import open_zip
from materials.errors import InputError, SourceError


def listed(path: Path, *, skip: int = 0) -> Iterator[Mapping[str, Any]]:
    """Yield the items of a file that is a list, in a zip of one file or on its own.

    The first ``skip`` are left out. Raises :class:`SourceError` for a damaged file.
    """
    import ijson

    with _opened(path) as file:
        for number, item in enumerate(ijson.items(file, "item", use_float=True)):
            if number >= skip:
                yield item if isinstance(item, Mapping) else {}


def framed(path: Path, *, skip: int = 0) -> Iterator[Mapping[str, Any]]:
    """Yield the rows of a data frame as pandas and matminer write it (``orient="split"``)."""
    import ijson

    with _opened(path) as file:
        names = list(_column_names(file))
    with _opened(path) as file:
        for number, row in enumerate(ijson.items(file, "data.item", use_float=True)):
            if number < skip:
                continue
            if not isinstance(row, list) or len(row) != len(names):
                raise SourceError(
                    f"{path}: row {number} is no list of {len(names)} values, one for each "
                    "column"
                )
            yield dict(zip(names, row, strict=True))


def _column_names(file: IO[bytes]) -> Iterator[str]:
    """Read as far as the names, and no further: they come before the rows."""
    import ijson

    for where, event, value in ijson.parse(file):
        if where == "columns.item":
            yield str(value)
        elif (where, event) == ("columns", "end_array"):
            return
    raise ValueError("there is no list 'columns'")


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """Bytes of a file, unpacked. What is wrong with them is a :class:`SourceError`."""
    import ijson

    try:
        if path.suffix == ".zip":
            with open_zip(path) as archive:
                inner = [name for name in archive.namelist() if name.endswith(".json")]
                if len(inner) != 1:
                    raise ValueError(f"holds {len(inner)} JSON files, expected one")
                with archive.open(inner[0]) as file:
                    yield file
        elif path.suffix == ".gz":
            with gzip.open(path) as unpacked:
                yield cast("IO[bytes]", unpacked)
        else:
            with path.open("rb") as file:
                yield file
    except (
        *(ijson.JSONError, zipfile.BadZipFile, InputError),
        *(EOFError, OSError, ValueError),
    ) as error:
        raise SourceError(
            f"{path} is damaged or not what was expected ({error}); remove it to have it "
            "downloaded again"
        ) from error
