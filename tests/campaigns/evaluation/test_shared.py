"""The campaign's side of a shared database, and workers that come and go."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from campaigns.cli.app import app
from campaigns.evaluation.queue import Queue
from campaigns.evaluation.recipe import OracleRecipe, check_versions
from campaigns.evaluation.shared import _Pulse
from campaigns.evaluation.work import recipe_of
from campaigns.protocols import Verdict
from materials.errors import GalenaError, InputError
from tests.campaigns.evaluation.fakes import (
    FakeRecipe,
    begun,
    candidate,
    candidates,
    ended,
    verdict,
)
from tests.campaigns.evaluation.places import command, shared, worker, working
from tests.campaigns.fakes import toy_config

HOME = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('shared')}/shared.db"


@pytest.fixture
def name() -> str:
    return f"toy-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def recipe(tmp_path: Path) -> FakeRecipe:
    return FakeRecipe(tmp_path / "log")


def test_a_campaign_that_comes_back_finds_what_was_done(url, recipe, name):
    asked = candidates(8)
    with shared(recipe, url, name=name) as evaluator, working(evaluator, recipe):
        with closing(evaluator(asked)) as verdicts:
            before = list(islice(verdicts, 3))
        while any(t.state.name == "RUNNING" for t in evaluator.queue.trials()):
            time.sleep(0.02)  # what a worker has begun it brings to an end
    with shared(recipe, url, name=name) as again, working(again, recipe):
        found = list(again(asked))
    assert Counter(v.candidate_id for v in found) == Counter(c.id for c in asked)
    assert {v.candidate_id for v in before} <= {v.candidate_id for v in found}
    assert all(v.attempts == 1 for v in found)
    # Its worker may have begun one more just before it was stopped, and that one is done again.
    assert sum(ended(recipe.log).values()) <= len(asked) + 1
    with shared(recipe, url, name=name) as finished:  # nobody works any more
        assert len(list(finished(asked))) == 8


def test_a_candidate_added_twice_is_evaluated_once(url, recipe, monkeypatch):
    """As it is where the database's answer to the first time was lost."""
    add = Queue.add

    def twice(self: Queue, *what: object) -> None:
        add(self, *what)
        add(self, *what)

    monkeypatch.setattr(Queue, "add", twice)
    asked = candidates(4)
    with shared(recipe, url) as evaluator, working(evaluator, recipe, 2):
        found = list(evaluator(asked))
        assert len(evaluator.queue.trials()) == 8
    assert sorted(v.candidate_id for v in found) == [c.id for c in asked]
    assert ended(recipe.log) == Counter(c.id for c in asked)


def test_who_stops_asking_leaves_nothing_to_be_taken(url, recipe):
    with shared(recipe, url) as evaluator:
        with closing(evaluator(candidates(3))) as verdicts:
            _soon(verdicts)
        assert [t.state.name for t in evaluator.queue.trials()] == ["FAIL"] * 3
        assert evaluator.queue.facts()["roll of fake"] == []


class Enough(Exception):
    """Half a second is over."""


def _soon(verdicts: Iterator[Verdict]) -> None:
    """Ask for a verdict that will not come, for half a second."""

    def give_up(*_: object) -> None:
        raise Enough

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    try:
        with pytest.raises(Enough):
            next(verdicts)
    finally:
        signal.signal(signal.SIGALRM, before)


def test_two_oracles_on_one_candidate_are_two_verdicts(url, tmp_path, name):
    cheap = FakeRecipe(tmp_path / "cheap", oracle="cheap")
    dear = FakeRecipe(tmp_path / "dear", oracle="dear")
    asked = candidates(2)
    with shared(cheap, url, name=name) as one, working(one, cheap):
        assert len(list(one(asked))) == 2
    with shared(dear, url, name=name) as other, working(other, dear):
        assert len(list(other(asked))) == 2
    assert ended(cheap.log) == ended(dear.log) == Counter(c.id for c in asked)


def test_it_is_said_that_nobody_works(url, recipe, name):
    notes: list[str] = []
    options = {"grace": 0.2, "beat": 0.1, "note": notes.append, "name": name}
    with (
        shared(recipe, url, **options) as evaluator,
        closing(evaluator(candidates(1))) as verdicts,
    ):
        _soon(verdicts)
    assert "no worker has taken a candidate" in notes[0]
    assert f"galena campaign work {name}" in notes[0]


