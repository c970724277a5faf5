"""Which folders hold a model made from a small table; told without loading what it needs."""

from __future__ import annotations

import json
from pathlib import Path

KIND = "small"
"""What ``config.json`` says under ``kind``, to tell such folders from those of networks."""


def is_small(folder: Path) -> bool:
    """Whether the folder's ``config.json`` says that it is one of these."""
    try:
        plain = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(plain, dict) and plain.get("kind") == KIND
