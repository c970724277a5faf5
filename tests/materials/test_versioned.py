"""Older content is brought up to date step by step; newer content is refused whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from materials.errors import InputError
from materials.versioned import FORMAT, WRITER, FileFormat, galena_version

THIRD = FileFormat(
    what="thing",
    version=3,
    remedy="make it again",
    steps={
        1: lambda plain: {**plain, "steps": [*plain.get("steps", []), 1]},
        2: lambda plain: {**plain, "steps": [*plain["steps"], 2]},
    },
)
FORGETFUL = FileFormat(what="thing", version=3, remedy="make it again")


@given(start=st.integers(1, 3), value=st.integers())
def test_every_step_is_taken_once_and_in_order(start: int, value: int) -> None:
    content = {FORMAT: start, WRITER: "0.1", "value": value, "steps": []}
    found = THIRD.upgraded(content, "x")
    assert found == {"value": value, "steps": list(range(start, 3))}
    assert content["steps"] == []


def test_what_says_no_format_is_from_before_formats_were_said() -> None:
    assert THIRD.upgraded({}, "x") == {"steps": [1, 2]}


@given(number=st.integers(4, 10**6))
def test_newer_content_is_refused_with_what_to_do(number: int) -> None:
    content = {FORMAT: number, WRITER: "7.8.9", "unknown": 1}
    with pytest.raises(InputError) as refused:
        THIRD.upgraded(content, "a/file")
    told = str(refused.value)
    for part in ("a/file", "7.8.9", f"format {number}", galena_version(), "up to 3", "pip"):
        assert part in told


@pytest.mark.parametrize("number", [0, -1, True, "2", 1.0, [], {}])
def test_what_is_no_format_is_refused(number: object) -> None:
    with pytest.raises(InputError, match="is no format of a thing"):
        THIRD.upgraded({FORMAT: number}, "x")


def test_older_content_that_nothing_brings_up_to_date_says_what_to_do() -> None:
    with pytest.raises(InputError, match=r"no longer reads; make it again"):
        FORGETFUL.upgraded({FORMAT: 1}, "x")


def test_what_is_stamped_is_read_again() -> None:
    assert THIRD.upgraded({**THIRD.stamp(), "value": 1}, "x") == {"value": 1}
    assert THIRD.content({**THIRD.stamp(), "value": 1}, "x") == {FORMAT: 3, "value": 1}


def test_a_step_starts_from_a_format_there_was() -> None:
    with pytest.raises(InputError, match="no step can start from format 3"):
        FileFormat(what="x", version=3, remedy="y", steps={3: dict})
