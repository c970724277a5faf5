"""A peer as fast as it goes on so many cores.

Two ways are tried: one process whose arithmetic runs on all cores, and one process for each
core with the crystals dealt out among them. Small networks gain little from threads, so the
second is mostly the faster; the faster counts, and both are told. Starting processes, loading
weights and a first batch do not count. Time runs until the last process is done.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from materials.errors import GalenaError, InputError
from models.evaluation.speed.peer import Peer, Timed
from models.evaluation.speed.worker import Job, environment, timed_of

if TYPE_CHECKING:
    from models.graphs.build import CrystalArrays

FloatArray = NDArray[np.float64]

_PATIENCE = 1800.0  # s that one worker may take before it is ended


@dataclass(frozen=True)
class Pace:
    """One way of using the cores, and how fast the peer was."""

    processes: int
    threads: int  # of each process
    seconds: float  # of the slowest process
    processor: float  # s that all processes had a core; less than they ran: others had it
    read_share: float  # of the work of all processes, 0 to 1: making structures
    graph_share: float  # 0 to 1
    crystals_per_second: float  # those that the peer answered


@dataclass(frozen=True)
class Measured:
    """What became of a peer."""

    peer: Peer
    batch: int  # crystals
    n_crystals: int
    paces: tuple[Pace, ...]  # fastest first; none where the peer failed altogether
    parameters: int | None
    values: FloatArray  # (n,) or (n, n_features), NaN where there is no answer
    failures: dict[int, str]  # crystal -> what the peer said
    reason: str = ""  # why there is no pace

    @property
    def best(self) -> Pace | None:
        """The fastest way, if any worked."""
        return self.paces[0] if self.paces else None


class PeerError(GalenaError):
    """A peer that could not be asked at all; tells what its process said."""


def measure(
    peer: Peer,
    crystals: Sequence[CrystalArrays],
    *,
    cores: int,
    batch: int | None = None,
    repeats: int = 2,
) -> Measured:
    """Ask about all crystals in both ways, ``repeats`` times each; the fastest time counts.

    ``batch`` replaces the peer's own number of crystals per batch. A peer that is not
    installed, or that fails altogether, gives a row with the reason. Raises
    :class:`InputError` for fewer crystals than cores.
    """
    if cores < 1 or len(crystals) < cores:
        raise InputError(
            f"{len(crystals)} crystals on {cores} cores: expected at least one core, and a "
            "crystal for each"
        )
    size = batch or peer.batch
    if not peer.installed:
        return _nothing(peer, size, len(crystals), f"not installed: {peer.install}")
    runs: list[_Run] = []
    reasons: list[str] = []
    for processes in dict.fromkeys((1, cores)):
        try:
            runs.append(_run(peer, crystals, processes, cores // processes, size, repeats))
        except PeerError as error:
            reasons.append(str(error))
    if not runs:
        return _nothing(peer, size, len(crystals), reasons[0])
    runs.sort(key=lambda run: run.pace.seconds)
    if len(runs[0].failures) == len(crystals):
        return _nothing(peer, size, len(crystals), next(iter(runs[0].failures.values())))
    return Measured(
        peer,
        size,
        len(crystals),
        tuple(run.pace for run in runs),
        runs[0].parameters,
        runs[0].values,
        runs[0].failures,
    )


def _nothing(peer: Peer, batch: int, n: int, reason: str) -> Measured:
    return Measured(peer, batch, n, (), None, np.full(n, np.nan), {}, reason)


@dataclass(frozen=True)
class _Run:
    pace: Pace
    parameters: int | None
    values: FloatArray
    failures: dict[int, str]


def _run(
    peer: Peer,
    crystals: Sequence[CrystalArrays],
    processes: int,
    threads: int,
    batch: int,
    repeats: int,
) -> _Run:
    """Every process asks about its share at the same time as the others."""
    shares = [range(start, len(crystals), processes) for start in range(processes)]
    with ExitStack() as stack:
        workers = [stack.enter_context(_Worker(peer.name, threads)) for _ in shares]
        for worker, share in zip(workers, shares, strict=True):
            worker.tell(
                Job(
                    peer.loader,
                    threads,
                    batch,
                    tuple(_plain(crystals[number]) for number in share),
                ).line()
            )
        ready = [worker.hear() for worker in workers]
        rounds: list[list[Timed]] = []
        for _ in range(max(repeats, 1)):
            for worker in workers:
                worker.tell("go\n")
            rounds.append([timed_of(worker.hear()) for worker in workers])
    fastest = min(rounds, key=_slowest)
    failures = {
        share[number]: message
        for share, answer in zip(shares, fastest, strict=True)
        for number, message in answer.failures.items()
    }
    read = sum(answer.read for answer in fastest)
    graph = sum(answer.graph for answer in fastest)
    work = sum(answer.seconds for answer in fastest)
    seconds = _slowest(fastest)
    return _Run(
        Pace(
            processes,
            threads,
            seconds,
            sum(answer.processor for answer in fastest),
            read / work,
            graph / work,
            (len(crystals) - len(failures)) / seconds,
        ),
        ready[0]["parameters"],
        _gathered(shares, [answer.values for answer in fastest], len(crystals)),
        dict(sorted(failures.items())),
    )


def _slowest(answers: Sequence[Timed]) -> float:
    """Seconds until the last of the processes was done."""
    return max(answer.seconds for answer in answers)


def _plain(
    crystal: CrystalArrays,
) -> tuple[list[int], list[list[float]], list[list[float]]]:
    numbers, frac, lattice = (np.asarray(part).tolist() for part in crystal)
    return numbers, frac, lattice


def _gathered(shares: Sequence[range], parts: Sequence[FloatArray], n: int) -> FloatArray:
    """Values in the order of the crystals; a share without any answer has no features."""
    widest = max(parts, key=lambda part: part.ndim)
    values = np.full((n, *widest.shape[1:]), np.nan)
    for share, column in zip(shares, parts, strict=True):
        if column.ndim == values.ndim:
            values[list(share)] = column
    return values


class _Worker:
    """A process of :mod:`models.evaluation.speed.worker`, in a folder of its own."""

    def __init__(self, peer: str, threads: int) -> None:
        self._peer = peer
        self._threads = threads

    def __enter__(self) -> _Worker:
        self._files = ExitStack()
        # Some packages write into the folder that they are started in.
        folder = self._files.enter_context(tempfile.TemporaryDirectory())
        self._said: IO[str] = self._files.enter_context(
            tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")
        )
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "models.evaluation.speed.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
            encoding="utf-8",
            cwd=folder,
            env=environment(self._threads, _module_path()),
        )
        self._guard = threading.Timer(_PATIENCE, self._process.kill)
        self._guard.daemon = True
        self._guard.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._guard.cancel()
        self._process.kill()
        self._process.communicate()
        self._files.close()

    def tell(self, line: str) -> None:
        """Hand over a line; that nobody reads it any more is found out by :meth:`hear`."""
        if self._process.stdin is None:
            raise PeerError(f"{self._peer}: its process has no input")
        try:
            self._process.stdin.write(line)
            self._process.stdin.flush()
        except BrokenPipeError:
            return

    def hear(self) -> dict[str, Any]:
        """Wait for a line; raises :class:`PeerError` if there is none or it tells of one."""
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            self._said.seek(0)
            last = [text for text in self._said.read().splitlines() if text.strip()][-1:]
            raise PeerError(
                f"{self._peer}: its process ended: {''.join(last) or 'silently'}"
            )
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise PeerError(f"{self._peer}: {answer['error']}")
        return answer


def _module_path() -> list[str]:
    """Where a worker finds these packages, and whatever else this process can import."""
    here = str(Path(__file__).resolve().parents[3])
    return [here, *(entry for entry in sys.path if entry and Path(entry).is_dir())]
