"""Whether a campaign of hundreds of rounds costs in the last what it did in the first.

python benchmarks/long_run.py [--kind sampler] [--kind pool] [--rounds 500] [--folder FOLDER]

Each kind of campaign runs as a process of its own, ``galena campaign run`` with MLflow and the
report as usual, in a world that is made here (``long_world.py``). It is watched from outside:
memory, open files, threads, processes, files and their sizes, and how long each part of a
round took, told by when the files of the campaign were written. Killed, it goes on with
the same command, and so does the campaign; the process is then a new one, which is noted.

What counts as flat stands in ``LIMITS``, written before anything was measured.
"""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import psutil
import typer
from long_world import Kind, make
from rich.console import Console
from rich.table import Table

from models.evaluation.answers import processor_name

RESULT = Path(__file__).parent / "results" / "long_run.json"
SHOWN = (10, 50, 100, 250, 500)
WATCHED = 0.05  # s between two looks
BATCH = 2  # oracle calls per round
FIRST, EARLY = 10, 50  # rounds that the last one is compared with
GROWTH, VERDICT, SLOWER = 1.05, 20_000, 1.5  # the second in bytes
LIMITS = {
    "memory": f"USS at the last round at most {GROWTH} times that at round {EARLY}, plus "
    f"{VERDICT} bytes a verdict",
    "handles": f"open files and sockets at the last round at most those at round {EARLY}",
    "threads": f"threads and child processes at the last at most those at round {EARLY}",
    "files": "files in the campaign's folder, but for one crystal a hit, the most of ten "
    f"rounds, at the last at most those at round {EARLY}",
    "time": f"s of the clock a round, median of ten, at the last at most {SLOWER} times that "
    f"at round {FIRST}",
    "processor": f"s of processor a round, mean of ten, at the last at most {SLOWER} times "
    f"that at round {FIRST}",
}
PARTS = ("propose", "judge", "study", "report", "mlflow")
SLOPES = ("uss", "rss", "handles", "threads", "files", "seconds", *PARTS, "ledger")


@dataclass(frozen=True)
class Seen:
    """One round, and the process when it was over."""

    round: int
    start: int  # which start of the process it was, from 1
    seconds: float  # from the end of one round to that of the next
    propose: float
    judge: float
    study: float
    report: float
    mlflow: float
    processor: float  # s of the process so far, when the round was closed
    load: float  # average of a minute: what else wanted the processors
    rss: int  # bytes
    uss: int  # bytes
    handles: int
    threads: int
    children: int
    files: int  # in the folder, but for the crystals of hits
    crystals: int  # files, one for every hit
    ledger: int  # bytes
    optuna: int  # bytes
    reports: int  # bytes
    database: int  # bytes, MLflow's
    artifacts: int  # files
    artifact_bytes: int


def main(
    *,
    kind: Annotated[
        list[Kind] | None, typer.Option(help="Which; all if not given.")
    ] = None,
    rounds: Annotated[int, typer.Option(help="Rounds of each.")] = 500,
    asks: Annotated[int, typer.Option(help="Proposals of the sampler per round.")] = 80,
    pool: Annotated[int, typer.Option(help="Crystals of the pool.")] = 4000,
    folder: Annotated[Path, typer.Option(help="Where they live.")] = Path("runs/long"),
    output: Annotated[Path, typer.Option("-o", help="Where the figures go.")] = RESULT,
) -> None:
    """Run, watch, print the table and write the figures and the plot."""
    kinds = kind or list(Kind)
    found = {}
    for each in kinds:
        place = folder / each.value
        spec = make(each, place, rounds=rounds, batch=BATCH, asks=asks, pool=pool)
        found[each.value] = watch(spec, place, rounds)
    report = {
        "rounds": rounds,
        "asks": asks,
        "pool": pool,
        "limits": LIMITS,
        "hardware": f"{processor_name()}, {os.cpu_count()} processors",
        "python": platform.python_version(),
        "flat": {name: judged(rows) for name, rows in found.items()},
        "slopes": {name: slopes(rows) for name, rows in found.items()},
        "runs": {name: [asdict(row) for row in rows] for name, rows in found.items()},
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(report) + "\n", encoding="utf-8")
    draw(found, output.with_suffix(".png"))
    for name, rows in found.items():
        Console().print(as_table(name, rows))
        for part, told in report["flat"][name].items():
            word = "flat" if told["flat"] else "NOT flat"
            print(f"{part}: {told['value']:g}, limit {told['limit']:g}: {word}")


def watch(spec: Path, place: Path, rounds: int) -> list[Seen]:
    """Bring one campaign to its end; every round seen, those of earlier starts too."""
    record = place / "seen.jsonl"
    before = _read(record)
    start = 1 + max((row.start for row in before), default=0)
    if before and before[-1].round >= rounds:
        return before
    log = (place / "log.txt").open("a", encoding="utf-8")
    command = [sys.executable, "-m", "campaigns.cli", "campaign", "run", str(spec)]
    process = subprocess.Popen(
        [*command, "--folder", str(place / "runs" / "campaign")], stdout=log, stderr=log
    )
    try:
        with record.open("a", encoding="utf-8") as file:
            for row in rounds_of(psutil.Process(process.pid), place / "runs", start):
                if row.round > (before[-1].round if before else 0):
                    file.write(json.dumps(asdict(row)) + "\n")
                    file.flush()
    finally:
        process.terminate()
    if process.wait():
        raise SystemExit(f"the campaign ended with {process.returncode}: see {log.name}")
    return _read(record)


