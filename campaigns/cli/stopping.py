"""What ends a command from outside: as Ctrl-C does, with files closed and workers ended."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from campaigns.cli.show import ExitCode

_SIGNALS = ("SIGTERM", "SIGHUP")
"""Of batch systems and shutdowns, and of terminals that are closed."""


@contextmanager
def stopping() -> Iterator[None]:
    """Within, these signals interrupt as Ctrl-C does; the exit code says which it was.

    A second one ends the process at once. What is ignored, as under ``nohup``, stays so.
    Afterwards all is written: Ctrl-C then ends the process, with no traceback of what libraries
    do at its end.
    """
    told: list[int] = []

    def stop(number: int, _: FrameType | None) -> None:
        told.append(number)
        signal.signal(number, signal.SIG_DFL)
        raise KeyboardInterrupt

    numbers = [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]
    ours = [number for number in numbers if signal.getsignal(number) == signal.SIG_DFL]
    for number in ours:
        signal.signal(number, stop)
    try:
        yield
    except SystemExit as ended:
        if told and ended.code == ExitCode.INTERRUPTED:
            sys.exit(128 + told[0])
        raise
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
