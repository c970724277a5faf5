"""The parent: starts workers, counts what they report, and outlives them."""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from tools.fuzz import guided
from tools.fuzz.feeder import CRASH, DEATH, FED, HANG
from tools.fuzz.guilty import RUNS, save
from tools.fuzz.worker import AGAIN, CURRENT

_ROOT = Path(__file__).resolve().parents[2]
_START = 1800.0  # s that a worker may take to import everything
_TRIES = 3  # of an input at which a worker died
_MERCY = 12.0  # times the limit of CPU, after which a silent worker is killed


@dataclass(kw_only=True)
class Tally:
    """What became of the inputs of one group."""

    inputs: int = 0
    read: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    crashes: Counter[str] = field(default_factory=Counter)
    hangs: Counter[str] = field(default_factory=Counter)
    deaths: Counter[str] = field(default_factory=Counter)
    """Of a worker, where its last input, fed again, does no harm."""
    slowest_s: float = 0.0  # of CPU
    peak_mib: float = 0.0
    seconds: float = 0.0

    def add(self, kind: str, label: str, seconds: float, peak_kib: float) -> None:
        """Count one input."""
        self.inputs += 1
        self.slowest_s = max(self.slowest_s, seconds)
        self.peak_mib = max(self.peak_mib, peak_kib / 1024)
        if kind == FED and label == "read":
            self.read += 1
        else:
            self._by_kind()[kind][label] += 1

    def join(self, other: Tally) -> None:
        """Count what another engine fed, too."""
        for kind, found in other._by_kind().items():
            self._by_kind()[kind].update(found)
        self.inputs += other.inputs
        self.read += other.read
        self.seconds += other.seconds
        self.slowest_s = max(self.slowest_s, other.slowest_s)
        self.peak_mib = max(self.peak_mib, other.peak_mib)

    @property
    def good(self) -> bool:
        """Whether nothing broke."""
        return not (self.crashes or self.hangs or self.deaths)

    def _by_kind(self) -> dict[str, Counter[str]]:
        return {
            FED: self.refused,
            CRASH: self.crashes,
            HANG: self.hangs,
            DEATH: self.deaths,
        }


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one input and one worker may take."""

    seconds_each: float = 10.0
    memory_mib: int = 4096


def run_engine(
    group: str,
    engine: str,
    *,
    seed: int,
    count: int,
    limits: Limits,
    tell: Callable[[], None],
) -> Tally:
    """Have ``count`` inputs fed; a worker that dies is replaced and its input kept."""
    tally, started = Tally(), time.monotonic()
    while tally.inputs < count:
        before = tally.inputs
        with TemporaryDirectory(prefix="galena-fuzz-", dir=_memory()) as folder:
            _one_worker(group, engine, Path(folder), tally, seed, count, limits, tell)
        if tally.inputs == before:
            raise SystemExit(f"the worker for {group} ({engine}) does not start")
    tally.seconds = time.monotonic() - started
    return tally


def _memory() -> str | None:
    """A folder in memory, where there is one: inputs are written to files."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - names are random  # nosec B108


def _one_worker(
    group: str,
    engine: str,
    folder: Path,
    tally: Tally,
    seed: int,
    count: int,
    limits: Limits,
    tell: Callable[[], None],
) -> None:
    todo = [*("--seed", str(seed), "--first", str(tally.inputs))]
    todo += ["--inputs", str(count - tally.inputs)]
    with _started(group, engine, folder, todo, limits) as worker:
        hung = _listen(worker, tally, count, limits.seconds_each, tell)
        worker.kill()
        code = worker.wait()
    if tally.inputs >= count or not (folder / CURRENT).exists():
        return
    if hung:
        kind, label = HANG, "never came back"
    elif code or engine != guided.ENGINE:
        kind, label = CRASH, f"the process died of signal or status {code}"
    else:
        return  # libFuzzer stops early now and then
    data = (folder / CURRENT).read_bytes()
    if kind == CRASH and not _dies_again(group, folder, limits):
        kind = DEATH
    tally.add(kind, label, 0.0, 0.0)
    save(group, kind, label, data)


def _dies_again(group: str, folder: Path, limits: Limits) -> bool:
    """Whether the input at which a worker died breaks another, too, in some tries."""
    todo = ["--inputs", str(_TRIES)]
    with _started(group, AGAIN, folder, todo, limits) as worker:
        said, _ = worker.communicate()
        return worker.returncode != 0 or any(
            not line.startswith(FED.encode()) for line in said.splitlines()
        )


@contextmanager
def _started(
    group: str, engine: str, folder: Path, todo: list[str], limits: Limits
) -> Iterator[subprocess.Popen[bytes]]:
    """A worker, whose warnings go to the group's log."""
    log = RUNS / group / f"{engine}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [
        *(sys.executable, str(_ROOT / "tools" / "fuzz"), "--worker", engine, group),
        *("--folder", str(folder), *todo, "--memory-mib", str(limits.memory_mib)),
        *("--seconds-each", str(limits.seconds_each)),
    ]
    with (
        log.open("ab") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors) as worker,
    ):
        yield worker


def _listen(
    worker: subprocess.Popen[bytes],
    tally: Tally,
    count: int,
    seconds_each: float,
    tell: Callable[[], None],
) -> bool:
    """Count a worker's lines until it ends or has enough; whether it fell silent."""
    if worker.stdout is None:
        raise ValueError("the worker's output is not a pipe")
    patience, rest = _START, b""
    with selectors.DefaultSelector() as ready:
        ready.register(worker.stdout, selectors.EVENT_READ)
        while tally.inputs < count:
            if not ready.select(patience):
                return True
            chunk = os.read(worker.stdout.fileno(), 1 << 16)
            if not chunk:
                worker.wait()
                return False
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines[: count - tally.inputs]:
                kind, label, seconds, peak = line.decode(errors="replace").split("\t")
                tally.add(kind, label, float(seconds), float(peak))
                tell()
            patience = _MERCY * seconds_each + 5
    return False
