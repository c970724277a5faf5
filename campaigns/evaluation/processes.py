"""Worker processes: each with a pipe of its own, one candidate at a time.

``concurrent.futures`` gives up a whole pool when one process dies. Pools that survive it share
one queue and one lock among their processes, and stand still when a process is killed while it
holds the lock. With a pipe for each there is nothing shared that could break, and it is known
which candidate a dead process had.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from types import TracebackType
from typing import Self

from campaigns.evaluation.child import serve
from campaigns.evaluation.protocol import EvaluationError, StartError
from campaigns.evaluation.recipe import Recipe
from campaigns.evaluation.wire import candidate_json, verdict_of
from campaigns.protocols import Candidate, Verdict
from campaigns.spawning import outside_folder
from materials.errors import InputError

_STARTS = 3  # processes that may die, one after another, before any was ready
_THREADS = (
    *("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"),
    *("NUMBA_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"),
)


class Loss(Enum):
    """Why a candidate came back without a verdict."""

    DIED = "died"
    """The process was killed or crashed; another one may do better."""
    OVERTIME = "overtime"
    """It was still at it at the time limit."""


@dataclass(frozen=True)
class Outcome:
    """What became of one candidate: a verdict, or the loss of its process."""

    candidate: Candidate
    verdict: Verdict | None = None
    loss: Loss | None = None
    cause: str = ""
    seconds: float = 0.0
    """Since it was given, wall clock."""


@dataclass(eq=False)
class _Worker:
    """One process, and what it has."""

    process: SpawnProcess
    pipe: Connection
    ready: bool = False
    candidate: Candidate | None = None
    given: float = 0.0

    def kill(self) -> None:
        """End the process and what it started; harmless if it has ended.

        Its group first: until it is waited for, nobody else can get its number.
        """
        pid = self.process.pid
        if pid is not None and hasattr(os, "killpg"):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
        self.process.kill()
        self.process.join()
        self.pipe.close()


@dataclass(eq=False)
class Crew:
    """So many processes, replaced when they end; starts and ends them."""

    recipe: Recipe
    size: int
    time_limit: float | None = None
    """s, wall clock, of one candidate."""
    threads: int = 1
    """Of each process, for linear algebra."""
    _workers: list[_Worker] = field(default_factory=list)
    _failed_starts: int = 0

    def __post_init__(self) -> None:
        for name, value in (("workers", self.size), ("threads", self.threads)):
            if value < 1:
                raise InputError(f"{name} must be at least 1, got {value}")
        if self.time_limit is not None and self.time_limit <= 0:
            raise InputError(f"the time limit must be above 0 s, got {self.time_limit}")

    @property
    def idle(self) -> int:
        """Candidates that could be begun at once."""
        return self.size - self.busy

    @property
    def busy(self) -> int:
        """Candidates that are being evaluated."""
        return sum(worker.candidate is not None for worker in self._workers)

    @property
    def pids(self) -> list[int]:
        """Process numbers of those alive."""
        return [worker.process.pid or 0 for worker in self._workers]

    def give(self, candidate: Candidate) -> None:
        """Hand a candidate to a process that has none, starting one if need be."""
        free = [worker for worker in self._workers if worker.candidate is None]
        worker = max(free, key=lambda one: one.ready) if free else self._start()
        worker.candidate, worker.given = candidate, time.monotonic()
        with suppress(OSError):  # it has just died: found out by wait()
            worker.pipe.send_bytes(json.dumps(candidate_json(candidate)).encode())

    def wait(self, timeout: float) -> list[Outcome]:
        """What was finished or lost; waits up to ``timeout`` seconds for the first.

        Raises:
            EvaluationError: the oracle is broken, or processes die before it is built.
        """
        now = time.monotonic()
        limits = [
            end - now for w in self._workers if (end := self._deadline(w)) is not None
        ]
        sources: dict[object, _Worker] = {}
        for worker in self._workers:
            sources[worker.pipe] = sources[worker.process.sentinel] = worker
        signs = wait(list(sources), max(0.0, min([timeout, *limits])))  # type: ignore[arg-type]
        found = []
        for worker in dict.fromkeys(sources[sign] for sign in signs):
            outcome = self._heard(worker)
            if outcome is not None:
                found.append(outcome)
        return [*found, *self._overtime()]

    def drop(self, candidate_id: str) -> None:
        """Stop evaluating a candidate; nothing is heard of it any more."""
        for worker in list(self._workers):
            if worker.candidate is not None and worker.candidate.id == candidate_id:
                self._end(worker)

    def stop(self) -> None:
        """End all that is being evaluated; idle processes stay."""
        for worker in list(self._workers):
            if worker.candidate is not None:
                self._end(worker)

    def close(self) -> None:
        """End every process."""
        for worker in list(self._workers):
            self._end(worker)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _start(self) -> _Worker:
        ours, theirs = get_context("spawn").Pipe()
        # Not a daemon, because an oracle may want processes of its own; ended at exit by us.
        process = get_context("spawn").Process(
            target=serve, args=(theirs, self.recipe), name="galena-oracle", daemon=False
        )
        with outside_folder(), _environment(dict.fromkeys(_THREADS, str(self.threads))):
            process.start()
        theirs.close()
        if not self._workers:
            atexit.register(self.close)
        worker = _Worker(process, ours)
        self._workers.append(worker)
        return worker

    def _end(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        worker.kill()
        if not self._workers:
            atexit.unregister(self.close)

    def _deadline(self, worker: _Worker) -> float | None:
        """When the time of the worker's candidate is up; building does not count."""
        if self.time_limit is None or worker.candidate is None or not worker.ready:
            return None
        return worker.given + self.time_limit

    def _heard(self, worker: _Worker) -> Outcome | None:
        """Take one message; what was sent before a process died still counts."""
        try:
            message = json.loads(worker.pipe.recv_bytes()) if worker.pipe.poll() else None
        except (EOFError, OSError, ValueError):
            message = None
        if message is None:
            return self._died(worker)
        if "raised" in message:
            raise (EvaluationError if worker.ready else StartError)(message["raised"])
        if "ready" in message:
            worker.ready, worker.given = True, time.monotonic()
            self._failed_starts = 0
            return None
        return self._finished(worker, verdict_of(message["verdict"]))

    def _finished(self, worker: _Worker, verdict: Verdict) -> Outcome | None:
        candidate, worker.candidate = worker.candidate, None
        if candidate is None:
            return None
        return Outcome(candidate, verdict, seconds=time.monotonic() - worker.given)

    def _died(self, worker: _Worker) -> Outcome | None:
        worker.process.join(1.0)
        cause = _cause(worker.process.exitcode)
        candidate, seconds = worker.candidate, time.monotonic() - worker.given
        self._end(worker)
        if not worker.ready:
            self._failed_starts += 1
            if self._failed_starts >= _STARTS:
                raise StartError(
                    f"worker processes end before their oracle is built: {cause}; is there "
                    "memory for so many?"
                )
        if candidate is None:
            return None
        return Outcome(candidate, loss=Loss.DIED, cause=cause, seconds=seconds)

    def _overtime(self) -> Iterator[Outcome]:
        now = time.monotonic()
        for worker in list(self._workers):
            end, candidate = self._deadline(worker), worker.candidate
            if end is None or candidate is None or now < end:
                continue
            self._end(worker)
            cause = f"stopped at the time limit of {self.time_limit:g} s"
            yield Outcome(
                candidate, loss=Loss.OVERTIME, cause=cause, seconds=now - worker.given
            )


def _cause(code: int | None) -> str:
    """How a process ended, for people."""
    if code is None:
        return "the worker process closed its pipe"
    if code >= 0:
        return f"the worker process ended with status {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    memory = ", most often for want of memory" if name == "SIGKILL" else ""
    return f"the worker process was ended by {name}{memory}"


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Variables for a process that is started meanwhile: it reads them before all else."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
