"""The process that is put at risk: it feeds inputs and reports each on a line.

A line is ``kind, label, CPU seconds, peak KiB`` between tabs; the input being fed lies in a
file of the folder, where the parent finds it should this process die or never come back.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from tools.fuzz import guided
from tools.fuzz.feeder import CRASH, FED, Feeder
from tools.fuzz.group import Group
from tools.fuzz.groups import groups
from tools.fuzz.guilty import minimised, save

CURRENT = "current-input"
AGAIN = "again"
"""The engine that feeds one kept input, as often as asked."""
_GROWN = 1024  # MiB that no one input may ask for
_FIRST = 100.0  # s for a first input, which waits for imports


def structured_inputs(
    group: Group, *, seed: int, first: int, count: int
) -> Iterator[bytes]:
    """Inputs ``first`` to ``first + count``; each depends on the seed and its number alone."""
    pool = group.seeds()
    for number in range(first, first + count):
        rng = Random(f"{seed} {group.name} {number}")
        yield group.changed(rng.choice(pool), pool, rng)


def work(
    name: str,
    engine: str,
    folder: Path,
    *,
    corpus: Path,
    seed: int,
    first: int,
    count: int,
    seconds_each: float,
    memory_mib: int,
) -> None:
    """Feed ``count`` inputs of an engine, reporting to what was standard output."""
    report = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8", errors="replace")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # parsers print
    group = groups()[name]
    for data in group.seeds():  # readers import their parsers when they first need them
        Feeder(group, folder, _FIRST)(data)
    feeder = Feeder(group, folder, seconds_each)
    one = _recorded(feeder, folder / CURRENT, report)
    limit = memory_mib << 20
    if engine == guided.ENGINE:
        guided.fuzz(one, group, corpus, seed=seed + first, count=count, limit=limit)
        return
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    if engine == AGAIN:
        data = (folder / CURRENT).read_bytes()
        for _ in range(count):
            one(data)
        return
    for data in structured_inputs(group, seed=seed, first=first, count=count):
        one(data)


def _recorded(feeder: Feeder, current: Path, report: Any) -> Callable[[bytes], None]:
    def one(data: bytes) -> None:
        current.write_bytes(data)
        before = _peak()
        outcome = feeder(data)
        if outcome.kind == FED and (grown := (_peak() - before) >> 10) > _GROWN:
            outcome = replace(outcome, kind=CRASH, label=f"memory grew by {grown} MiB")
        if outcome.kind != FED:
            raised = outcome.kind == CRASH and not outcome.label.startswith("memory")
            small = minimised(data, feeder, outcome) if raised else data
            save(feeder.group.name, outcome.kind, outcome.label, small)
        label = " ".join(outcome.label.split())
        report.write(f"{outcome.kind}\t{label}\t{outcome.seconds:.6f}\t{_peak()}\n")

    return one


def _peak() -> int:
    """KiB that the process has had at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
