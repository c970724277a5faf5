"""docs/formats.md lists every format that the code has, in the version of today."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

from materials.versioned import FileFormat

PACKAGES = ("materials", "models", "campaigns")


def formats() -> dict[str, int]:
    """What every format in the code is called, and its version."""
    found = {}
    for package in PACKAGES:
        for path in Path(package).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            if re.search(r"^[A-Z]+ = FileFormat\($", text, re.MULTILINE):
                module = importlib.import_module(".".join(path.with_suffix("").parts))
                own = [v for v in vars(module).values() if isinstance(v, FileFormat)]
                found |= {each.what: each.version for each in own}
    return found


def test_the_table_is_what_the_code_says() -> None:
    text = Path("docs/formats.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([a-z][^|]+) \| (\d+) \| [^\d]", text, re.MULTILINE)
    told = {what: int(number) for what, number in rows}
    assert told == formats()
