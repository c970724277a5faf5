"""What a refusal has to say to count as one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from materials.errors import GalenaError
from tools.fuzz.group import reason_class

LONGEST = 6000  # characters, of all lines together
_FOR_PROGRAMMERS = re.compile(
    r"NoneType|has no attribute|not subscriptable|object is not|referenced before"
    r"|cannot access local|unsupported operand|positional argument|unhashable|not callable"
    r"|MemoryError|out of memory|cannot allocate|bad_alloc|can't allocate"
)


class Unsound(Exception):
    """A reader refused something without a reason that helps."""


@dataclass
class Refusal:
    """Why something was refused, as a class of reason; empty if it was not."""

    reason: str = ""


@contextmanager
def refused(path: Path) -> Iterator[Refusal]:
    """Take a :class:`GalenaError` for what it is, if its reason names the file."""
    outcome = Refusal()
    try:
        yield outcome
    except GalenaError as error:
        text = str(error)
        check_reason(text)
        if path.name not in text:
            raise Unsound(f"a reason without the file: {reason_class(text)}") from error
        outcome.reason = reason_class(text.replace(f"{path.parent}/", ""))


def check_reason(text: str) -> None:
    """Raise :class:`Unsound` for a reason that is empty, endless or Python's own."""
    if not text.strip() or len(text) > LONGEST:
        raise Unsound(f"a reason of {len(text)} characters")
    if _FOR_PROGRAMMERS.search(text):
        raise Unsound(f"a reason for programmers: {reason_class(text)}")
