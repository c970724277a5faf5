"""Every kind of evaluator, opened for a recipe, with whatever it needs around it."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

from campaigns.evaluation.crews import CrewEvaluator
from campaigns.evaluation.on_ray import RayCrew
from campaigns.evaluation.processes import Crew
from campaigns.evaluation.protocol import OpenEvaluator
from campaigns.evaluation.queue import Queue, Terms
from campaigns.evaluation.recipe import Recipe
from campaigns.evaluation.serial import SerialEvaluator
from campaigns.evaluation.shared import SharedEvaluator
from campaigns.evaluation.storage import Address
from campaigns.evaluation.work import Worker
from materials.errors import GalenaError

KINDS = ("serial", "processes", "ray", "journal", "postgres")
"""An SQLite file is what :mod:`test_shared` uses throughout."""
BEAT, GRACE = 0.3, 1.5


class Quiet:
    """Watches a worker and keeps what it was told."""

    def __init__(self) -> None:
        self.heard: list[tuple[Any, ...]] = []

    def idle(self) -> None:
        self.heard.append(("idle",))

    def taken(self, *told: Any) -> None:
        self.heard.append(("taken", *told))

    def told(self, *told: Any) -> None:
        self.heard.append(("told", *told))

    def late(self, *told: Any) -> None:
        self.heard.append(("late", *told))


@contextmanager
def opened(
    kind: str, recipe: Recipe, folder: Path, url: str = ""
) -> Iterator[OpenEvaluator]:
    """``url`` is that of a PostgreSQL server."""
    if kind == "serial":
        with SerialEvaluator(recipe.build()) as evaluator:
            yield evaluator
    elif kind == "processes":
        with CrewEvaluator(Crew(recipe, 2)) as evaluator:
            yield evaluator
    elif kind == "ray":
        with CrewEvaluator(RayCrew(recipe, "local", 2)) as evaluator:
            yield evaluator
    else:
        places = {
            "sqlite": f"sqlite:///{folder}/q.db",
            "journal": f"journal:///{folder}/q.log",
        }
        with shared(recipe, places.get(kind, url)) as evaluator, working(evaluator, recipe):
            yield evaluator


@contextmanager
def shared(recipe: Recipe, url: str, **options: Any) -> Iterator[SharedEvaluator]:
    """The campaign's side alone."""
    terms = Terms(options.pop("campaign", "1"), "name: toy", {}, options.pop("beat", BEAT))
    name = options.pop("name", f"toy-{uuid.uuid4().hex[:8]}")
    options = {"grace": GRACE, "patience": 30.0, "attempts": 2, **options}
    with SharedEvaluator(
        Address(url), name, terms, oracle=recipe.oracle, cost=recipe.cost, **options
    ) as evaluator:
        yield evaluator


def worker(evaluator: SharedEvaluator, recipe: Recipe, **options: Any) -> Worker:
    """A worker for a campaign, with a connection of its own."""
    theirs = evaluator.queue
    address = theirs.patience.address
    queue = Queue.join(address, theirs.name, seconds=30.0, note=lambda _: None)
    options = {"name": "tester", "watcher": Quiet(), "idle_limit": 60.0, **options}
    return Worker(queue, recipe_for=lambda facts, oracle: recipe, **options)


@contextmanager
def working(
    evaluator: SharedEvaluator, recipe: Recipe, n: int = 1
) -> Iterator[list[Worker]]:
    """Workers in threads, each of which comes back when its oracle breaks."""
    workers = [worker(evaluator, recipe, name=f"tester {i}") for i in range(n)]

    def work(one: Worker) -> None:
        while True:
            try:
                one.run()
            except GalenaError:
                continue
            return

    threads = [Thread(target=work, args=(one,), daemon=True) for one in workers]
    for thread in threads:
        thread.start()
    try:
        yield workers
    finally:
        evaluator.finish()
        for thread in threads:
            thread.join(30.0)


def command(log: Path, seconds: float, *arguments: str) -> list[str]:
    """The worker's command line, with a fake oracle."""
    module = "tests.campaigns.evaluation.working"
    return [sys.executable, "-m", module, str(log), str(seconds), *arguments]
