"""A folder belongs to one piece of work; what it is, is noted at the start."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from materials.errors import InputError
from materials.versioned import FileFormat
from materials.whole import write_whole

TRAINING = FileFormat(
    what="training",
    version=1,
    remedy="train again in another folder",
)
"""Of every file in a training's folder: records, configs and checkpoints."""

RECORDS = ("training.json", "comparison.json")
"""Of one network, and of methods compared; both kinds of work end in FOLDER/model."""


def keep_record(path: Path, record: Mapping[str, Any]) -> None:
    """Write ``record`` as JSON, or see that the one there is the same.

    Raises :class:`InputError` naming the entries that differ, or for a folder in which work
    of another kind was begun.
    """
    _refuse_others(path)
    text = json.dumps({**TRAINING.stamp(), **record}, indent=1) + "\n"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text)
        return
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path}: expected JSON: {error}; give another folder") from error
    if not isinstance(kept, dict):
        raise InputError(f"{path}: no record of a training; give another --folder")
    kept, wanted = (TRAINING.upgraded(each, path) for each in (kept, json.loads(text)))
    different = [key for key, value in wanted.items() if kept.get(key) != value]
    if different:
        raise InputError(
            f"{path.parent}: training was begun here with other settings "
            f"({', '.join(different)}); give the same to go on, or another --folder"
        )


def _refuse_others(path: Path) -> None:
    """See that nothing else was begun in the folder, nor a model kept that is not from here."""
    folder = path.parent
    for name in RECORDS:
        if path.name in RECORDS and name != path.name and (folder / name).exists():
            raise InputError(
                f"{folder}: another kind of training was begun here ({name}); a folder holds "
                "one piece of work: give another --folder"
            )
    if path.name in RECORDS and not path.exists() and (folder / "model").exists():
        raise InputError(
            f"{folder / 'model'} exists, and nothing says that it was trained here; give "
            "another --folder"
        )
