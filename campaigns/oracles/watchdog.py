"""Runs a program and kills it, with all it started, once whoever asked for it is gone.

A script of its own, with nothing but the standard library: ``python watchdog.py PROGRAM …``.
Its standard input is a pipe that the asking process holds; the pipe ends when that process
does, however it died. It ends as the program ended, by the same code or signal.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
import threading


def main() -> None:
    """Start the program in a group of its own and wait for its end, or for the pipe's."""
    try:
        program = subprocess.Popen(
            sys.argv[1:], stdin=subprocess.DEVNULL, start_new_session=True
        )
    except OSError as error:
        sys.exit(f"cannot be started: {error.strerror}")

    def watch() -> None:
        os.read(0, 1)  # nothing is ever written: it returns when the other end is closed
        kill_group(program.pid)

    threading.Thread(target=watch, daemon=True).start()
    code = program.wait()
    kill_group(program.pid)
    if code >= 0:
        os._exit(code)  # the thread may still wait
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # one core file is enough
    signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)


def kill_group(leader: int) -> None:
    """End a process and what it started; they may have ended already."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


if __name__ == "__main__":
    main()
