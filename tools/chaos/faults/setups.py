"""What is done within a run's own process before the command begins.

Each is named in :class:`tools.chaos.server.Run`; numbers come in ``CHAOS_NUMBER``.
"""

from __future__ import annotations

import importlib
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any


def begin() -> None:
    """What the run asked for."""
    if os.environ.get("CHAOS_LEAN"):
        lean()
    if also := os.environ.get("CHAOS_ALSO"):
        module, _, function = also.partition(":")
        getattr(importlib.import_module(module), function)()
    if name := os.environ.get("CHAOS_SETUP"):
        globals()[name]()


def lean() -> None:
    """No report and no MLflow, which take most of a small campaign's time."""
    from campaigns import publishing

    def quiet(place: Any, *_: Any, **__: Any) -> Any:
        place.report.mkdir(parents=True, exist_ok=True)
        return lambda _: None

    publishing.publisher = quiet


def fired(what: str) -> None:
    """A line for whoever wants to know whether a fault happened at all."""
    _FIRED[0] += 1
    if _FIRED[0] <= _ENOUGH:
        with Path(os.environ["CHAOS_FIRED"]).open("a", encoding="utf-8") as file:
            file.write(f"{what}\n")


_FIRED = [0]
_ENOUGH = 20  # lines


def number() -> int:
    return int(os.environ["CHAOS_NUMBER"])


def few_files() -> None:
    """So many descriptors may be open."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (number(), number()))


def little_memory() -> None:
    """Batches of more than so many crystals find no memory."""
    _short_of_memory(MemoryError("Unable to allocate 3.1 GiB"))


def little_gpu_memory() -> None:
    """The same, as a GPU says it."""
    import torch

    _short_of_memory(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 3 GiB"))


def _short_of_memory(error: Exception) -> None:
    from models import memory

    halving = memory.halving

    def short(parts: Any, ask: Any, device: Any) -> Any:
        def asked(first: int, last: int) -> Any:
            if last - first > number():
                fired(f"{last - first} crystals")
                raise error
            return ask(first, last)

        return halving(parts, asked, device)

    import models.inference

    memory.halving = short
    models.inference.halving = short  # type: ignore[attr-defined]


def training_out_of_memory() -> None:
    """A step of training finds no memory on its GPU."""
    import torch

    from models.training import loop

    take = loop.Run.take_step
    left = [number()]

    def step(self: Any, ask: Any) -> None:
        left[0] -= 1
        if left[0] == 0:
            fired("step")
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 3 GiB")
        take(self, ask)

    loop.Run.take_step = step  # type: ignore[method-assign]


_GALENA = ("campaigns", "materials", "models")


def jumping_clock() -> None:
    """Every look at the wall clock finds it hours or years from where it was."""
    import datetime
    import random

    draw = random.Random(number())
    real = time.time

    def jumping() -> float:
        asking = (sys._getframe(depth).f_globals.get("__name__", "") for depth in (1, 2))
        if any(name.partition(".")[0] in _GALENA for name in asking):
            fired("asked for the time")
        return real() + draw.choice((-1, 1)) * draw.choice((3600.0, 86_400.0, 3.2e8))

    class Jumping(datetime.datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return cls.fromtimestamp(jumping(), tz)

    time.time = jumping
    import campaigns.loop  # noqa: F401 - and all that it needs

    for name, module in list(sys.modules.items()):
        there = getattr(module, "datetime", None)
        if name.startswith("campaigns.") and there is datetime.datetime:
            module.datetime = Jumping  # type: ignore[attr-defined]


def folder_goes() -> None:
    """The campaign's folder is moved away, or another put in its place, at a verdict."""
    from campaigns.ledger import Ledger

    commit = Ledger.commit_verdict
    left = [number()]

    def moved(self: Any, *arguments: Any) -> None:
        left[0] -= 1
        if left[0] == 0:
            fired("moved")
            folder = self.path.parent
            folder.rename(folder.with_name("moved"))
            if os.environ.get("CHAOS_REPLACED"):
                Path(folder).mkdir()
        commit(self, *arguments)

    Ledger.commit_verdict = moved  # type: ignore[method-assign]


def raising() -> None:
    """A table raises ``CHAOS_DEED`` about every other candidate."""
    from campaigns.oracles.lookup import Lookup
    from tools.chaos.faults.answers import bad

    call = Lookup.__call__

    class Unspeakable(Exception):
        def __str__(self) -> str:
            raise RuntimeError("it cannot be said")

    class Endless(Exception):
        def __str__(self) -> str:
            return "x" * 50_000_000

    kinds: dict[str, type[BaseException]] = {
        "Unspeakable": Unspeakable,
        "Endless": Endless,
        "ValueError": ValueError,
        "RecursionError": RecursionError,
        "SystemExit": SystemExit,
        "BaseException": BaseException,
        "GeneratorExit": GeneratorExit,
        "MemoryError": MemoryError,
    }
    kind = kinds[os.environ["CHAOS_DEED"]]

    def asked(self: Any, candidate: Any) -> Any:
        if bad(candidate.id):
            raise kind("as the oracle has it")
        return call(self, candidate)

    Lookup.__call__ = asked  # type: ignore[method-assign]
