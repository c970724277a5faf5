"""Oracle calls in a process of their own, which can be killed."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from threading import Thread

from campaigns.oracles.failures import AttemptFailed, MayPass
from campaigns.oracles.guard import Attempt, may_pass, one_line
from campaigns.protocols import Candidate, Verdict
from campaigns.spawning import begun, outside_folder

Build = Callable[[], Attempt]
"""Makes the oracle, in the child; must be importable there, as any function of a module is."""

_STARTING = 600.0  # s, for a model to be loaded


@dataclass(frozen=True)
class _Failed:
    """What the child says instead of a verdict."""

    reason: str
    may_pass: bool


class Isolated:
    """Attempts in one child process that is kept between calls and replaced once it fails.

    The limit is hard: a child that has not answered by then is killed, whatever it does, and
    so is one that crashes only itself. The oracle is built there, once per child, which does
    not count against the limit.
    """

    def __init__(self, build: Build, time_limit: float | None) -> None:
        self._build, self._limit = build, time_limit
        self._child: tuple[SpawnProcess, Connection] | None = None

    def __call__(self, candidate: Candidate) -> Verdict:
        """One attempt.

        Raises:
            AttemptFailed: the oracle raised, or cannot be built.
            MayPass: no answer in time, the child died, or the machine is to blame.
        """
        answer: object = None
        try:
            pipe = self._started()
            pipe.send(candidate)
            answer = self._receive(self._limit, "no answer")
        finally:
            if answer is None:  # also when interrupted: its answer would come too late
                self.close()
        if isinstance(answer, _Failed):
            raise (
                MayPass(answer.reason) if answer.may_pass else AttemptFailed(answer.reason)
            )
        if not isinstance(answer, Verdict):
            raise AttemptFailed(f"the oracle returned a {type(answer).__name__}")
        return answer

    def close(self) -> None:
        """End the child, if there is one."""
        if self._child is not None:
            process, pipe = self._child
            self._child = None
            pipe.close()
            process.kill()
            process.join()

    def _started(self) -> Connection:
        if self._child is None:
            context = multiprocessing.get_context("spawn")
            ours, theirs = context.Pipe()
            process = context.Process(
                target=_serve, args=(theirs, self._build), daemon=True
            )
            with outside_folder():
                process.start()
            theirs.close()
            self._child = process, ours
            ready = self._receive(_STARTING, "the oracle could not be built")
            if isinstance(ready, _Failed):
                self.close()
                raise AttemptFailed(f"the oracle cannot be built: {ready.reason}")
        return self._child[1]

    def _receive(self, limit: float | None, what: str) -> object:
        if self._child is None:
            raise MayPass("the oracle's process has ended")
        process, pipe = self._child
        try:
            if not pipe.poll(limit):
                raise MayPass(f"{what} after {limit:g} s, killed")
            return pipe.recv()
        except (EOFError, ConnectionError) as error:
            process.join()
            raise MayPass(f"the oracle's process died: {_ending(process)}") from error


def _serve(pipe: Connection, build: Build) -> None:
    """The child: build, then answer until the other end is gone."""
    begun()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to deal with
    parent = parent_process()
    if parent is not None:
        Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    try:
        attempt = build()
    except Exception as error:  # noqa: BLE001 - told to the parent
        pipe.send(_Failed(one_line(error), may_pass=False))
        return
    pipe.send("ready")
    while True:
        try:
            candidate = pipe.recv()
        except EOFError:
            return
        try:
            answer: Verdict | _Failed = attempt(candidate)
        except BaseException as error:  # noqa: BLE001 - told to the parent
            answer = _Failed(one_line(error), may_pass=may_pass(error))
        pipe.send(answer)


def _end_with(parent: int) -> None:
    """End this process when its parent ends, however that died and whatever it is doing."""
    wait([parent])
    os._exit(1)


def _ending(process: SpawnProcess) -> str:
    code = process.exitcode
    if code is not None and code < 0:
        return f"signal {-code} ({signal.Signals(-code).name})"
    return f"exit code {code}"
