"""A folder belongs to one piece of work; what it is, is noted at the start."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from materials.errors import InputError
from materials.twice import is_there, read_twice, write_twice
from materials.versioned import FileFormat

TRAINING = FileFormat(
    what="training",
    version=1,
    remedy="train again in another folder",
)
"""Of every file in a training's folder: records, configs and checkpoints."""

RECORDS = ("training.json", "comparison.json")
"""Of one network, and of methods compared; both kinds of work end in FOLDER/model."""


def keep_record(path: Path, record: Mapping[str, Any]) -> None:
    """Write ``record`` as JSON, and a copy, or see that the one there is the same.

    Raises :class:`InputError` naming the entries that differ, or for a folder in which work
    of another kind was begun.
    """
    _refuse_others(path)
    record = json.loads(json.dumps({**TRAINING.stamp(), **record}))
    if not is_there(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_twice(path, record)
        return
    try:
        there = read_twice(path)
    except ValueError as error:
        raise InputError(
            f"{path} and its copy: no record of a training: {error}; give another --folder"
        ) from error
    kept, wanted = (TRAINING.upgraded(each, path) for each in (there, record))
    different = [key for key, value in wanted.items() if kept.get(key) != value]
    if different:
        raise InputError(
            f"{path.parent}: training was begun here with other settings "
            f"({', '.join(different)}); give the same to go on, or another --folder"
        )
    write_twice(path, there)  # whichever of the two was damaged


def _refuse_others(path: Path) -> None:
    """See that nothing else was begun in the folder, nor a model kept that is not from here."""
    folder = path.parent
    for name in RECORDS:
        if path.name in RECORDS and name != path.name and is_there(folder / name):
            raise InputError(
                f"{folder}: another kind of training was begun here ({name}); a folder holds "
                "one piece of work: give another --folder"
            )
    if path.name in RECORDS and not is_there(path) and (folder / "model").exists():
        raise InputError(
            f"{folder / 'model'} exists, and nothing says that it was trained here; give "
            "another --folder"
        )
