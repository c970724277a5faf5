"""One screening in a process of its own, so that its memory and its start can be told.

    python -m campaigns.speed.child < plan.json

reads a :class:`Plan` and prints an :class:`Outcome`, both as JSON.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from materials.errors import GalenaError

_WARM_UP = 512  # crystals that are predicted before anything is measured
_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class Plan:
    """What to screen and how."""

    spec: dict[str, Any]  # of a ScreenSpec
    model: str  # a folder
    device: str = "cpu"
    precision: str = "float32"
    workers: int = 1
    repeats: int = 1
    ray: str = ""  # address of a cluster; empty: this process


@dataclass(frozen=True)
class Outcome:
    """What it took; the median of the repetitions."""

    crystals: int
    failed: int
    seconds: float  # by the clock on the wall, from opening the input to the last byte
    stages: dict[str, float]  # seconds of one processor
    start: float  # s, from starting the process to a model that is warm
    base_mib: float  # memory of the process with the warm model
    peak_mib: float  # largest while screening

    @property
    def per_second(self) -> float:
        """Crystals screened in a second, end to end."""
        return self.crystals / self.seconds

    @property
    def outside_network(self) -> float:
        """Share of the processors' time that is spent elsewhere than in the networks."""
        return 1.0 - self.stages.get("network", 0.0) / sum(self.stages.values())


def measured(plan: Plan) -> Outcome:
    """Run a plan in a new process, with one thread of arithmetic per worker.

    Raises :class:`GalenaError` with the last line that a process which failed wrote.
    """
    one_each = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    done = subprocess.run(
        [sys.executable, "-P", "-m", "campaigns.speed.child"],
        input=json.dumps(dataclasses.asdict(plan)),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **one_each, "PYTHONPATH": os.pathsep.join(_path())},
    )
    if done.returncode:
        last = [line for line in done.stderr.splitlines() if line.strip()][-1:]
        raise GalenaError(f"screening failed in its process: {''.join(last)}")
    return Outcome(**json.loads(done.stdout.splitlines()[-1]))


def run(plan: Plan, began: float) -> Outcome:
    """Do what the plan says in this process, which began at ``began`` (monotonic, s)."""
    from campaigns.screening import run as screening
    from campaigns.screening.recipe import Recipe
    from campaigns.screening.shard import Screener
    from campaigns.screening.sources import Task, open_source
    from campaigns.screening.spec import ScreenSpec
    from materials.shards import Shard

    spec = ScreenSpec.model_validate(plan.spec)
    precision: Any = plan.precision
    recipe = Recipe.of(spec, Path(plan.model), device=plan.device, precision=precision)
    screener = recipe.screener()
    source = open_source(spec)
    first = next(iter(source.tasks(frozenset())))
    n = min(_WARM_UP, len(first.shard))
    few = None if first.rows is None else first.rows.slice(0, n)
    screener.screen(Task(Shard(0, first.shard.first, first.shard.first + n), few))
    start = time.monotonic() - began
    base = _memory("VmRSS")
    _forget_peak()
    results = []
    for _ in range(plan.repeats):
        with TemporaryDirectory(prefix="galena-speed-") as folder:
            screener = Screener(spec, screener.predictor)
            if plan.ray:
                engine = screening.ray_engine(
                    recipe, address=plan.ray, workers=plan.workers
                )
            else:
                engine = screening.local_engine(screener, workers=plan.workers)
            source = open_source(spec)
            results.append(
                screening.screen(source, Path(folder), spec, engine, model=screener.version)
            )
    results.sort(key=lambda result: result.seconds)
    middle = results[len(results) // 2]
    return Outcome(
        crystals=middle.counts.given,
        failed=middle.counts.failed,
        seconds=middle.seconds,
        stages=middle.stages,
        start=start,
        base_mib=base,
        peak_mib=_memory("VmHWM"),
    )


def _memory(field: str) -> float:
    """A line of Linux's account of this process, MiB; NaN elsewhere."""
    if not _STATUS.exists():
        return float("nan")
    lines = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines())
    return float(lines[field].split()[0]) / 1024


def _forget_peak() -> None:
    """Let Linux measure the largest memory from now on."""
    if _CLEAR.exists():
        _CLEAR.write_text("5")


def _path() -> list[str]:
    """Where these packages are, and whatever else this process can import."""
    here = str(Path(__file__).resolve().parents[2])
    return [here, *(entry for entry in sys.path if entry and Path(entry).is_dir())]


def main() -> None:
    """Read a plan from standard input, and print its outcome."""
    began = time.monotonic()
    plan = Plan(**json.loads(sys.stdin.read()))
    sys.stdout.write(json.dumps(dataclasses.asdict(run(plan, began))) + "\n")


if __name__ == "__main__":
    main()
