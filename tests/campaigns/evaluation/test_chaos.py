"""Four worker processes on one campaign in PostgreSQL, and what may befall them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from campaigns.evaluation.shared import SharedEvaluator
from campaigns.evaluation.storage import Address
from tests.campaigns.evaluation.fakes import FakeRecipe, candidates, ended, events, verdict
from tests.campaigns.evaluation.places import command, shared
from tests.postgres import PASSWORD, Server, postgres  # noqa: F401

HOME = Path(__file__).parents[3]
SECONDS = 0.25  # of one evaluation
NOTHING = FakeRecipe(Path(os.devnull))


@contextmanager
def team(
    evaluator: SharedEvaluator, folder: Path, url: str, n: int = 4
) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Workers as a person starts them; what they print goes to ``folder``."""
    environment = {**os.environ, "PYTHONPATH": str(HOME), "GALENA_STORAGE": url}
    line = command(folder / "log", SECONDS, evaluator.queue.name, "--json")
    workers = []
    for i in range(n):
        with (folder / f"worker-{i}").open("wb") as output:
            workers.append(
                subprocess.Popen(
                    line, stdout=output, stderr=output, env=environment, cwd=HOME
                )
            )
    try:
        yield workers
    finally:
        for one in workers:
            one.kill()
            one.wait()
    for i in range(n):
        assert "hush" not in (folder / f"worker-{i}").read_text()


def at_work(log: Path, workers: Sequence[subprocess.Popen[bytes]]) -> tuple[int, str, int]:
    """Wait until one has just begun a candidate: its place, the candidate, the process."""
    living = {one.pid: i for i, one in enumerate(workers) if one.poll() is None}
    end = time.monotonic() + 20.0
    while time.monotonic() < end:
        done = {words[0] for words in events(log, "end")}
        for name, child, parent, when in events(log, "begin"):
            just = time.time() - float(when) < SECONDS / 3
            if int(parent) in living and name not in done and just:
                return living[int(parent)], name, int(child)
        time.sleep(0.01)
    raise AssertionError("nobody does anything")


def complete(evaluator: SharedEvaluator) -> Counter[str]:
    """Verdicts on record, by candidate."""
    trials = evaluator.queue.trials()
    return Counter(t.user_attrs["candidate"] for t in trials if t.state.name == "COMPLETE")


def run(
    evaluator: SharedEvaluator, n: int, events: dict[int, Callable[[], Any]]
) -> dict[str, Any]:
    """Evaluate ``n`` candidates; after so many verdicts, something happens."""
    asked = candidates(n)
    found = []
    for told in evaluator(asked):
        found.append(told)
        if len(found) in events:
            events[len(found)]()
    assert sorted(v.candidate_id for v in found) == [c.id for c in asked]
    assert complete(evaluator) == Counter(c.id for c in asked)
    by_id = {v.candidate_id: v for v in found}
    for one in asked:
        assert by_id[one.id].energy_above_hull == verdict(one).energy_above_hull
    return by_id


def test_a_client_that_stands_still_within_a_transaction_is_cut_off(postgres):  # noqa: F811
    """As a worker does that is paused at the wrong moment."""
    still = Address(postgres.url).open()
    with still.engine.connect() as connection, shared(NOTHING, postgres.url) as evaluator:
        evaluator.queue.add(candidates(1)[0], "fake")
        connection.exec_driver_sql("SELECT * FROM trials FOR UPDATE")
        began = time.monotonic()
        assert evaluator.queue.fail(0, lost="for a test")
        assert time.monotonic() - began < 15.0
        with pytest.raises(DBAPIError, match="idle-in-transaction"):
            connection.exec_driver_sql("SELECT 1")
        connection.invalidate()


