"""Programs run within limits: of time, of output, and with nothing left behind."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from campaigns.oracles.failures import AttemptFailed, MayPass
from materials.errors import did_you_mean

_WATCHED = (sys.executable, "-I", "-S", str(Path(__file__).with_name("watchdog.py")))
_TAIL = 4_000  # bytes of standard error that are kept
_PIECE = 65_536
_GRACE = 5.0  # s for pipes to close once all that could write to them was killed


@dataclass(frozen=True)
class Limits:
    """Where a program is stopped."""

    seconds: float | None = None
    output: int = 1_000_000
    """Bytes on standard output."""


@dataclass(frozen=True)
class Finished:
    """How a program ended by itself."""

    code: int
    """Exit code; negative is minus the signal that ended it."""
    output: bytes
    complaint: str
    """The end of what it wrote to standard error, on one line."""
    seconds: float


def run_program(
    argv: Sequence[str],
    folder: Path,
    limits: Limits,
    *,
    environment: Mapping[str, str] | None = None,
) -> Finished:
    """Run a program in ``folder`` and wait for its end; no shell, no standard input.

    It leads a process group, all of which is killed when a limit is reached, when it ends
    (what it left running in the background goes too), and when this process dies.

    Raises:
        AttemptFailed: it cannot be started, or printed too much.
        MayPass: it took too long.
    """
    program = shutil.which(argv[0])
    if program is None:
        raise AttemptFailed(not_found(argv[0], Path.cwd()))
    started = time.monotonic()
    try:
        process = subprocess.Popen(
            [*_WATCHED, str(Path(program).absolute()), *argv[1:]],
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is this process's to deal with
        )
    except (OSError, ValueError) as error:
        raise AttemptFailed(f"{argv[0]}: cannot be started: {error}") from error
    readers = _Readers(process, limits.output)
    try:
        code = process.wait(limits.seconds)
    except subprocess.TimeoutExpired as error:
        raise MayPass(
            f"{_short(argv)}: no end after {limits.seconds:g} s, killed"
        ) from error
    finally:
        _end(process)
        readers.join()
    if readers.too_much:
        raise AttemptFailed(
            f"{_short(argv)}: printed more than {limits.output:,} bytes, killed; only the "
            "answer belongs on standard output"
        )
    return Finished(code, readers.output, readers.complaint, time.monotonic() - started)


class _Readers:
    """Two threads that empty the pipes, so that the program never waits for them."""

    def __init__(self, process: subprocess.Popen[bytes], limit: int) -> None:
        self._process, self._limit = process, limit
        self._output, self._tail = bytearray(), bytearray()
        self.too_much = False
        self._threads = [
            threading.Thread(target=self._read_output, args=(process.stdout,), daemon=True),
            threading.Thread(target=self._read_tail, args=(process.stderr,), daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def output(self) -> bytes:
        return bytes(self._output)

    @property
    def complaint(self) -> str:
        return " ".join(self._tail.decode("utf-8", "replace").split())

    def join(self) -> None:
        for thread in self._threads:
            thread.join(_GRACE)

    def _read_output(self, pipe: IO[bytes]) -> None:
        while piece := os.read(pipe.fileno(), _PIECE):
            if len(self._output) + len(piece) > self._limit:
                self.too_much = True
                _end(self._process)
                break
            self._output += piece
        pipe.close()

    def _read_tail(self, pipe: IO[bytes]) -> None:
        while piece := os.read(pipe.fileno(), _PIECE):
            self._tail += piece
            del self._tail[:-_TAIL]
        pipe.close()


def _end(process: subprocess.Popen[bytes]) -> None:
    """Let the watchdog end the program and what it started; they may have ended already."""
    if process.stdin is not None:
        process.stdin.close()
    process.wait()


def not_found(program: str, base: Path) -> str:
    """What to say of a program that is not there; relative paths begin at ``base``."""
    found = f"{program}: no such program"
    if os.sep in program:
        return f"{found}; a relative path begins at {base.absolute()}"
    if (base / program).is_file():
        return f"{found} on the PATH; for the one in {base.absolute()} write ./{program}"
    known = {
        entry.name
        for folder in os.get_exec_path()
        if Path(folder).is_dir()
        for entry in Path(folder).iterdir()
    }
    return f"{found} on the PATH.{did_you_mean(program, known)}"


def _short(argv: Sequence[str]) -> str:
    return Path(argv[0]).name
