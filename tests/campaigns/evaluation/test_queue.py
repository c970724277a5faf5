"""Nobody gets what somebody else has, and nobody is heard of what he no longer has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Barrier, Thread

import pytest

from campaigns.evaluation.queue import Claim, Queue, Terms, counts
from campaigns.evaluation.storage import Address
from campaigns.evaluation.wire import verdict_of
from campaigns.protocols import Verdict
from materials.errors import InputError
from tests.campaigns.evaluation.fakes import candidates, verdict
from tests.postgres import server

TERMS = Terms("id-1", "name: toy", {"galena": "0"}, 0.5)


@pytest.fixture(scope="module", params=["sqlite", "journal", "postgres"])
def address(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Address]:
    folder: Path = tmp_path_factory.mktemp("queue")
    if request.param == "postgres":
        with server() as running:
            yield Address(running.url)
    else:
        yield Address(f"{request.param}:///{folder}/q")


def begin(address: Address, name: str, terms: Terms = TERMS) -> Queue:
    return Queue.begin(address, name, terms, seconds=20.0, note=lambda _: None)


def join(address: Address, name: str) -> Queue:
    return Queue.join(address, name, seconds=20.0, note=lambda _: None)


def offered(address: Address, name: str, n: int) -> Queue:
    queue = begin(address, name)
    for one in candidates(n):
        queue.add(one, "fake")
    queue.allow("fake", range(n))
    return queue


def at_once(many: int, act: Callable[[int], None]) -> None:
    threads = [Thread(target=act, args=(i,)) for i in range(many)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_of_many_who_grasp_for_one_only_one_gets_it(address):
    n, many = 8, 4
    offered(address, "race", n)
    barrier, got = Barrier(many), [[] for _ in range(many)]
    queues = [join(address, "race") for _ in range(many)]
    places = [queues[0]._id_of(number) for number in range(n)]

    def grasp(which: int) -> None:
        for place in places:
            barrier.wait()
            if queues[which]._take(place):
                got[which].append(place)

    at_once(many, grasp)
    assert Counter(place for mine in got for place in mine) == Counter(places)


def test_nothing_is_left_and_nothing_is_taken_twice(address):
    n, many = 9, 3
    offered(address, "crowd", n)
    got = [[] for _ in range(many)]
    queues = [join(address, "crowd") for _ in range(many)]

    def take(which: int) -> None:
        while (claim := queues[which].claim(f"worker {which}")) is not None:
            got[which].append(claim.number)

    at_once(many, take)
    assert Counter(number for mine in got for number in mine) == Counter(range(n))


def test_a_verdict_is_on_record_and_told_once(address):
    queue = offered(address, "told", 1)
    worker = join(address, "told")
    claim = worker.claim("me")
    found = verdict(candidates(1)[0])
    assert worker.beat(claim, 1)
    assert worker.tell(claim, found)
    assert worker.tell(claim, found)  # again, for want of an answer
    (trial,) = queue.trials()
    assert verdict_of(trial.user_attrs["verdict"]) == found
    assert trial.state.name == "COMPLETE"
    assert trial.value == found.energy_above_hull
    assert worker.claim("me") is None
    assert not queue.fail(0, lost="too late")


@pytest.mark.parametrize("error", [None, "failed"])
def test_a_verdict_without_a_hull_distance_is_complete_too(address, error):
    name = f"unknown-{error}"
    queue = offered(address, name, 1)
    worker = join(address, name)
    assert worker.tell(worker.claim("me"), Verdict("c000", error=error, band_gap=1.0))
    (trial,) = queue.trials()
    assert trial.state.name == "COMPLETE"
    assert trial.value == float("inf")


def test_what_was_taken_away_is_not_heard(address):
    queue = offered(address, "fenced", 1)
    worker = join(address, "fenced")
    claim = worker.claim("me")
    assert queue.fail(0, lost="silent")
    assert not worker.beat(claim, 2)
    assert not worker.tell(claim, verdict(candidates(1)[0]))
    (trial,) = queue.trials()
    assert trial.state.name == "FAIL"
    assert "verdict" not in trial.user_attrs
    assert counts(trial)


def test_what_is_given_back_is_no_attempt(address):
    queue = offered(address, "returned", 2)
    worker = join(address, "returned")
    worker.give_back(worker.claim("me"))
    queue.fail(1, lost="nobody began it")
    assert [counts(trial) for trial in queue.trials()] == [False, False]


def test_only_what_is_on_the_roll_is_taken(address):
    queue = offered(address, "roll", 3)
    queue.allow("fake", [1])
    worker = join(address, "roll")
    assert worker.claim("me").number == 1
    assert worker.claim("me") is None


def test_workers_may_take_the_candidates_of_one_oracle_only(address):
    queue = offered(address, "oracles", 2)
    queue.add(candidates(3)[2], "dft")
    queue.allow("dft", [2])
    worker = join(address, "oracles")
    claim = worker.claim("me", ["dft"])
    assert (claim.number, claim.oracle) == (2, "dft")
    assert worker.claim("me", ["dft"]) is None
    assert isinstance(worker.claim("me"), Claim)


def test_campaigns_of_one_database_keep_apart(address):
    one, other = offered(address, "one", 2), offered(address, "other", 1)
    worker = join(address, "other")
    assert worker.tell(worker.claim("me"), verdict(candidates(1)[0]))
    assert worker.claim("me") is None
    assert [t.state.name for t in one.trials()] == ["WAITING", "WAITING"]
    assert [t.state.name for t in other.trials()] == ["COMPLETE"]


def test_another_campaign_of_the_same_name_is_refused(address):
    begin(address, "mine")
    begin(address, "mine")  # gone on with
    with pytest.raises(InputError, match="another campaign named 'mine'"):
        begin(address, "mine", Terms("id-2", "", {}))


def test_a_name_that_is_not_there_is_refused_with_the_nearest(address):
    begin(address, "absorber")
    with pytest.raises(InputError, match="Did you mean 'absorber'"):
        join(address, "absorbers")


def test_a_queue_of_another_galena_is_refused(address):
    begin(address, "newer").put(format=99)
    with pytest.raises(InputError, match="format 99"):
        join(address, "newer")