def test_two_of_four_are_killed_and_nothing_is_lost_or_done_twice(postgres, tmp_path):  # noqa: F811
    recipe = FakeRecipe(tmp_path / "log", SECONDS)
    killed: list[str] = []
    with (
        shared(recipe, postgres.url) as evaluator,
        team(evaluator, tmp_path, postgres.url) as workers,
    ):

        def kill() -> None:
            which, name, _ = at_work(recipe.log, workers)
            workers[which].kill()
            workers[which].wait()
            killed.append(name)

        found = run(evaluator, 40, {6: kill, 14: kill})
        evaluator.finish()
        assert sorted(one.wait(20) for one in workers) == [-9, -9, 0, 0]
    assert ended(recipe.log) == Counter(found.keys())  # each to its end, once
    lost = {name: v for name, v in found.items() if v.attempts > 1}
    assert sorted(lost) == sorted(killed)
    assert all("gave no sign of life" in v.failures[0] for v in lost.values())


def test_a_worker_that_was_paused_is_not_heard(postgres, tmp_path):  # noqa: F811
    recipe = FakeRecipe(tmp_path / "log", SECONDS)
    paused: list[tuple[int, str, int]] = []
    with (
        shared(recipe, postgres.url) as evaluator,
        team(evaluator, tmp_path, postgres.url, 2) as workers,
    ):

        def send(what: signal.Signals) -> None:
            ((which, _, child),) = paused
            for process in (workers[which].pid, child):
                os.kill(process, what)

        def pause() -> None:
            paused.append(at_work(recipe.log, workers))
            send(signal.SIGSTOP)

        found = run(evaluator, 20, {3: pause})
        ((which, name, _),) = paused
        assert found[name].attempts == 2
        send(signal.SIGCONT)
        assert _output(tmp_path / f"worker-{which}", "was taken back")
        assert complete(evaluator)[name] == 1
        evaluator.finish()
        assert [one.wait(20) for one in workers] == [0, 0]
    assert '"n_late": 1' in (tmp_path / f"worker-{which}").read_text()
    assert {n: k for n, k in ended(recipe.log).items() if n != name and k != 1} == {}


def test_the_database_goes_away_for_some_seconds(postgres: Server, tmp_path):  # noqa: F811
    recipe = FakeRecipe(tmp_path / "log", SECONDS)
    notes: list[str] = []
    with (
        shared(recipe, postgres.url, note=notes.append) as evaluator,
        team(evaluator, tmp_path, postgres.url, 2) as workers,
    ):

        def away() -> None:
            at_work(recipe.log, workers)
            postgres.stop()
            time.sleep(2.5)  # longer than a worker may be silent
            postgres.start()

        outage = Thread(target=away)  # so that the campaign is listening meanwhile
        found = run(evaluator, 16, {5: outage.start})
        outage.join()
        evaluator.finish()
        assert [one.wait(20) for one in workers] == [0, 0]
    assert all(v.attempts == 1 for v in found.values())
    assert ended(recipe.log) == Counter(found.keys())
    assert any("does not answer" in line for line in notes)
    assert "does not answer" in (tmp_path / "worker-0").read_text()
    assert not any(PASSWORD in line or "hush" in line for line in notes)


def test_the_campaign_itself_is_killed_again_and_again(postgres, tmp_path):  # noqa: F811
    """Its workers go on meanwhile; what they found is found, and nothing is done twice."""
    record, log = tmp_path / "record", tmp_path / "log"
    environment = {**os.environ, "PYTHONPATH": str(HOME)}
    module = "tests.campaigns.evaluation.asking"
    line = [sys.executable, "-m", module, str(record), postgres.url, "16"]
    asking = subprocess.Popen(line, cwd=HOME, env=environment)
    with shared(FakeRecipe(log), postgres.url, name="toy") as evaluator:
        pass  # so that workers find it
    with team(evaluator, tmp_path, postgres.url, 2) as workers:
        for told in (2, 7):
            _until(lambda told=told: len(events(record, "told")) >= told)
            asking.kill()
            asking.wait()
            time.sleep(SECONDS / 2)
            asking = subprocess.Popen(line, cwd=HOME, env=environment)
        assert asking.wait(40) == 0
        assert [one.wait(20) for one in workers] == [0, 0]
    names = Counter(c.id for c in candidates(16))
    assert Counter(words[0] for words in events(record, "told")) == names
    assert ended(log) == names


def _until(true: Callable[[], object], seconds: float = 40.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.01)


def _output(path: Path, words: str, seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while words not in path.read_text():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


pytestmark = pytest.mark.skipif(os.name != "posix", reason="it sends signals")
