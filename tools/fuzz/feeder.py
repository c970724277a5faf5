"""Feeding one input to a reader, under a time limit, whatever it raises."""

from __future__ import annotations

import contextlib
import signal
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from materials.errors import GalenaError
from tools.fuzz.group import Group, reason_class
from tools.fuzz.reasons import Unsound, check_reason

_WAITING = 8.0
FED, CRASH, HANG, DEATH = "fed", "crash", "hang", "death"


class TimeLimit(BaseException):
    """The input took too long; no ``except Exception`` of a reader may swallow it."""


@dataclass(frozen=True)
class Outcome:
    """What became of one input."""

    kind: str  # FED, CRASH or HANG
    label: str  # "read", the class of reason, or what was raised and where
    seconds: float  # of CPU


@dataclass(frozen=True)
class Feeder:
    """Feeds one input at a time and never raises."""

    group: Group
    folder: Path
    seconds_each: float

    def __call__(self, data: bytes) -> Outcome:
        """What became of one input."""
        started = time.process_time()
        try:
            with _alarm(self.seconds_each):
                kind, label = FED, self.group.feed(data, self.folder)
        except TimeLimit as error:
            kind, label = HANG, _where(error)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - what is raised is the finding
            kind, label = _judged(error)
        return Outcome(kind, label, time.process_time() - started)


def _judged(error: BaseException) -> tuple[str, str]:
    if not isinstance(error, GalenaError):
        return CRASH, _where(error)
    try:
        check_reason(str(error))
    except Unsound as unsound:
        return CRASH, _where(unsound)
    return FED, reason_class(str(error))


def _where(error: BaseException) -> str:
    """The exception and the line that raised it, or where the alarm found it."""
    frames = traceback.extract_tb(error.__traceback__)
    passed = [frame for frame in frames if frame.filename != __file__]
    place = f"{Path(passed[-1].filename).name}:{passed[-1].lineno}" if passed else "?"
    text = " ".join(str(error).split())[:80]
    return f"{type(error).__name__} at {place}: {text}"


@contextlib.contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    """Raise after so many seconds of CPU: a busy machine makes no hang of a slow input.

    What waits and computes nothing has :data:`_WAITING` times as long by the clock.
    """

    def ring(*_: Any) -> None:
        raise TimeLimit(f"longer than {seconds:g} s")

    clocks = {
        signal.ITIMER_PROF: (signal.SIGPROF, seconds),
        signal.ITIMER_REAL: (signal.SIGALRM, _WAITING * seconds),
    }
    previous = {number: signal.signal(number, ring) for number, _ in clocks.values()}
    for clock, (_, limit) in clocks.items():
        signal.setitimer(clock, limit)
    try:
        yield
    finally:
        for clock in clocks:
            signal.setitimer(clock, 0)
        for number, handler in previous.items():
            signal.signal(number, handler)
