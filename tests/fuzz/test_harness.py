"""The fuzzer itself: nothing that breaks goes uncounted, and nothing is counted twice."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import NoReturn

import pytest

from materials.errors import InputError
from tools.fuzz import watch, worker
from tools.fuzz.feeder import CRASH, FED, HANG, Feeder
from tools.fuzz.group import Group
from tools.fuzz.watch import Limits, run_engine

DYING = """
import sys
from pathlib import Path
from random import Random
engine, rest = sys.argv[2], sys.argv[4:]
given = dict(zip(rest[::2], rest[1::2]))
current = Path(given["--folder"]) / "current-input"
if engine == "again":
    assert current.read_bytes() == b"guilty"
    sys.exit({again})
for number in range(int(given["--first"]), int(given["--first"]) + int(given["--inputs"])):
    current.write_bytes(b"guilty")
    if number == 2:
        sys.exit(77)
    print("fed", "read", "0.001", "1024", sep=chr(9), flush=True)
"""


def feeder(does: Callable[[], object], folder: Path, seconds: float = 5.0) -> Feeder:
    """One whose reader does this."""

    def feed(_: bytes, __: Path) -> str:
        does()
        return "read"

    return Feeder(Group("toy", seeds=lambda: [b"x"], feed=feed), folder, seconds)


def raising(error: BaseException) -> Callable[[], NoReturn]:
    """What raises."""

    def does() -> NoReturn:
        raise error

    return does


@pytest.mark.parametrize(
    "error",
    [SystemExit(1), MemoryError(), RecursionError("deep"), KeyError("x"), GeneratorExit()],
    ids=lambda error: type(error).__name__,
)
def test_whatever_is_raised_is_a_crash(error: BaseException, tmp_path: Path) -> None:
    outcome = feeder(raising(error), tmp_path)(b"x")
    assert outcome.kind == CRASH
    assert type(error).__name__ in outcome.label


def test_a_named_reason_is_none(tmp_path: Path) -> None:
    outcome = feeder(raising(InputError("row 7: no")), tmp_path)(b"x")
    assert (outcome.kind, outcome.label) == (FED, "row N: no")


def test_an_endless_loop_is_a_hang(tmp_path: Path) -> None:
    def turns() -> None:
        while True:
            with suppress(Exception):  # the reader that swallows all
                sum(range(1000))

    assert feeder(turns, tmp_path, 0.2)(b"x").kind == HANG


def test_what_waits_without_computing_is_a_hang(tmp_path: Path) -> None:
    assert feeder(lambda: time.sleep(5.0), tmp_path, 0.05)(b"x").kind == HANG


@pytest.mark.parametrize(
    "reason",
    ["", "x" * 9000, "'NoneType' object has no attribute 'x'", "malloc: bad_alloc"],
)
def test_a_reason_that_says_nothing_to_a_person_is_a_crash(
    reason: str, tmp_path: Path
) -> None:
    assert feeder(raising(InputError(reason)), tmp_path)(b"x").kind == CRASH


@pytest.mark.parametrize(("mib", "word"), [(16, FED), (1600, CRASH)])
def test_an_input_that_takes_a_gibibyte_is_a_crash(
    mib: int, word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tools.fuzz.guilty.RUNS", tmp_path / "runs")
    peaks = iter([0, mib << 10, mib << 10])
    monkeypatch.setattr(worker, "_peak", lambda: next(peaks))
    report = io.StringIO()
    one = worker._recorded(feeder(lambda: None, tmp_path), tmp_path / "current", report)
    one(b"x")
    assert report.getvalue().split("\t")[0] == word


@pytest.mark.parametrize(("again", "crashes", "deaths"), [(9, 1, 0), (0, 0, 1)])
def test_a_worker_that_dies_is_counted_once_and_its_input_tried_again(
    again: int, crashes: int, deaths: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "root" / "tools" / "fuzz"
    program.parent.mkdir(parents=True)
    program.write_text(DYING.replace("{again}", str(again)))
    monkeypatch.setattr(watch, "_ROOT", tmp_path / "root")
    monkeypatch.setattr(watch, "RUNS", tmp_path / "runs")
    monkeypatch.setattr("tools.fuzz.guilty.RUNS", tmp_path / "runs")
    told: list[int] = []
    tally = run_engine(
        "toy", "coverage", seed=0, count=6, limits=Limits(), tell=lambda: told.append(1)
    )
    assert (tally.inputs, tally.read) == (6, 5)
    assert (tally.crashes.total(), tally.deaths.total()) == (crashes, deaths)
    assert not tally.good
    assert [
        path.read_bytes() for path in (tmp_path / "runs" / "toy").glob("*-????????????")
    ]


def test_what_two_engines_found_is_added_up() -> None:
    first, second = watch.Tally(), watch.Tally()
    first.add(FED, "read", 1.0, 2048.0)
    second.add(HANG, "never came back", 3.0, 1024.0)
    first.join(second)
    assert (first.inputs, first.read, first.hangs.total()) == (2, 1, 1)
    assert (first.slowest_s, first.peak_mib) == (3.0, 2.0)
    assert not first.good


def test_a_mutation_that_cannot_be_made_is_made_by_bytes() -> None:
    def fails(data: bytes, pool: list[bytes], rng: Random) -> bytes:
        raise ValueError("circular")

    group = Group("toy", seeds=lambda: [b"valid"], feed=lambda *_: "read", mutate=fails)
    inputs = list(worker.structured_inputs(group, seed=0, first=0, count=9))
    assert len(inputs) == 9
    assert len(set(inputs)) > 1
