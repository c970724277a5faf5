"""Trials done by several processes at once, each with a helper of its own.

A trial that mostly waits, as for a server that stays away for ten minutes, is done beside the
others, by processes that do nothing else.
"""

from __future__ import annotations

import re
import shutil
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

from tools.chaos.listed import find_trials
from tools.chaos.record import TRIALS, Outcome, Place, Scale, Subject, Trial, failed

_WAITING = 2  # processes for what waits; they need no processor


@dataclass(frozen=True, kw_only=True)
class How:
    """What holds for every trial."""

    root: Path
    """Where each has its folder."""
    seed: int
    scale: Scale
    keep: bool = False
    """Whether folders stay where nothing went wrong."""


def run(one: Trial, how: How) -> Outcome:
    """One trial in a fresh folder, which is kept where something went wrong."""
    slug = re.sub(r"[^a-z0-9]+", "-", f"{one.subject} {one.name}".lower())
    folder = how.root.absolute() / slug
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    began = time.monotonic()

    def tell(line: str) -> None:
        print(
            f"  {one.name} ({one.subject}), {time.monotonic() - began:.0f} s: {line}",
            flush=True,
        )

    try:
        outcome = one.run(Place(folder=folder, seed=how.seed, scale=how.scale, tell=tell))
        outcome = replace(outcome, fault=one.name, subject=one.subject)
    except Exception as error:  # noqa: BLE001 - the other trials are still to be made
        traceback.print_exc()
        outcome = failed(one, error, time.monotonic() - began)
    if outcome.good and not how.keep:
        shutil.rmtree(folder, ignore_errors=True)
    return outcome


def all_of(
    chosen: Sequence[Trial], how: How, *, jobs: int, heard: Callable[[Outcome], None]
) -> list[Outcome]:
    """All, so many at a time beside those that wait; in the order in which they came."""
    found: dict[Trial, Outcome] = {}
    began = time.monotonic()
    with ExitStack() as stack:
        for one, future in _handed_out(chosen, how, jobs, stack):
            try:
                found[one] = future.result()
            except Exception as error:  # noqa: BLE001 - its process died, and others may not
                found[one] = failed(one, error, time.monotonic() - began)
            heard(found[one])
    return [found[one] for one in chosen]


def _handed_out(
    chosen: Sequence[Trial], how: How, jobs: int, stack: ExitStack
) -> Iterator[tuple[Trial, Future[Outcome]]]:
    """Each with its result to be, as they come to their ends."""
    asked: dict[Future[Outcome], Trial] = {}
    for waits, most in ((True, _WAITING), (False, jobs)):
        of_these = [one for one in chosen if one.waits is waits]
        if not of_these:
            continue
        workers = min(most, len(of_these))
        pool = stack.enter_context(
            ProcessPoolExecutor(workers, mp_context=get_context("spawn"))
        )
        for one in of_these:
            asked[pool.submit(_run, (one.name, one.subject), how)] = one
    for future in as_completed(asked):
        yield asked[future], future


def _run(name: tuple[str, Subject], how: How) -> Outcome:
    """In a process of the crew."""
    find_trials()
    return run(TRIALS[name], how)


__all__ = ["How", "all_of", "run"]