def test_a_grace_too_short_for_the_beat_is_refused(url, recipe):
    with pytest.raises(InputError, match="at least twice"), shared(recipe, url, grace=0.5):
        pass


# --- workers


def test_a_worker_without_anything_to_do_goes_after_a_while(url, recipe):
    with shared(recipe, url) as evaluator:
        tally = worker(evaluator, recipe, idle_limit=0.2).run()
    assert (tally.told, tally.late) == (0, 0)


def test_a_worker_whose_oracle_cannot_be_built_costs_nobody_an_attempt(url, recipe):
    broken = FakeRecipe(recipe.log, broken="the potential is not installed here")
    with shared(recipe, url, attempts=1) as evaluator:
        for one in candidates(2):
            evaluator.queue.add(one, "fake")
        evaluator.queue.allow("fake", [0, 1])
        with pytest.raises(GalenaError, match="not installed here"):
            worker(evaluator, broken).run()
        with working(evaluator, recipe):
            found = list(evaluator(candidates(2)))
    assert [(v.error, v.attempts) for v in found] == [(None, 1)] * 2


def test_the_process_of_an_oracle_may_die_and_the_worker_goes_on(url, tmp_path):
    recipe = FakeRecipe(tmp_path / "log", moods=(("c001", "dies once"), ("c002", "dies")))
    with shared(recipe, url) as evaluator, working(evaluator, recipe) as (one,):
        found = {v.candidate_id: v for v in evaluator(candidates(4))}
    assert found["c001"].attempts == 2
    assert "SIGKILL" in found["c001"].failures[0]
    assert "SIGKILL" in found["c002"].error
    assert (found["c001"].cost, found["c002"].cost) == (found["c000"].cost + 7.0, 21.0)
    assert min(found["c001"].seconds, found["c002"].seconds) > 0.0
    assert [found[name].error for name in ("c000", "c001", "c003")] == [None] * 3
    assert [event[0] for event in one.watcher.heard].count("told") == 4


def test_what_takes_too_long_is_ended(url, tmp_path):
    recipe = FakeRecipe(tmp_path / "log", moods=(("slow", "hangs"),))
    with shared(recipe, url) as evaluator:
        evaluator.queue.add(candidate("slow"), "fake")
        evaluator.queue.allow("fake", [0])
        assert worker(evaluator, recipe, time_limit=0.3, idle_limit=0.0).run().failed == 1
        (found,) = evaluator([candidate("slow")])
    assert found.error == "stopped at the time limit of 0.3 s"


def test_what_a_silent_worker_had_is_paid_for(url, recipe):
    with shared(recipe, url) as evaluator:
        evaluator.queue.add(candidate("a"), "fake")
        evaluator.queue.allow("fake", [0])
        assert evaluator.queue.claim("one that is never heard of again") is not None
        time.sleep(0.5)
        assert evaluator.queue.fail(0, lost="gave no sign of life")
        with working(evaluator, recipe):
            (found,) = evaluator([candidate("a")])
    alone = verdict(candidate("a"))
    assert (found.attempts, found.cost) == (2, alone.cost + 7.0)
    assert found.seconds >= alone.seconds + 0.5


def test_a_worker_that_is_stopped_gives_its_candidate_back(url, tmp_path):
    recipe = FakeRecipe(tmp_path / "log", seconds=100.0)
    with shared(recipe, url) as evaluator:
        evaluator.queue.add(candidate("long"), "fake")
        evaluator.queue.allow("fake", [0])
        line = command(recipe.log, 100.0, evaluator.queue.name, "--storage", url)
        environment = {**os.environ, "PYTHONPATH": str(HOME)}
        one = subprocess.Popen(line, env=environment, cwd=HOME, stderr=subprocess.PIPE)
        end = time.monotonic() + 20
        while not begun(recipe.log) and time.monotonic() < end:
            time.sleep(0.02)
        one.send_signal(signal.SIGTERM)
        _, said = one.communicate(timeout=20)
        assert one.returncode == 130
        assert b"stopped" in said
        (trial,) = evaluator.queue.trials()
        assert trial.state.name == "FAIL"
        assert trial.user_attrs["lost"] == "given back"


