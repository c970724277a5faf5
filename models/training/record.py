"""A folder belongs to one piece of work; what it is, is noted at the start."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from materials.errors import InputError


def keep_record(path: Path, record: Mapping[str, Any]) -> None:
    """Write ``record`` as JSON, or see that the one there is the same.

    Raises :class:`InputError` naming the entries that differ.
    """
    text = json.dumps(record, indent=1) + "\n"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path}: expected JSON: {error}; give another folder") from error
    wanted = json.loads(text)
    different = [key for key, value in wanted.items() if kept.get(key) != value]
    if different:
        raise InputError(
            f"{path.parent}: training was begun here with other settings "
            f"({', '.join(different)}); give the same to go on, or another --folder"
        )
