"""What a method says about the validation crystals, and what saying it costs."""

from __future__ import annotations

import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Cost:
    """Time to predict, as it was measured and where."""

    ms_per_crystal: float
    threads: int
    hardware: str
    covers: str  # what the time holds: "graphs and network"


@dataclass(frozen=True)
class Answers:
    """One method's values, in the order of the rows; NaN where it has none."""

    method: str
    track: str  # what it was trained on
    values: dict[str, FloatArray]  # target -> (n,), units as the labels
    metal: FloatArray | None  # (n,), the higher the likelier a metal; None: not asked
    parameters: int | None  # trained numbers of a network; None for trees
    cost: Cost | None
    fit_seconds: float | None = None  # None: trained before
    note: str = ""


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._began = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Elapsed, s."""
        return time.perf_counter() - self._began


def processor_name() -> str:
    """The processor's own name, as the system tells it, and how many cores are usable."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    name = platform.processor() or platform.machine() or "unknown processor"
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                name = line.partition(":")[2].strip()
                break
    return f"{name}, {cores or os.cpu_count()} cores"
