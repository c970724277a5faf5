"""Asking politely: what is tried again, what is not, and what is never sent."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from materials.errors import InputError, SourceError
from materials.sources.http import PASSING, Pace, get_json
from tests.materials.sources.loopback import QUICK, Answer, Asked, in_turn, quick, serving

GOOD = Answer({"data": [1, 2, 3]})


@pytest.mark.parametrize("status", sorted(PASSING))
def test_what_may_pass_is_tried_again(status):
    with serving(in_turn([Answer({}, status), Answer({}, status), GOOD])) as server:
        assert get_json(quick(), server.url) == GOOD.content
        assert len(server.asked) == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 422])
def test_what_is_wrong_is_not(status):
    with serving(in_turn([Answer({"detail": "no such filter"}, status), GOOD])) as server:
        with pytest.raises(SourceError, match=rf"{status}.*no such filter"):
            get_json(quick(), server.url)
        assert len(server.asked) == 1


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(Answer(GOOD.content, cut=7), id="cut in the middle"),
        pytest.param(Answer(GOOD.content, length=500), id="longer than it is"),
        pytest.param(Answer(b'{"data": [1, 2', 200), id="JSON that ends early"),
        pytest.param(Answer(b"", 200), id="nothing at all"),
        pytest.param(
            Answer(b"not gzip", headers={"Content-Encoding": "gzip"}),
            id="cannot be unpacked",
        ),
    ],
)
def test_an_answer_that_is_not_whole_is_tried_again(broken):
    with serving(in_turn([broken, GOOD])) as server:
        assert get_json(quick(), server.url) == GOOD.content
        assert len(server.asked) == 2


def test_one_that_is_never_whole_is_given_up():
    with serving(in_turn([Answer(GOOD.content, cut=7)])) as server:
        with pytest.raises(SourceError, match=r"broke off the connection, 4 times.*later"):
            get_json(quick(), server.url)
        assert len(server.asked) == QUICK.attempts


def test_the_server_says_how_long_to_wait():
    busy = Answer({}, 429, {"Retry-After": "17"})
    waits: list[float] = []
    with serving(in_turn([busy, GOOD])) as server:
        get_json(quick(waits), server.url)
    assert waits == [17.0]


def test_the_server_may_say_it_as_a_date():
    when = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    waits: list[float] = []
    with serving(in_turn([Answer({}, 503, {"Retry-After": when}), GOOD])) as server:
        get_json(quick(waits), server.url)
    assert waits == [pytest.approx(90, abs=5)]


@pytest.mark.parametrize("text", ["soon", "-5", ""])
def test_a_wait_that_makes_no_sense_is_ours_to_choose(text):
    waits: list[float] = []
    with serving(in_turn([Answer({}, 429, {"Retry-After": text}), GOOD])) as server:
        get_json(quick(waits), server.url)
    assert len(waits) == 1
    assert 0 <= waits[0] < 0.01


def test_who_is_asked_to_wait_too_long_leaves():
    busy = Answer({}, 429, {"Retry-After": "7200"})
    with serving(in_turn([busy, GOOD])) as server:
        with pytest.raises(SourceError, match=r"7200 s.*what came before is kept"):
            get_json(quick(), server.url)
        assert len(server.asked) == 1


def test_waits_double_with_jitter_up_to_the_longest():
    waits: list[float] = []
    pace = Pace(per_second=10_000, attempts=8, first_wait=1.0, longest_wait=16.0)
    with serving(in_turn([Answer({}, 500)])) as server, pytest.raises(SourceError):
        get_json(quick(waits, pace), server.url)
    assert len(waits) == 7
    for place, wait in enumerate(waits):
        assert min(2.0**place, 16.0) <= wait <= min(2.0**place, 16.0) + 1
    assert len({wait % 1 for wait in waits[:4]}) > 1


def test_requests_keep_their_distance():
    pace = Pace(per_second=20)
    with serving(in_turn([GOOD])) as server:
        session = quick(pace=pace)
        began = time.monotonic()
        for _ in range(5):
            get_json(session, server.url)
        assert time.monotonic() - began >= 4 / 20


def test_a_web_page_is_not_taken_for_data():
    page = Answer(b"<html><body>Please log in</body></html>", kind="text/html")
    with (
        serving(in_turn([page])) as server,
        pytest.raises(SourceError, match=r"expected JSON, got text/html.*Please log in"),
    ):
        get_json(quick(), server.url)


def test_redirects_in_a_circle_end():
    with serving(in_turn([Answer({}, 302, {"Location": "/again"})])) as server:
        with pytest.raises(SourceError, match="redirects in a circle"):
            get_json(quick(), server.url)
        assert len(server.asked) < 50


def test_keys_stay_with_their_server():
    with serving(in_turn([GOOD])) as other:
        there = Answer({}, 302, {"Location": f"{other.url}/elsewhere"})
        with serving(in_turn([there])) as server:
            session = quick()
            session.headers["x-api-key"] = "a secret"
            get_json(session, server.url)
            assert server.asked[0].headers["x-api-key"] == "a secret"
            assert "x-api-key" not in other.asked[0].headers


def test_a_redirect_on_the_same_server_keeps_the_key():
    def script(request: Asked) -> Answer:
        moved = Answer({}, 302, {"Location": "/new"})
        return moved if request.path == "/old" else GOOD

    with serving(script) as server:
        session = quick()
        session.headers["x-api-key"] = "a secret"
        get_json(session, f"{server.url}/old")
        assert server.asked[1].headers["x-api-key"] == "a secret"


def test_nobody_is_asked_namelessly():
    with serving(in_turn([GOOD])) as server:
        get_json(quick(), server.url)
        assert server.asked[0].headers["user-agent"].startswith("galena-materials/")


def test_an_answer_without_end_is_not_swallowed():
    pace = Pace(per_second=1000, largest=1 << 20)
    with (
        serving(in_turn([Answer(b" " * (3 << 20))])) as server,
        pytest.raises(SourceError, match="more than 1 MiB"),
    ):
        get_json(quick(pace=pace), server.url)


def test_a_server_that_is_not_there():
    with serving(in_turn([GOOD])) as server:
        gone = server.url
    with pytest.raises(SourceError, match="refused the connection"):
        get_json(quick(), gone)


def test_a_server_without_an_address():
    with pytest.raises(
        SourceError, match=r"nowhere\.invalid: could not be found .*, 4 times"
    ):
        get_json(quick(), "http://nowhere.invalid/")


def test_a_server_that_falls_silent():
    def script(request: Asked) -> Answer:
        time.sleep(0.5)
        return GOOD

    pace = Pace(per_second=1000, attempts=2, timeout=0.1, first_wait=0.001)
    with (
        serving(script) as server,
        pytest.raises(SourceError, match="did not answer in time"),
    ):
        get_json(quick(pace=pace), server.url)


@pytest.mark.parametrize("name", ["per_second", "attempts", "timeout", "largest"])
def test_a_pace_of_nothing_is_none(name):
    with pytest.raises(InputError, match=name):
        Pace(**{name: 0})