@pytest.mark.parametrize("kind", ["sqlite", "journal"])
def test_a_worker_makes_no_database_where_there_is_none(kind, tmp_path):
    options = ["campaign", "work", "toy", "--storage", f"{kind}:///{tmp_path}/empty.db"]
    done = CliRunner().invoke(app, options)
    assert done.exit_code == 1
    assert "there is no such file" in done.output
    assert list(tmp_path.iterdir()) == []


def test_a_command_for_a_campaign_that_is_not_there_says_so(url, recipe):
    with shared(recipe, url, name="other"):
        done = CliRunner().invoke(app, ["campaign", "work", "othr", "--storage", url])
    assert done.exit_code == 1
    assert "no campaign 'othr' here; there are other" in done.output
    assert "Did you mean 'other'?" in done.output


# --- what a worker makes its oracle from


def test_a_worker_with_other_versions_is_refused():
    begun_with = {"galena": "1", "predictor": "p1", "oracle known": "sha256:1"}
    here = {**begun_with, "python": "3.13", "model": "elsewhere"}
    check_versions({**begun_with, "python": "3.11", "model": "here"}, here)
    for part in begun_with:
        with pytest.raises(InputError, match=f"{part} {begun_with[part]}, here is other"):
            check_versions(begun_with, {**begun_with, part: "other"})


def test_the_recipe_is_what_the_campaign_put_on_record(url, recipe):
    spec = toy_config().dump()
    with shared(recipe, url) as evaluator:
        facts = evaluator.queue.facts() | {"spec": spec}
        found = recipe_of(facts, "potential", store="sqlite:///m.db")
    assert found == OracleRecipe(
        spec=spec, oracle="potential", store="sqlite:///m.db", versions={}
    )


def test_a_recipe_knows_what_an_attempt_costs():
    dear = {"kind": "command", "argv": ["true", "{structure}"], "cost": 3.5}
    spec = toy_config(oracle=dear).dump()
    assert OracleRecipe(spec=spec, oracle="command").cost == 3.5
    with pytest.raises(InputError, match="no oracle 'other' that is a program"):
        _ = OracleRecipe(spec=spec, oracle="other").cost


# --- when a worker counts as lost


@dataclass
class Trial:
    """What of a trial tells whether its worker lives."""

    number: int = 0
    user_attrs: dict[str, object] = field(default_factory=dict)


def looks(pulse: _Pulse, trial: Trial, times: Sequence[float]) -> list[bool]:
    found = []
    for now in times:
        pulse.listen(now)
        found.append(pulse.stale(trial, now))
    return found


@given(st.floats(0.1, 100.0), st.floats(0.01, 0.49))
def test_silence_is_noticed_after_the_grace_and_not_before(grace, step):
    """However often somebody looks, as long as he does."""
    times = [1000.0 + i * step * grace for i in range(int(1.5 / step) + 2)]
    found = looks(_Pulse(grace), Trial(), times)
    for now, stale in zip(times, found, strict=True):
        if abs(now - times[0] - grace) > 1e-6 * grace:
            assert stale == (now - times[0] > grace)


def test_a_sign_of_life_ends_the_silence():
    pulse, trial = _Pulse(10.0), Trial()
    looks(pulse, trial, [0.0, 4.0, 8.0])
    trial.user_attrs["beat"] = 1
    assert looks(pulse, trial, [9.0, 13.0, 17.0]) == [False] * 3
    assert looks(pulse, trial, [20.0]) == [True]


@given(st.floats(0.51, 50.0))
def test_what_nobody_listened_to_is_no_silence(gap):
    """The database was away, or the campaign was busy: so was everybody's sign of life."""
    grace, pulse, trial = 10.0, _Pulse(10.0), Trial()
    looks(pulse, trial, [0.0, 4.0, 8.0])
    back = 8.0 + gap * grace
    assert looks(pulse, trial, [back, back + 4.0, back + 8.0]) == [False] * 3
    assert looks(pulse, trial, [back + 12.0]) == [True]
