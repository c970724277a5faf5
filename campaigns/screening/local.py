"""Shards on this machine: as many at once as there are processors, next to a reader."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    CancelledError,
    Future,
    ThreadPoolExecutor,
    wait,
)
from contextlib import contextmanager
from threading import Event
from typing import TYPE_CHECKING

from campaigns.screening.shard import Screener, ShardResult
from campaigns.screening.sources import Task

if TYPE_CHECKING:
    from models.inference import Tell


def screen_locally(
    tasks: Iterable[Task],
    screener: Screener,
    *,
    workers: int | None = None,
    tell: Tell = lambda _: None,
) -> Generator[ShardResult]:
    """Do every task, ``workers`` at a time; results come as they are ready, in any order.

    Threads suffice: what takes time here runs without Python's lock. One shard more than
    there are workers is read ahead, and finished ones are written by the caller, while
    others are computed.
    """
    n = workers or processors()
    stopped = Event()

    def told(done: int) -> None:
        if stopped.is_set():  # nobody waits for this shard any more
            raise CancelledError
        tell(done)

    waiting: set[Future[ShardResult]] = set()
    todo = iter(tasks)
    with one_thread_each(), ThreadPoolExecutor(n, "shard") as pool:
        try:
            while True:
                while len(waiting) <= n and (task := next(todo, None)) is not None:
                    waiting.add(pool.submit(_one_thread(screener.screen), task, told))
                if not waiting:
                    return
                finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for done in sorted(finished, key=lambda future: future.result().number):
                    yield done.result()
        finally:
            stopped.set()
            for future in waiting:
                future.cancel()


def default_workers(device: str) -> int:
    """A shard for each processor; on a GPU two, so that one is read while one is computed."""
    from models.inference import choose_device

    return 2 if choose_device(device).type == "cuda" else processors()


def processors() -> int:
    """How many this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Keep torch from starting threads of its own inside each of ours."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _one_thread(
    screen: Callable[[Task, Tell], ShardResult],
) -> Callable[[Task, Tell], ShardResult]:
    """The number of threads is a thread's own setting with some builds of torch."""
    import torch

    def alone(task: Task, tell: Tell) -> ShardResult:
        if torch.get_num_threads() != 1:
            torch.set_num_threads(1)
        return screen(task, tell)

    return alone