def _read(record: Path) -> list[Seen]:
    if not record.exists():
        return []
    return [Seen(**json.loads(line)) for line in record.read_text().splitlines()]


def rounds_of(process: psutil.Process, runs: Path, start: int) -> Iterator[Seen]:
    """Each round when the next is proposed or the process ends.

    Memory, handles and files are those of the moment when it is closed.
    """
    clock = _Clock(runs)
    measured: dict[int, dict[str, Any]] = {}
    latest = 0
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        time.sleep(WATCHED)
        clock.look()
        number = max(clock.closed, default=0)
        if number > latest and number in clock.proposed:
            with suppress(psutil.NoSuchProcess):
                measured[number] = _process(process) | _disk(runs)
            latest = number
        for over in sorted(set(measured) & set(clock.ended)):
            yield Seen(round=over, start=start, **clock.parts(over), **measured.pop(over))
    for last, figures in measured.items():
        clock.ended[last] = time.time()
        yield Seen(round=last, start=start, **clock.parts(last), **figures)


class _Clock:
    """When the parts of the newest rounds were over, by their files; s since 1970."""

    def __init__(self, runs: Path) -> None:
        self.folder = runs / "campaign"
        self.began = time.time()
        self.spent: dict[int, float] = {}
        self.proposed: dict[int, float] = {}
        self.closed: dict[int, float] = {}
        self.study: dict[int, float] = {}
        self.report: dict[int, float] = {}
        self.ended: dict[int, float] = {}

    def look(self) -> None:
        """See what is new."""
        now, state = time.time(), _state(self.folder / "ledger.sqlite")
        if self.closed and max(self.closed) + 1 not in state:
            self._look_at_files(max(self.closed))
        for number, (spent, is_closed) in sorted(state.items()):
            if number not in self.proposed:
                self.spent[number], self.proposed[number] = spent, now
                self.ended[number - 1] = now - spent
            if is_closed:
                self.closed.setdefault(number, now)

    def _look_at_files(self, number: int) -> None:
        """What was written after a round; a report only where it is shown."""
        names = {"optuna.sqlite": self.study, "report/report.html": self.report}
        for name, found in names.items():
            with suppress(FileNotFoundError):
                written = (self.folder / name).stat().st_mtime
                if written > self.closed[number] - WATCHED:
                    found[number] = written

    def parts(self, number: int) -> dict[str, float]:
        """How long each took, s; report and MLflow nothing where it was not shown."""
        closed, end = self.closed[number], self.ended[number]
        study = self.study.get(number, closed)
        report = self.report.get(number)
        return {
            "seconds": end - self.ended.get(number - 1, self.began),
            "propose": self.spent[number],
            "judge": max(0.0, closed - self.proposed[number]),
            "study": max(0.0, study - closed),
            "report": 0.0 if report is None else report - study,
            "mlflow": 0.0 if report is None else end - report,
        }


def _state(ledger: Path) -> dict[int, tuple[float, bool]]:
    """Seconds of proposing of each round, and whether it is closed."""
    if not ledger.exists():
        return {}
    try:
        with sqlite3.connect(f"file:{ledger}?mode=ro", uri=True, timeout=0.5) as db:
            rows = db.execute(
                "SELECT round, json_extract(summary, '$.proposal_seconds'), closed "
                "FROM rounds ORDER BY round DESC LIMIT 20"
            ).fetchall()
        db.close()
    except sqlite3.OperationalError:  # it is being made
        return {}
    return {n: (seconds or 0.0, closed is not None) for n, seconds, closed in rows}


def _process(watched: psutil.Process) -> dict[str, Any]:
    memory = watched.memory_full_info()
    return {
        "load": os.getloadavg()[0],
        "processor": sum(watched.cpu_times()[:4]),
        "rss": memory.rss,
        "uss": memory.uss,
        "handles": watched.num_fds(),
        "threads": watched.num_threads(),
        "children": len(watched.children(recursive=True)),
    }


def _disk(runs: Path) -> dict[str, int]:
    folder = runs / "campaign"
    artifacts = _sizes(_files(runs / "artifacts"))
    found = _files(folder)
    crystals = sum(path.parent.name == "structures" for path in found)
    return {
        "files": len(found) - crystals,
        "crystals": crystals,
        "ledger": sum(_sizes([folder / "ledger.sqlite"])),
        "optuna": sum(_sizes([folder / "optuna.sqlite"])),
        "reports": sum(_sizes(_files(folder / "report"))),
        "database": sum(_sizes([runs / "mlflow.db"])),
        "artifacts": len(artifacts),
        "artifact_bytes": sum(artifacts),
    }


