"""What a trial is, what it came to, and the table of all of them."""

from __future__ import annotations

import json
import platform
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import Literal

import psutil
from rich.console import Console
from rich.table import Table

Subject = Literal["campaign", "screening", "training", "data pull"]


class Scale(Enum):
    """How much a trial does."""

    QUICK = "quick"
    """As a test: seconds."""
    FULL = "full"
    """As ``make chaos`` has it."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a trial may write, and what it draws from."""

    folder: Path
    """Fresh, the trial's own."""
    seed: int
    scale: Scale = Scale.FULL
    tell: Callable[[str], None] = print
    """Hears how far it is, a line at a time."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a fault did to a subject."""

    fault: str
    subject: str
    times: int
    """How often it was done to the subject; a trial that did nothing has shown nothing."""
    survived: int
    """After how many of them the subject came to the right end."""
    lost: int
    """Rows and verdicts that an undisturbed run has and this has not, or has otherwise."""
    duplicates: int
    """Rows and verdicts on record twice."""
    seconds: float
    note: str = ""

    @property
    def good(self) -> bool:
        """Whether it happened at all, and cost nothing."""
        whole = self.survived == self.times and not self.lost and not self.duplicates
        return self.times > 0 and whole


def _nothing() -> str:
    return ""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One fault on one subject."""

    name: str
    subject: Subject
    run: Callable[[Place], Outcome]
    waits: bool = False
    """Whether most of its time is waiting, so that it is done beside the others."""
    missing: Callable[[], str] = _nothing
    """What it needs and this machine lacks, such as a C compiler; empty if nothing."""


TRIALS: dict[tuple[str, Subject], Trial] = {}
"""All that there are, in the order of the table."""


def trial(
    name: str,
    subject: Subject,
    *,
    waits: bool = False,
    missing: Callable[[], str] = _nothing,
) -> Callable[[Callable[[Place], Outcome]], Callable[[Place], Outcome]]:
    """Put a function on the list of trials."""

    def listed(run: Callable[[Place], Outcome]) -> Callable[[Place], Outcome]:
        if (name, subject) in TRIALS:
            raise ValueError(f"there is a trial '{name}' of a {subject} already")
        TRIALS[name, subject] = Trial(
            name=name, subject=subject, run=run, waits=waits, missing=missing
        )
        return run

    return listed


def failed(trial: Trial, error: BaseException, seconds: float) -> Outcome:
    """What to record of a trial that came to no end of its own."""
    return Outcome(
        fault=trial.name,
        subject=trial.subject,
        times=1,
        survived=0,
        lost=0,
        duplicates=0,
        seconds=seconds,
        note=f"{type(error).__name__}: {error}",
    )


def grid(outcomes: Iterable[Outcome]) -> Table:
    """The table that people read, with sums."""
    outcomes = list(outcomes)
    table = Table(header_style="bold", show_footer=True)
    sums = [sum(getattr(o, name) for o in outcomes) for name in _COUNTS]
    kinds = len({outcome.fault for outcome in outcomes})
    table.add_column("fault", f"kinds: {kinds}")
    table.add_column("subject")
    for title, total in zip(_COUNTS.values(), sums, strict=True):
        table.add_column(title, f"{total:,}", justify="right")
    table.add_column("s", f"{sum(o.seconds for o in outcomes):,.0f}", justify="right")
    table.add_column("note", overflow="fold")
    for one in outcomes:
        counts = (f"{getattr(one, name):,}" for name in _COUNTS)
        style = "" if one.good else "red"
        row = (one.fault, one.subject, *counts, f"{one.seconds:.1f}", one.note)
        table.add_row(*row, style=style)
    return table


_COUNTS = {
    "times": "times",
    "survived": "survived",
    "lost": "lost rows",
    "duplicates": "duplicates",
}


def told(outcome: Outcome) -> str:
    """One line, while others are still to come."""
    found = f"{outcome.fault} ({outcome.subject}): {outcome.survived} of {outcome.times} "
    found += f"survived, {outcome.lost} rows lost, {outcome.duplicates} duplicates"
    return found if outcome.good else f"{found}; NOT GOOD: {outcome.note}"


def in_all(
    outcomes: Sequence[Outcome], *, minutes: float, left_out: Mapping[str, str]
) -> str:
    """The sums in words; ``left_out`` is what each trial that was not made lacks here."""
    kills = [o for o in outcomes if o.fault.startswith(KILLS)]
    faults = [o for o in outcomes if o not in kills]
    kinds = len({o.fault for o in faults})
    wrong = sum(not o.good for o in outcomes)
    return (
        f"{sum(o.times for o in kills):,} random kills, and {kinds} kinds of injected fault "
        f"{sum(o.times for o in faults):,} times, in {minutes:.1f} minutes; "
        f"survived: {sum(o.survived for o in outcomes):,} of "
        f"{sum(o.times for o in outcomes):,}; lost rows: {sum(o.lost for o in outcomes):,}; "
        f"duplicates: {sum(o.duplicates for o in outcomes):,}; "
        + (f"{wrong} of {len(outcomes)} trials NOT GOOD" if wrong else "all is well")
        + (f", but {_unmade(left_out)}" if left_out else "")
    )


def _unmade(left_out: Mapping[str, str]) -> str:
    lacking = Counter(left_out.values()).items()
    told = ", ".join(f"{n} for want of {what}" for what, n in lacking)
    return f"{len(left_out)} trials were LEFT OUT here: {told}"


KILLS = ("killed", "power cut")
"""How the names of trials begin that kill at random instants."""


def document(
    outcomes: Sequence[Outcome], *, seed: int, minutes: float, left_out: Mapping[str, str]
) -> dict[str, object]:
    """The same for machines, with what it was measured on."""
    return {
        "machine": machine(),
        "seed": seed,
        "minutes": round(minutes, 1),
        "kinds": len({outcome.fault for outcome in outcomes}),
        "times": sum(outcome.times for outcome in outcomes),
        "left_out": dict(left_out),
        "outcomes": [asdict(outcome) for outcome in outcomes],
    }


def machine() -> str:
    """The processor, its cores and the memory, without a host's name."""
    model = platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
        named = (line.partition(":")[2].strip() for line in lines if "model name" in line)
        model = next(named, model)
    memory = psutil.virtual_memory().total / 2**30
    return f"{model}, {psutil.cpu_count()} cores, {memory:.0f} GiB, {platform.system()}"


def save(document: dict[str, object], path: Path) -> None:
    """Write the JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def show(
    outcomes: Sequence[Outcome], *, minutes: float, left_out: Mapping[str, str]
) -> None:
    """Print the table, and the sums in words."""
    console = Console()
    if not console.is_terminal:
        console.width = 160
    console.print(grid(outcomes))
    told = in_all(outcomes, minutes=minutes, left_out=left_out)
    console.print(told, highlight=False)
