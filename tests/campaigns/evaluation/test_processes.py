"""Worker processes may die, hang, or be left alone; nothing is lost and nobody stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.evaluation.attempts import Attempts
from campaigns.evaluation.crews import CrewEvaluator
from campaigns.evaluation.processes import Crew, Loss, Outcome
from campaigns.evaluation.protocol import EvaluationError, StartError
from campaigns.protocols import Candidate, Oracle, Verdict
from materials.errors import InputError
from tests.campaigns.evaluation.fakes import (
    FakeRecipe,
    begun,
    candidate,
    candidates,
    ended,
    events,
    verdict,
)

HOME = Path(__file__).parents[3]
pytestmark = pytest.mark.skipif(os.name != "posix", reason="it sends signals")


def test_what_dies_hangs_or_fails_costs_only_itself(tmp_path):
    moods = (("c001", "dies"), ("c002", "dies once"), ("c003", "hangs"))
    recipe = FakeRecipe(tmp_path / "log", moods=moods)
    notes: list[str] = []
    crew = Crew(recipe, 2, time_limit=0.5)
    with CrewEvaluator(crew, attempts=2, note=notes.append) as evaluator:
        found = {v.candidate_id: v for v in evaluator(candidates(8))}
    assert len(found) == 8
    assert "lost its worker 2 times" in found["c001"].error
    assert "SIGKILL" in found["c001"].error
    assert (found["c001"].attempts, len(found["c001"].failures)) == (2, 1)
    assert (found["c002"].error, found["c002"].attempts) == (None, 2)
    assert "SIGKILL" in found["c002"].failures[0]
    assert found["c003"].error == "stopped at the time limit of 0.5 s"
    assert found["c003"].seconds >= 0.5
    assert begun(recipe.log)["c003"] == 1
    assert (found["c001"].cost, found["c003"].cost) == (14.0, 7.0)
    once = verdict(candidates(3)[2])
    assert found["c002"].cost == once.cost + 7.0
    assert found["c001"].seconds > 0.0
    assert found["c002"].seconds > once.seconds
    for one in candidates(8):
        if one.id not in dict(moods):
            assert found[one.id] == verdict(one)
    assert len(notes) == 4


@given(
    lost=st.lists(st.floats(0.0, 1e4), max_size=5),
    limit=st.integers(1, 6),
    cost=st.floats(0.0, 1e3),
    told=st.sampled_from(["verdict", "overtime"]),
)
def test_every_attempt_is_paid_for_whatever_became_of_it(lost, limit, cost, told):
    """Cost and seconds of a verdict are those of all its attempts."""
    one, attempts = candidate("a"), Attempts(limit, cost)
    for n, seconds in enumerate(lost, 1):
        outcome = Outcome(one, loss=Loss.DIED, cause=f"no {n}", seconds=seconds)
        found = attempts.verdict(outcome)
        assert (found is not None) == (n == limit)
        if found is not None:
            spent, n_attempts = sum(lost[:n]), n
            break
    else:
        last = Verdict("a", band_gap=1.0, seconds=2.0, cost=cost)
        found = attempts.verdict(
            Outcome(one, last, seconds=2.0)
            if told == "verdict"
            else Outcome(one, loss=Loss.OVERTIME, cause="late", seconds=2.0)
        )
        spent, n_attempts = sum(lost) + 2.0, len(lost) + 1
    assert found.attempts == n_attempts == len(found.failures) + 1
    assert found.cost == pytest.approx(cost * n_attempts)
    assert found.seconds == pytest.approx(spent)


def test_whoever_is_killed_at_whatever_moment_everything_comes_back_once(tmp_path):
    recipe = FakeRecipe(tmp_path / "log", seconds=0.03)
    random, asked = Random(5), candidates(30)
    crew = Crew(recipe, 2)
    found = []
    with CrewEvaluator(crew, attempts=9) as evaluator:
        for told in evaluator(asked):
            found.append(told)
            if len(found) in (4, 9, 15, 22):
                time.sleep(random.uniform(0, 0.05))
                os.kill(random.choice(crew.pids), signal.SIGKILL)
    assert Counter(v.candidate_id for v in found) == Counter(c.id for c in asked)
    assert all(v.error is None for v in found)
    assert max(ended(recipe.log).values()) <= 2  # told, but the messenger was shot


def test_processes_stay_from_one_call_to_the_next(tmp_path):
    crew = Crew(FakeRecipe(tmp_path / "log"), 1)
    with CrewEvaluator(crew) as evaluator:
        list(evaluator(candidates(2)))
        before = crew.pids
        list(evaluator(candidates(2)))
        assert crew.pids == before
    assert not any(map(alive, before))


def test_an_oracle_that_cannot_be_built_is_told_as_it_said(tmp_path):
    recipe = FakeRecipe(tmp_path / "log", broken="forbid the element Xx")
    with (
        CrewEvaluator(Crew(recipe, 1)) as evaluator,
        pytest.raises(StartError, match="forbid the element Xx"),
    ):
        list(evaluator(candidates(2)))


def test_processes_that_die_before_they_are_ready_are_not_started_for_ever(tmp_path):
    recipe = FakeRecipe(tmp_path / "log", broken="killed")
    with (
        CrewEvaluator(Crew(recipe, 1), attempts=9) as evaluator,
        pytest.raises(StartError, match=r"before their oracle is built.*SIGKILL"),
    ):
        list(evaluator(candidates(1)))


@dataclass(frozen=True)
class Threads:
    """An oracle that says how many threads it may use, and is answered for another."""

    oracle: str = "threads"
    cost: float = 1.0

    def build(self) -> Oracle:
        def judge(candidate: Candidate) -> Verdict:
            name = "somebody else" if candidate.id == "wrong" else candidate.id
            return Verdict(name, n_steps=int(os.environ["OMP_NUM_THREADS"]))

        return judge


def test_each_process_has_its_share_of_threads(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    with CrewEvaluator(Crew(Threads(), 1, threads=3)) as evaluator:
        (found,) = evaluator([candidate("x")])
        assert found.n_steps == 3
        with pytest.raises(EvaluationError, match="asked for wrong and answered for"):
            list(evaluator([candidate("wrong")]))
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "MKL_NUM_THREADS" not in os.environ


@dataclass(frozen=True)
class Nested:
    """An oracle that computes in a process of its own."""

    oracle: str = "nested"
    cost: float = 1.0

    def build(self) -> Oracle:
        def judge(candidate: Candidate) -> Verdict:
            child = get_context("spawn").Process(target=time.sleep, args=(0,), daemon=True)
            child.start()
            child.join()
            return Verdict(candidate.id, n_steps=child.exitcode)

        return judge


def test_an_oracle_may_have_processes_of_its_own():
    with CrewEvaluator(Crew(Nested(), 1)) as evaluator:
        (found,) = evaluator([candidate("x")])
    assert (found.error, found.n_steps) == (None, 0)


def test_a_crew_that_nobody_closed_does_not_keep_its_parent(tmp_path):
    program = (
        "from pathlib import Path\n"
        "from campaigns.evaluation.processes import Crew\n"
        "from tests.campaigns.evaluation.fakes import FakeRecipe, candidate\n"
        "if __name__ == '__main__':\n"
        "    crew = Crew(FakeRecipe(Path('log')), 1)\n"
        "    crew.give(candidate('a'))\n"
        "    while not crew.wait(1.0): pass\n"
        "    print(crew.pids[0])\n"
    )
    script = tmp_path / "open.py"
    script.write_text(program)
    environment = {**os.environ, "PYTHONPATH": str(HOME)}
    line = [sys.executable, str(script)]
    done = subprocess.run(
        line, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, done.stderr
    _until(lambda: not alive(int(done.stdout)))


def test_what_an_oracle_started_ends_with_it(tmp_path):
    recipe = FakeRecipe(tmp_path / "log", moods=(("a", "leaves a child"),))
    with CrewEvaluator(Crew(recipe, 1, time_limit=1.0)) as evaluator:
        (found,) = evaluator([candidate("a")])
    assert "time limit" in found.error
    ((child, *_),) = events(recipe.log, "child")
    _until(lambda: not alive(int(child)))


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT])
def test_nobody_stays_when_the_parent_is_gone(tmp_path, sign):
    log = tmp_path / "log"
    line = [sys.executable, "-m", "tests.campaigns.evaluation.parent", str(log)]
    environment = {**os.environ, "PYTHONPATH": str(HOME)}
    parent = subprocess.Popen(line, cwd=HOME, env=environment, stderr=subprocess.DEVNULL)
    _until(lambda: len(begun(log)) == 2 and events(log, "child"), 30.0)
    parent.send_signal(sign)
    parent.wait(10.0)
    pids = [int(words[1]) for words in events(log, "begin")]
    pids += [int(words[0]) for words in events(log, "child")]
    assert len(pids) == 3
    _until(lambda: not any(map(alive, pids)))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Crew(Threads(), 0),
        lambda: Crew(Threads(), 1, time_limit=0.0),
        lambda: Crew(Threads(), 1, threads=0),
        lambda: Attempts(0),
    ],
)
def test_settings_that_make_no_sense_are_refused(make):
    with pytest.raises(InputError, match="must be"):
        make()


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended but was not waited for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def _until(true: Callable[[], object], seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.02)
