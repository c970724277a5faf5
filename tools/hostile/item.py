"""One item of the hostile pack: what somebody might hand over, and what opens it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

SECRET = "canary-of-a-file-outside"  # noqa: S105 - it guards nothing  # nosec B105
"""Stands in a file beside the pack; no command may show it or write it."""
RAN = "RAN"
"""Name of the file, beside the pack, that any code in the pack makes if it runs."""


@dataclass(frozen=True)
class Place:
    """Where an item is made."""

    folder: Path
    """Its own; commands run here."""
    outside: Path
    """What it tries to reach."""
    model: Path | None = None
    """A small model to ask in place of the shipped one, where time counts."""
    bomb: int = 1024
    """MiB that each bomb becomes."""

    @property
    def marker(self) -> Path:
        return self.outside / RAN

    @property
    def secret(self) -> Path:
        return self.outside / "secret.txt"


Make = Callable[[Place], Sequence[str]]
"""Writes the item, and gives the arguments of ``galena`` that open it."""


@dataclass(frozen=True)
class Item:
    """An item of the pack."""

    name: str
    make: Make
    reason: str = ""
    """What the command must say of it, a regular expression; empty: it is opened and does no
    harm."""
    follow: tuple[Make, ...] = ()
    """Further commands, for what the first one wrote."""
