"""Runs of ``galena``, each in a process of its own that starts in milliseconds.

Loading torch takes seconds. A helper process loads once what the first run turned out to need,
and forks for every run: what is killed is a whole process that runs the whole command. The
helper has one thread, so nothing of it can be held by another thread when it forks. It has the
shim of ``shim.c`` loaded, which does nothing before a run aims it.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from tools.chaos.shim import VARIABLE, library

ROOT = Path(__file__).parents[2]
MARK = "GALENA_CHAOS_RUN"
"""Variable by which the processes of a run are known."""
_WAIT = 0.002  # s


@dataclass(frozen=True, kw_only=True)
class Run:
    """One command."""

    arguments: Sequence[str]
    """What follows ``galena``."""
    folder: Path
    """The working folder."""
    output: Path
    """Where standard output and error go."""
    environment: Mapping[str, str] = field(default_factory=dict)
    after: float = 0.0
    """s, after which it is killed; 0: never."""
    setup: str = ""
    """``module:function`` to call first, in the run's own process."""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a run ended."""

    killed: bool
    code: int
    """Exit status, or minus the signal."""
    seconds: float


class Server:
    """The helper process, as its owner sees it."""

    def __init__(self, log: Path) -> None:
        environment = {**os.environ, **_CALM}
        if (built := library()) is not None:
            environment[VARIABLE] = str(built)
        self._asked = 0
        self._log = log.open("wb")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tools.chaos.server"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )

    def close(self) -> None:
        """End it."""
        if self._process.stdin is not None and self._process.stdout is not None:
            self._process.stdin.close()
            self._process.wait()
            self._process.stdout.close()
        self._log.close()

    def __call__(self, run: Run) -> Ended:
        """Run to the end, or to the kill."""
        self._asked += 1
        asked = {
            **vars(run),
            "number": self._asked,
            "arguments": list(run.arguments),
            "folder": str(run.folder),
            "output": str(run.output),
            "environment": dict(run.environment),
        }
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the helper has no pipes")
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        while answer := self._process.stdout.readline():
            told = json.loads(answer)
            if told.pop("number") == self._asked:  # others were not waited for
                return Ended(**told)
        raise RuntimeError(f"the helper died; its last words are in {self._log.name}")


@cache
def helper() -> Server:
    """The one helper of this process: to load everything is done once."""
    folder = Path(mkdtemp(prefix="galena-chaos-"))
    server = Server(folder / "helper.txt")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(server.close)
    return server


def fresh(run: Run) -> Ended:
    """As a user starts it: ``python -m campaigns.cli``, all loaded anew, without a setup."""
    began = time.monotonic()
    with run.output.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "campaigns.cli", *run.arguments],
            cwd=run.folder,
            env={**os.environ, **_CALM, "PYTHONPATH": str(ROOT), **run.environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        process.wait(run.after or None)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    return _ended(process.returncode, time.monotonic() - began)


_CALM = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "PYTHONUNBUFFERED": "1",
    "PYTHONDONTWRITEBYTECODE": "",
}


def _ended(code: int, seconds: float) -> Ended:
    return Ended(killed=code == -signal.SIGKILL, code=code, seconds=seconds)


# --- the helper itself


def serve() -> None:
    """Fork for every line that comes, and tell how it ended."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    _load(_HEAVY)
    for line in sys.stdin:
        asked = json.loads(line)
        began = time.monotonic()
        names = Path(asked["output"]).with_suffix(".modules")
        names.unlink(missing_ok=True)
        pid = os.fork()
        if pid == 0:
            _become(asked, names)
        code = _wait_for(pid, asked["after"])
        ended = _ended(code, time.monotonic() - began)
        answers.write(json.dumps({**vars(ended), "number": asked["number"]}) + "\n")
        answers.flush()
        if names.exists():
            _load(names.read_text(encoding="utf-8").split())
        if others := _threads():
            raise RuntimeError(f"threads that a fork might find half done: {others}")


_HEAVY = (
    *("torch", "pandas", "pyarrow.parquet", "pymatgen.core", "optuna", "sqlalchemy"),
    *("materials.files", "models.inference", "campaigns.loop", "campaigns.publishing"),
)
"""What nearly every run needs; the rest is loaded once the first run has shown it."""


def _threads() -> list[str]:
    """The helper's threads beside its first, but for one that knows how to be forked."""
    here = Path("/proc/self/task")
    if not here.exists():
        return []
    names = [p.read_text(encoding="utf-8").strip() for p in here.glob("*/comm")]
    return sorted(name for name in names if name not in _HARMLESS)[1:]


_HARMLESS = {"jemalloc_bg_thd"}  # pyarrow's memory; jemalloc holds its locks over a fork


def _wait_for(pid: int, after: float) -> int:
    end = time.monotonic() + after if after else float("inf")
    while True:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > end:
            os.kill(pid, signal.SIGKILL)
            end = float("inf")
        time.sleep(_WAIT)


def _load(names: Sequence[str]) -> None:
    """What a run had loaded at its end: the next one shall find it there."""
    for name in names:
        if name not in sys.modules and name.partition(".")[0] not in ("__main__", "tools"):
            with contextlib.suppress(Exception):  # it only saves time
                importlib.import_module(name)


def _become(asked: dict[str, Any], names: Path) -> None:
    """Turn into ``galena``; does not return."""
    code = 1
    try:
        os.setsid()
        output = os.open(asked["output"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.chdir(asked["folder"])
        os.environ.update(asked["environment"])
        if asked["setup"]:
            module, _, function = asked["setup"].partition(":")
            getattr(importlib.import_module(module), function)()
        if (built := library()) is not None:
            start: Callable[[], None] = ctypes.CDLL(str(built)).galena_chaos_start
            start()
        code = _galena(asked["arguments"])
        names.write_text("\n".join(sorted(sys.modules)), encoding="utf-8")
    except BaseException:  # noqa: BLE001 - it must not return into the helper's loop
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _galena(arguments: Sequence[str]) -> int:
    from campaigns.cli.app import app

    try:
        return int(app(list(arguments), standalone_mode=False) or 0)
    except SystemExit as error:
        return int(error.code or 0)


if __name__ == "__main__":
    serve()
