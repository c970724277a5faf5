"""All groups by name. A new one is added here."""

from __future__ import annotations

from tools.fuzz.group import Group


def groups() -> dict[str, Group]:
    """Every group; their readers are imported when this is asked."""
    from tools.fuzz.crystals import CRYSTAL_GROUPS

    return {group.name: group for group in CRYSTAL_GROUPS}