def _files(folder: Path) -> list[Path]:
    """Below a folder that may not be there yet, and changes meanwhile."""
    return [Path(place) / name for place, _, names in os.walk(folder) for name in names]


def _sizes(paths: Iterable[Path]) -> list[int]:
    """Of those that are there; some are just being made."""
    found = []
    for path in paths:
        with suppress(FileNotFoundError):
            found.append(path.stat().st_size)
    return found


def judged(rows: list[Seen]) -> dict[str, dict[str, Any]]:
    """What ``LIMITS`` say of a run: the value at the end, what it may be, whether it is."""
    end = rows[-1]
    early = next((row for row in rows if row.round >= EARLY), rows[0])
    per_round = VERDICT * BATCH * (end.round - early.round)
    least = _of_ten(rows, FIRST, "seconds")
    found: dict[str, tuple[float, float]] = {
        "memory": (end.uss, GROWTH * early.uss + per_round),
        "handles": (end.handles, early.handles),
        "threads": (end.threads + end.children, early.threads + early.children),
        "files": (_most(rows, end.round, "files"), _most(rows, EARLY, "files")),
        "time": (_of_ten(rows, end.round, "seconds"), SLOWER * least),
        "processor": (_used(rows, end.round), SLOWER * _used(rows, FIRST)),
    }
    return {
        name: {"value": value, "limit": limit, "flat": value <= limit}
        for name, (value, limit) in found.items()
    }


def slopes(rows: list[Seen]) -> dict[str, float]:
    """What a round adds from round 50 on, by a straight line; sizes in bytes, times in s."""
    late = [row for row in rows if row.round >= EARLY]
    if len(late) < 3:
        return {}
    numbers = [row.round for row in late]
    return {
        name: float(np.polyfit(numbers, [getattr(row, name) for row in late], 1)[0])
        for name in SLOPES
    }


def _most(rows: list[Seen], number: int, part: str) -> float:
    """The most in ten rounds up to this one: a journal is there for a moment, now and then."""
    return max(getattr(row, part) for row in rows if number - 10 < row.round <= number)


def _of_ten(rows: list[Seen], number: int, part: str) -> float:
    """Median of a part over the ten rounds that end at one, the first left out."""
    near = [getattr(row, part) for row in rows if max(1, number - 10) < row.round <= number]
    return float(np.median(near)) if near else float("nan")


def _used(rows: list[Seen], number: int) -> float:
    """Mean processor time of the ten rounds that end at one, the first left out, s."""
    near = [row for row in rows if max(1, number - 10) <= row.round <= number]
    if len(near) < 2 or near[0].start != near[-1].start:
        return float("nan")
    spent = near[-1].processor - near[0].processor
    return spent / (near[-1].round - near[0].round)


def as_table(name: str, rows: list[Seen]) -> Table:
    """The rounds of ``SHOWN``; times are of the ten rounds that end there."""
    table = Table(title=name)
    columns = ("round", "s", "CPU s", *PARTS, "USS, MB", "RSS, MB", "handles", "threads")
    for column in (*columns, "files", "ledger", "Optuna", "MLflow, MB"):
        table.add_column(column, justify="right")
    by_number = {row.round: row for row in rows}
    for number in SHOWN:
        if (last := by_number.get(number)) is None:
            continue
        table.add_row(
            str(number),
            f"{_of_ten(rows, number, 'seconds'):.2f}",
            f"{_used(rows, number):.2f}",
            *(f"{_of_ten(rows, number, part):.2f}" for part in PARTS),
            *(f"{size / 1e6:.0f}" for size in (last.uss, last.rss)),
            *map(str, (last.handles, last.threads, last.files)),
            *(f"{size / 1e6:.1f}" for size in (last.ledger, last.optuna, last.database)),
        )
    return table


def draw(runs: dict[str, list[Seen]], path: Path) -> None:
    """Memory, time, open files and sizes by round, one line per campaign."""
    from matplotlib.figure import Figure

    shown: tuple[tuple[str, Callable[[Seen], float]], ...] = (
        ("memory of its own (MB)", lambda row: row.uss / 1e6),
        ("time per round (s)", lambda row: row.seconds),
        ("open files, sockets and threads", lambda row: row.handles + row.threads),
        ("ledger, Optuna and MLflow (MB)", _stored),
    )
    figure = Figure(figsize=(9, 6), layout="constrained")
    for place, (label, value) in zip(figure.subplots(2, 2).flat, shown, strict=True):
        for name, rows in runs.items():
            numbers = [row.round for row in rows]
            place.plot(numbers, [value(row) for row in rows], label=name, linewidth=1)
        place.set(xlabel="round", ylabel=label)
        place.set_ylim(bottom=0)
        place.legend()
    figure.savefig(path, dpi=150)


def _stored(row: Seen) -> float:
    return (row.ledger + row.optuna + row.database) / 1e6


if __name__ == "__main__":
    typer.run(main)
