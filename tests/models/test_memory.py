"""Every row is asked about once, in order, whatever fits into memory."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models import memory
from models.memory import by_cost, halving, out_of_memory

CPU = torch.device("cpu")
COSTS = st.lists(st.integers(0, 9), max_size=40)


def starts(costs: list[int], before: int = 0) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(costs)]).astype(np.int64) + before


@given(costs=COSTS, most=st.integers(0, 30), before=st.integers(0, 99))
def test_every_row_is_in_one_range_that_costs_no_more_than_it_may(costs, most, before):
    ranges = list(by_cost(starts(costs, before), most))
    assert [row for first, last in ranges for row in range(first, last)] == list(
        range(len(costs))
    )
    for first, last in ranges:
        assert last > first
        assert sum(costs[first:last]) <= most or last == first + 1


@given(costs=COSTS, most=st.integers(0, 30))
def test_no_range_could_be_longer(costs, most):
    """The next row would cost too much: the fewest ranges there can be in order."""
    for first, last in by_cost(starts(costs), most):
        if last < len(costs):
            assert sum(costs[first : last + 1]) > most


@given(costs=COSTS, most=st.integers(0, 30), room=st.integers(0, 20))
def test_what_does_not_fit_is_halved_and_what_is_too_large_alone_is_none(costs, most, room):
    """Memory for so much cost: the rest in order, and only rows that cost more are lost."""
    asked = []

    def ask(first: int, last: int) -> list[int]:
        asked.append((first, last))
        if sum(costs[first:last]) > room:
            raise MemoryError
        return costs[first:last]

    found = list(halving(by_cost(starts(costs), most), ask, CPU))
    rows = [row for first, last, _ in found for row in range(first, last)]
    assert rows == list(range(len(costs)))
    for first, last, answer in found:
        if answer is None:
            assert last == first + 1
            assert costs[first] > room
        else:
            assert answer == costs[first:last]
    assert len(asked) == len(set(asked))  # nothing is asked twice


def test_halves_come_next_so_that_answers_stay_in_order():
    asked = []

    def ask(first: int, last: int) -> str:
        asked.append((first, last))
        if last - first > 2:
            raise torch.OutOfMemoryError
        return "fits"

    found = list(halving([(0, 5), (5, 7)], ask, CPU))
    assert asked == [(0, 5), (0, 2), (2, 5), (2, 3), (3, 5), (5, 7)]
    assert found == [(a, b, "fits") for a, b in ((0, 2), (2, 3), (3, 5), (5, 7))]


def test_answers_come_as_they_are_found():
    """Those that wait must not all be held: they are what fills memory."""
    asked = []
    answers = halving([(0, 1), (1, 2)], lambda a, b: asked.append((a, b)) or "ok", CPU)
    assert next(answers) == (0, 1, "ok")
    assert asked == [(0, 1)]


@pytest.mark.parametrize("size", [1, 4])
@pytest.mark.parametrize("error", [RuntimeError("shapes"), ValueError("x"), KeyError("y")])
def test_other_errors_are_raised(error, size):
    def ask(first: int, last: int) -> None:
        raise error

    with pytest.raises(type(error)) as raised:
        list(halving([(0, size)], ask, CPU))
    assert raised.value is error


def test_a_gpu_gives_back_what_it_keeps_before_halves_are_tried(monkeypatch):
    events = []
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: events.append("released"))

    def ask(first: int, last: int) -> int:
        events.append((first, last))
        if last - first > 1:
            raise torch.OutOfMemoryError
        return first

    assert len(list(halving([(0, 2)], ask, torch.device("cuda")))) == 2
    assert events == [(0, 2), "released", (0, 1), (1, 2)]
    events.clear()
    memory.release(CPU)
    assert events == []


def test_torch_and_numpy_are_understood_when_they_have_too_little():
    """Real ones: a third of what 64 bits can count is refused by any machine."""
    for fill in (
        lambda: torch.empty(2**58, dtype=torch.int8),
        lambda: np.empty(2**58, dtype=np.int8),
    ):
        with pytest.raises((MemoryError, RuntimeError)) as raised:
            fill()
        assert out_of_memory(raised.value)


@pytest.mark.parametrize(
    ("error", "is_it"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory."), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 5 GB)"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling ..."), True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
        (KeyboardInterrupt(), False),
    ],
)
def test_whether_memory_was_short(error, is_it):
    assert out_of_memory(error) is is_it
