"""Pools of points with a known best, for tests of the sampler."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import optuna
from optuna.storages import BaseStorage, InMemoryStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend

STORAGES = ("memory", "sqlite", "journal")


def points(n: int = 200, d: int = 3, *, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((n, d))


def height(x: np.ndarray) -> float:
    """Highest in the middle."""
    return float(-((np.asarray(x) - 0.5) ** 2).sum())


@contextmanager
def storage(kind: str, folder: Path) -> Iterator[BaseStorage]:
    """A storage of one of the kinds, or at a URL, closed at the end."""
    if kind == "memory":
        yield InMemoryStorage()
    elif kind == "journal":
        yield JournalStorage(JournalFileBackend(str(folder / "journal.log")))
    else:
        sqlite = kind == "sqlite"
        found = RDBStorage(
            f"sqlite:///{folder / 'study.sqlite'}" if sqlite else kind,
            engine_kwargs={"connect_args": {"timeout": 60}} if sqlite else None,
        )
        try:
            yield found
        finally:
            found.engine.dispose()


def new_study(sampler: optuna.samplers.BaseSampler, **options) -> optuna.Study:
    options = {"direction": "maximize"} | options
    if "directions" in options:
        del options["direction"]
    return optuna.create_study(sampler=sampler, **options)


def rows(study: optuna.Study) -> list[int]:
    """The candidates proposed, in order."""
    return [t.params["candidate"] for t in study.trials if "candidate" in t.params]
