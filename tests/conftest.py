"""What all tests rely on."""

from __future__ import annotations

import gc
import os
import signal
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock

if TYPE_CHECKING:
    from sqlalchemy import Engine

# A shell that runs the tests in the background has them ignore Ctrl-C, and whatever they start
# inherits that: then what tests about interruptions send is never heard.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Commands speak the language of whoever runs them; tests read English.
os.environ["LANGUAGE"] = "en"

# Ray lets its workers wait for everybody else (nice 15); beside two other tests they would
# take minutes to load a model.
os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112 - it is called so


# Collecting loads a million objects that stay; looking through them for garbage takes longer
# than many a test.
gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """What fails is told when it fails: whoever stops a run still learns of it."""
    if report.failed and "PYTEST_XDIST_WORKER" not in os.environ:
        last = str(report.longrepr).strip().splitlines()[-1:]
        told = f"\n{report.when} failed: {report.nodeid}: {''.join(last)}\n"
        sys.stderr.write(told)
        sys.stderr.flush()


@pytest.fixture
def without_study(monkeypatch: pytest.MonkeyPatch) -> None:
    """Optuna's file, which repeats what the ledger says and is half the cost of a toy campaign,
    is left out where nobody reads it.
    """
    monkeypatch.setattr("campaigns.session.Session.write_study", lambda session: None)


@pytest.fixture(scope="session")
def copied_databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """MLflow's SQLite files are copies of one: making one, migration by migration, takes it
    three seconds of CPU.
    """
    from mlflow.store.db import utils
    from mlflow.store.model_registry import sqlalchemy_store

    make = utils._initialize_tables
    base = tmp_path_factory.getbasetemp()  # of one worker, where there are several
    place = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "made-once.db"

    def copied(engine: Engine) -> None:
        target = engine.url.database
        if engine.dialect.name != "sqlite" or not target or Path(target).stat().st_size:
            make(engine)
            return
        engine.dispose()
        with FileLock(f"{place}.lock"):
            if not place.exists():
                make(engine)
                engine.dispose()
                _copy(Path(target), place)
                return
        _copy(place, Path(target))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(utils, "_initialize_tables", copied)
        patch.setattr(sqlalchemy_store, "_initialize_tables", copied)
        yield


def _copy(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as one, closing(sqlite3.connect(target)) as other:
        one.backup(other)
