"""Where a relaxation keeps its results until the table is written."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from campaigns.lock import LOCK_FILES

JOURNAL = "journal.jsonl"


def work_folder(output: Path) -> Path:
    """The hidden folder beside the table that is to be."""
    return output.with_name(f".{output.name}.relaxing")


def begun(output: Path) -> bool:
    """Whether a relaxation into this table waits to be gone on with."""
    return (work_folder(output) / JOURNAL).exists()


def remove(folder: Path) -> None:
    """Remove a folder that is no longer needed; whatever else is in it keeps it."""
    for name in (JOURNAL, *LOCK_FILES):
        (folder / name).unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()
