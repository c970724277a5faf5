"""Result files that are whole or not there."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from materials.errors import InputError
from materials.harmless import cells
from materials.whole import whole

if TYPE_CHECKING:
    import pandas as pd


def check_output(
    path: Path, *, suffixes: Sequence[str], force: bool, inputs: Iterable[Path] = ()
) -> None:
    """Find out before the work begins whether its result can be written.

    Raises:
        InputError: the suffix is none of ``suffixes``, the folder does not exist or cannot
            be written to, or there is a file already and ``force`` is not given; or
            it is one of ``inputs``, ``force`` or not.
    """
    if any(path.exists() and other.exists() and path.samefile(other) for other in inputs):
        raise InputError(f"{path} is read by this command; give another name to write to")
    if path.suffix.lower() not in suffixes:
        raise InputError(
            f"{path}: expected a name ending in {' or '.join(suffixes)}, "
            f"got '{path.suffix}'"
        )
    if not path.parent.is_dir():
        raise InputError(
            f"{path}: the folder {path.parent} does not exist; create it first"
        )
    if path.is_dir():
        raise InputError(f"{path} is a folder; give a file name")
    if path.exists() and not force:
        raise InputError(f"{path} exists; choose another name, or --force to replace it")
    if not os.access(path.parent, os.W_OK):
        raise InputError(f"{path}: the folder {path.parent} cannot be written to")


def check_folder(path: Path) -> None:
    """Find out before the work begins whether its files can be put into a folder.

    Raises:
        InputError: it is a file, or can neither be made nor written to.
    """
    try:
        if path.exists():
            usable = path.is_dir() and os.access(path, os.W_OK)
            reason = "cannot be written to" if path.is_dir() else "is a file"
        else:
            missing = [p for p in (path, *path.parents) if not p.exists()]
            missing[-1].mkdir()
            missing[-1].rmdir()
            usable, reason = True, ""
    except OSError as error:
        usable, reason = False, f"cannot be made: {error.strerror or error}"
    if not usable:
        raise InputError(f"{path}: {reason}; give another folder")


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` that takes its place when all went well.

    Raises:
        InputError: the disk is full or cannot be written; ``path`` stays as it was.
    """
    try:
        with whole(path) as part:
            yield part
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written: {error.strerror or error}; "
            "free some space or choose another place"
        ) from error


def write_rows(frame: pd.DataFrame, document: Mapping[str, Any], path: Path) -> None:
    """Write rows as CSV or Parquet, or, by any other suffix, ``document`` as JSON."""
    with whole_file(path) as part:
        match path.suffix.lower():
            case ".csv":
                cells(frame).to_csv(part, index=False)
            case ".parquet":
                frame.to_parquet(part, index=False)
            case _:
                text = json.dumps(document, indent=2, ensure_ascii=False)
                part.write_text(text + "\n", encoding="utf-8")
