"""The plan of the house names rooms that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PLAN = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def named(package: str) -> list[str]:
    """Modules in the first column of a package's table."""
    section = PLAN.split(f"\n## {package}\n")[1].split("\n## ")[0].split("\n### ")[0]
    first = re.findall(r"^\| (`.*?) \|", section, flags=re.MULTILINE)
    return [name for cell in first for name in re.findall(r"`([\w.]+)`", cell)]


@pytest.mark.parametrize("package", ["materials", "models", "campaigns"])
def test_every_module_of_the_plan_exists(package: str) -> None:
    assert len(named(package)) > 10
    for name in named(package):
        place = ROOT / package / name.replace(".", "/")
        assert place.is_dir() or place.with_suffix(".py").exists(), f"{package}.{name}"


def test_every_room_of_campaigns_is_in_the_plan() -> None:
    rooms = {path.parent.name for path in (ROOT / "campaigns").glob("*/__init__.py")}
    assert rooms <= set(named("campaigns"))
