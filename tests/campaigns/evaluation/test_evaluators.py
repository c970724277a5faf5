"""What is true of every evaluator, wherever the oracle is called."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from campaigns.evaluation.protocol import OpenEvaluator
from campaigns.protocols import Verdict
from materials.errors import GalenaError
from tests.campaigns.evaluation.fakes import (
    FakeOracle,
    FakeRecipe,
    begun,
    candidate,
    candidates,
    ended,
    verdict,
)
from tests.campaigns.evaluation.places import KINDS, opened
from tests.postgres import server

HOME = Path(__file__).parents[3]
MOODS = (("bad", "errs"), ("raising", "raises"), ("refusing", "refuses"), ("slow", "hangs"))


@pytest.fixture(scope="module", params=KINDS)
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path, OpenEvaluator]]:
    """The kind, the log of its oracle, and the evaluator."""
    kind, folder = request.param, tmp_path_factory.mktemp("place")
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(HOME))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        if kind == "ray":
            pytest.importorskip("ray", reason="Ray is not installed")
        url = stack.enter_context(server()).url if kind == "postgres" else ""
        recipe = FakeRecipe(folder / "log", 0.0, MOODS)
        evaluator = stack.enter_context(opened(kind, recipe, folder, url))
        yield kind, folder / "log", evaluator


def test_every_candidate_gets_exactly_its_verdict(place):
    _, log, evaluator = place
    asked = candidates(12, prefix=f"{os.urandom(3).hex()}-")
    found = list(evaluator(asked))
    assert sorted(v.candidate_id for v in found) == sorted(c.id for c in asked)
    by_id = {v.candidate_id: v for v in found}
    for one in asked:
        assert by_id[one.id] == verdict(one)  # every number to the last digit
        assert ended(log)[one.id] == 1


def test_a_candidate_that_fails_is_a_verdict_and_the_others_go_on(place):
    _, _, evaluator = place
    asked = [
        *candidates(3, prefix="before-"),
        candidate("bad"),
        *candidates(3, prefix="after-"),
    ]
    found = {v.candidate_id: v for v in evaluator(asked)}
    assert len(found) == 7
    assert found["bad"] == Verdict("bad", error="it does not converge", seconds=0.1)
    assert all(v.error is None for name, v in found.items() if name != "bad")


def test_nothing_in_nothing_out(place):
    _, _, evaluator = place
    assert list(evaluator([])) == []


SHARED = ("journal", "postgres")


def test_a_broken_oracle_is_told_and_the_evaluator_lives_on(place):
    """Of machines that share a database others may be sound: it is a verdict in the end."""
    kind, _, evaluator = place
    if kind in SHARED:
        (found,) = evaluator([candidate("raising")])
        assert "ZeroDivisionError: by nought" in found.error
        assert found.attempts == 2
    else:
        for name, told in (
            ("raising", "ZeroDivisionError: by nought"),
            ("refusing", "no such"),
        ):
            with pytest.raises(GalenaError, match=told):
                list(evaluator([candidate(name)]))
    (after,) = evaluator([candidate("after-raising")])
    assert after.error is None


def test_whoever_stops_listening_stops_the_work(place):
    kind, log, evaluator = place
    if kind == "serial":
        pytest.skip("it works only while it is asked")
    asked = [candidate(f"quick-{os.urandom(3).hex()}"), candidate("slow"), *candidates(9)]
    with closing(evaluator(asked)) as verdicts:
        first = next(verdicts)
        assert first.error is None
        _until(lambda: begun(log)["slow"])
    if kind in ("processes", "ray"):
        began = sum(begun(log).values())
        time.sleep(0.3)
        assert sum(begun(log).values()) == began
        (after,) = evaluator([candidate(f"later-{os.urandom(3).hex()}")])
        assert after.error is None


def test_the_oracle_of_the_tests_is_an_oracle(tmp_path):
    oracle = FakeRecipe(tmp_path / "log").build()
    assert isinstance(oracle, FakeOracle)


def _until(true: object, seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.02)
