"""The shim of ``shim.c``: built, aimed, and what it counted."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import gettempdir
from typing import Literal

from materials.provenance import file_sha256

SOURCE = Path(__file__).with_name("shim.c")
VARIABLE = "LD_PRELOAD"

Deed = Literal["kill", "enospc", "eio", "erofs", "short", "watch"]


@cache
def library() -> Path | None:
    """The compiled shim; None where there is no C compiler, or no Linux."""
    compiler = next((c for c in ("cc", "gcc", "clang") if shutil.which(c)), None)
    if compiler is None or not sys.platform.startswith("linux"):
        return None
    name = f"galena-chaos-{os.getuid()}-{file_sha256(SOURCE)[:16]}.so"
    built = Path(gettempdir()) / name
    if not built.exists():
        part = built.with_suffix(f".{os.getpid()}")
        options = ("-O1", "-shared", "-fPIC", "-o", str(part), str(SOURCE), "-ldl")
        subprocess.run([compiler, *options], check=True)
        part.replace(built)
    return built


@dataclass(frozen=True, kw_only=True)
class Aim:
    """At what the shim shoots, and how; without a deed it counts."""

    folder: Path
    """Calls on files below it count."""
    do: Deed | None = None
    at: int = 0
    """Which call, from 1."""
    times: int = 1
    """From there on so many fail of those that can, all if 0. A kill is one."""
    only: str = ""
    """Only calls on files whose path has this in it count."""
    share: float = 0.0
    """Of the bytes of a write that arrive before a kill."""
    count: Path | None = None
    """File that counts over all processes of the run."""
    trace: Path | None = None
    """File for a line on each call that was counted, or that the deed was done to."""
    log: Path | None = None
    """Folder beside ``folder`` for what a power cut would undo."""

    def environment(self) -> dict[str, str]:
        """The variables that a process with the shim loaded goes by."""
        found = {
            "GALENA_CHAOS_FOLDER": str(self.folder.resolve()),
            "GALENA_CHAOS_DO": self.do or "",
            "GALENA_CHAOS_AT": str(self.at),
            "GALENA_CHAOS_TIMES": str(self.times),
            "GALENA_CHAOS_SHARE": f"{self.share:.6f}",
            "GALENA_CHAOS_COUNT": "" if self.count is None else str(self.count),
            "GALENA_CHAOS_ONLY": self.only,
            "GALENA_CHAOS_TRACE": "" if self.trace is None else str(self.trace),
            "GALENA_CHAOS_LOG": "" if self.log is None else str(self.log),
        }
        if (built := library()) is not None:
            found[VARIABLE] = str(built)
        return found


def counted(file: Path) -> int:
    """Calls that were counted."""
    if not file.exists():
        return 0
    (found,) = struct.unpack("@l", file.read_bytes())
    return int(found)


def traced(file: Path) -> list[str]:
    """A line for each call of a trace: what it did, a tab, and the path."""
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []
