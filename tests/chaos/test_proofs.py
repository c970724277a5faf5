"""A fault counts only if it happened, and what must not be passed over is seen."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools.chaos.faults import orphans
from tools.chaos.faults.bench import Bench, Fault, Prepared
from tools.chaos.record import Place, in_all
from tools.chaos.server import MARK, Ended, Run
from tools.chaos.shim import Aim, library, traced

shim = pytest.mark.skipif(library() is None, reason="no C compiler, or no Linux")

WRITES = """
import os, sys
from pathlib import Path
for name in ("one", "two", "three"):
    try:
        with open(Path(sys.argv[1]) / name, "w") as file:
            file.write("x")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        print(name, error.errno)
"""
NO_DESCRIPTORS = """
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (12, 12))
files = []
try:
    while True:
        files.append(open(sys.argv[1] + "/x", "w"))
except OSError:
    pass
"""


def run(program: str, aim: Aim) -> str:
    return subprocess.run(
        [sys.executable, "-c", program, str(aim.folder)],
        env={**os.environ, **aim.environment()},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def calls(trace: Path) -> list[tuple[str, str]]:
    found = (line.split("\t") for line in traced(trace))
    return [(what, Path(path).name) for what, path in found]


@shim
def test_an_undisturbed_run_is_traced_call_by_call(tmp_path):
    trace = tmp_path.with_suffix(".trace")
    run(WRITES, Aim(folder=tmp_path, trace=trace))
    each = [(what, name) for name in ("one", "two", "three") for what in _OF_ONE]
    assert calls(trace) == each


_OF_ONE = ("open", "write", "sync")


@shim
@pytest.mark.parametrize(
    ("deed", "at", "failed"),
    [("enospc", 3, ("sync", "one")), ("erofs", 2, ("open", "two"))],
)
def test_the_next_call_that_can_fail_so_has_its_turn(tmp_path, deed, at, failed):
    trace = tmp_path.with_suffix(".trace")
    said = run(WRITES, Aim(folder=tmp_path, do=deed, at=at, trace=trace))
    assert calls(trace) == [failed]
    assert said.split()[0] == failed[1]


@shim
def test_only_one_file_is_hurt_and_nothing_is_a_proof_of_nothing(tmp_path):
    trace = tmp_path.with_suffix(".trace")
    run(WRITES, Aim(folder=tmp_path, do="eio", at=1, only="two", trace=trace))
    assert calls(trace) == [("write", "two")]
    other = tmp_path.with_suffix(".other")
    assert run(WRITES, Aim(folder=tmp_path, do="eio", at=99, trace=other)) == ""
    assert calls(other) == []


@shim
def test_a_process_without_descriptors_leaves_a_proof(tmp_path):
    trace = tmp_path.with_suffix(".trace")
    run(NO_DESCRIPTORS, Aim(folder=tmp_path, do="watch", trace=trace))
    assert ("emfile", "x") in calls(trace)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    given = Prepared(tmp_path, None, None, 1.0, (), lean=True)  # type: ignore[arg-type]
    return Bench(Place(folder=tmp_path, seed=0), given, "campaign")


def ended(folder: Path, mark: str = "nobody's") -> Run:
    output = folder / "said.txt"
    output.write_text("all is well\n")
    return Run(arguments=[], folder=folder, output=output, environment={MARK: mark})


def test_a_run_that_goes_on_through_what_must_end_it_is_wrong(bench, tmp_path):
    well = Ended(killed=False, code=0, seconds=1.0)
    may, must = Fault(what="x"), Fault(what="x", must_stop=True)
    assert bench._manners(ended(tmp_path), well, may) == ""
    assert "went on" in bench._manners(ended(tmp_path), well, must)


def test_a_run_that_hangs_is_wrong(bench, tmp_path):
    killed = Ended(killed=True, code=-9, seconds=bench.given.longest + 1)
    assert "hung" in bench._manners(ended(tmp_path), killed, Fault(what="x"))


def test_a_process_that_is_left_behind_is_seen_and_ended(bench, tmp_path, monkeypatch):
    monkeypatch.setattr(orphans, "_GRACE", 0.2)
    left = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(60)"],
        env={**os.environ, MARK: "left behind"},
    )
    well = Ended(killed=False, code=0, seconds=1.0)
    said = bench._manners(ended(tmp_path, "left behind"), well, Fault(what="x"))
    assert "1 processes outlived it" in said
    assert left.wait(10) == -9


def test_the_sums_say_what_was_left_out():
    assert in_all([], minutes=1.0, left_out={}).endswith("all is well")
    told = in_all([], minutes=1.0, left_out={"a": "mount", "b": "cc", "c": "cc"})
    assert "3 trials were LEFT OUT here: 1 for want of mount, 2 for want of cc" in told
