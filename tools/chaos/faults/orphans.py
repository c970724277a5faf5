"""Processes that a run started, and that are still there when it has ended."""

from __future__ import annotations

import contextlib
import time

import psutil

from tools.chaos.killing import marked

_GRACE = 5.0  # s that they may outlive it


def outlived(mark: str) -> str:
    """How many there were after some seconds, in words; they are ended. Empty: none."""
    end = time.monotonic() + _GRACE
    while left := marked(mark):
        if time.monotonic() > end:
            names = []
            for process in left:
                with contextlib.suppress(psutil.Error):
                    names.append(" ".join(process.cmdline())[:100])
                    process.kill()
            return f"{len(left)} processes outlived it ({'; '.join(names)})"
        time.sleep(0.1)
    return ""
