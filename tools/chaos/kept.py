"""What a subject had committed when it was stopped, and that going on left it as it was.

Subjects are deterministic: one that forgot all it had done, and did it again, would end like an
undisturbed one. So what is on the disk at each stop must be there at the next one, not
written anew, and nothing of it may be begun again after the stop. What is begun is noted in a
book beside the folder, a line for each piece; of pieces begun before a stop, the last alone may
be lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from materials.provenance import file_sha256

Kept = Mapping[str, object]
"""Pieces of work by name, in the order in which they were committed, each with what must not
change: its row with its clocks, or its file's content and time."""

_ANSWERED = "answered "
_SHOWN = 3


@dataclass(frozen=True)
class Difference:
    """How a subject that was killed differs from one that was not."""

    lost: int = 0
    duplicates: int = 0
    told: tuple[str, ...] = ()

    def __add__(self, other: Difference) -> Difference:
        return Difference(
            self.lost + other.lost,
            self.duplicates + other.duplicates,
            self.told + other.told,
        )


def mark_of(path: Path) -> tuple[str, int]:
    """A file's content, and when it was written."""
    return file_sha256(path), path.stat().st_mtime_ns


@dataclass(frozen=True)
class Stop:
    """What there was when a subject was stopped."""

    kept: Kept | None
    """None where finished work was put together elsewhere and its pieces go."""
    begun: int
    """Lines of the book."""


def book_of(folder: Path) -> Path:
    """Where a subject notes what it begins."""
    return Path(f"{folder}.calls")


def begun(folder: Path) -> list[str]:
    """The pieces in the book, in their order; an oracle's answers are left out."""
    book = book_of(folder)
    lines = book.read_text(encoding="utf-8").splitlines() if book.exists() else []
    return [line.removeprefix("asked ") for line in lines if not line.startswith(_ANSWERED)]


def answered(folder: Path) -> list[str]:
    """Of an oracle's answers, whose they were."""
    lines = book_of(folder).read_text(encoding="utf-8").splitlines()
    return [line.removeprefix(_ANSWERED) for line in lines if line.startswith(_ANSWERED)]


def forgotten(before: Kept | None, after: Kept | None, *, in_flight: int = 0) -> Difference:
    """What was kept ``before`` and is gone or otherwise ``after``; so many newest may go."""
    if before is None or after is None:
        return Difference()
    names = list(before)
    if in_flight and names and names[-1] not in after:
        names = names[:-in_flight]
    bad = [name for name in names if name not in after or after[name] != before[name]]
    return _lost(bad, "were kept, and are gone or written anew")


def begun_again(folder: Path, stops: Sequence[Stop], *, over: bool = True) -> Difference:
    """What was kept at a stop and begun again after it; and, unless what is ``over`` may be
    lost, what was begun before a later piece and not kept.
    """
    found = Difference()
    if not stops:  # it came to its end before anybody stopped it
        return found
    lines = begun(folder)
    ends = [stop.begun for stop in stops[1:]] + [len(lines)]
    for stop, end in zip(stops, ends, strict=True):
        again = [name for name in lines[stop.begun : end] if name in (stop.kept or ())]
        found += _lost(again, "were kept, and done again")
    if not over:
        return found
    for start, stop in zip([0, *(stop.begun for stop in stops)], stops, strict=False):
        if stop.kept is not None:
            ended = lines[start : stop.begun][:-1]
            lost = [name for name in ended if name not in stop.kept]
            found += _lost(lost, "were over, and are not kept")
    return found


def _lost(names: Sequence[str], what: str) -> Difference:
    if not names:
        return Difference()
    some = ", ".join(names[:_SHOWN])
    return Difference(len(names), 0, (f"{len(names)} {what}: {some}",))
