"""Files cut short, and files in which a bit has changed, each in turn."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from tools.chaos.faults.bench import Bench, Compare, Fault
from tools.chaos.faults.what import SUBJECTS
from tools.chaos.kept import Difference, Stop, begun, begun_again, forgotten
from tools.chaos.record import Outcome, Place, Scale, trial
from tools.chaos.record import Subject as Name

_HARMLESS = {".lock", ".holder"}
_NOT_STATE = (".png", ".html", ".csv", ".cif", ".pdf", ".txt", ".md")
"""Of reports, which are written anew."""


def state_files(folder: Path) -> list[Path]:
    """All below a folder that a run may read when it goes on, relative to it."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return [
        path.relative_to(folder)
        for path in found
        if path.name not in _HARMLESS
        and path.suffix not in _NOT_STATE
        and "artifacts" not in path.parts
        and path.stat().st_size > 0
    ]


def cut(path: Path, draw: random.Random) -> str:
    """Leave the beginning of a file, or nothing."""
    size = path.stat().st_size
    left = draw.choice([0, draw.randrange(size), draw.randrange(size)])
    with path.open("rb+") as file:
        file.truncate(left)
    return f"{path.name} cut to {left} of {size} bytes"


def flip(path: Path, draw: random.Random) -> str:
    """Turn one bit over."""
    size = path.stat().st_size
    place, bit = draw.randrange(size), draw.randrange(8)
    with path.open("rb+") as file:
        file.seek(place)
        old = file.read(1)[0]
        file.seek(place)
        file.write(bytes([old ^ (1 << bit)]))
    return f"bit {bit} of byte {place} of {path.name} turned"


def _faults(
    bench: Bench, damage: Callable[[Path, random.Random], str], each: int
) -> Iterator[Fault]:
    for name in state_files(bench.half()):
        for number in range(each):
            draw = random.Random(f"{bench.place.seed} {name} {number}")

            def before(folder: Path, name: Path = name, draw: random.Random = draw) -> None:
                bench.place.tell(damage(folder / name, draw))

            yield Fault(what=str(name), before=before)


def sound(bench: Bench, folder: Path) -> Stop:
    """What a damaged subject must still have at its end, and may not begin again.

    That is all it had before, but for what was in the damaged file itself. Of its ledger a
    campaign has a copy, so nothing is excepted there. Nothing is deleted to start over.
    """
    before, left = bench.subject.kept(bench.half()) or {}, None
    if bench.name != "campaign":
        left = bench.subject.kept(folder) or {}
    kept = {
        name: mark
        for name, mark in before.items()
        if left is None or (name in left and left[name] == mark)
    }
    return Stop(kept, len(begun(folder)))


def unforgetting(bench: Bench, stop: list[Stop]) -> Compare:
    """Compare as the subject does, and see that what was sound was gone on with."""

    def compare(one: Path, other: Path) -> Difference:
        after = forgotten(stop[0].kept, bench.subject.kept(other))
        again = begun_again(other, [stop[0]], over=False)
        return bench.subject.compare(one, other, kills=1) + after + again

    return compare


def _met(
    place: Place,
    name: str,
    subject: Name,
    damage: Callable[[Path, random.Random], str],
) -> Outcome:
    each = 1 if place.scale is Scale.QUICK else 3
    bench = Bench.of(place, subject)
    for fault in _faults(bench, damage, each):
        stop: list[Stop] = []

        def before(folder: Path, fault: Fault = fault, stop: list[Stop] = stop) -> None:
            fault.before(folder)
            stop.append(sound(bench, folder))

        told = replace(fault, before=before)
        bench.meet(told, start=bench.half(), compare=unforgetting(bench, stop))
    kinds = sorted({p.suffix or p.name for p in state_files(bench.half())})
    return bench.outcome(name, f"of {', '.join(kinds)}")


for _name, _damage in (("file truncated", cut), ("bit flipped", flip)):
    for _subject in SUBJECTS:
        trial(_name, _subject)(partial(_met, name=_name, subject=_subject, damage=_damage))
