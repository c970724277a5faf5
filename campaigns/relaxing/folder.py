"""Where a relaxation keeps its results until the table is written."""

from __future__ import annotations

from pathlib import Path

from campaigns.lock import LOCK_FILES

_OURS = ("journal.jsonl", *LOCK_FILES)


def work_folder(output: Path) -> Path:
    """The hidden folder beside the table that is to be."""
    return output.with_name(f".{output.name}.relaxing")


def begun(output: Path) -> bool:
    """Whether a relaxation into this table waits to be gone on with."""
    return (work_folder(output) / "journal.jsonl").exists()


def clear(folder: Path) -> None:
    """Remove what a relaxation has in its folder, and nothing else."""
    for name in _OURS:
        (folder / name).unlink(missing_ok=True)
