"""A child process that hangs or dies costs one attempt and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from campaigns.oracles.failures import AttemptFailed, MayPass
from campaigns.oracles.guard import Guard
from campaigns.oracles.isolated import Isolated
from campaigns.oracles.potential import potential_oracle
from campaigns.oracles.specs import OracleConfig
from tests.campaigns.oracles.contract import check_verdict, copper
from tests.campaigns.oracles.isolated_toys import build_moody, build_nothing

CU = copper()


def test_it_survives_hanging_crashing_and_raising() -> None:
    oracle = Isolated(build_moody, 1.0)
    try:
        first = oracle(replace(CU, id="one"))
        assert oracle(replace(CU, id="two")).band_gap == first.band_gap, "one child, kept"
        with pytest.raises(AttemptFailed, match="no such thing") as caught:
            oracle(replace(CU, id="raise"))
        assert not isinstance(caught.value, MayPass)
        with pytest.raises(MayPass, match="No space left"):
            oracle(replace(CU, id="full"))
        assert oracle(CU).band_gap == first.band_gap, "raising does not end the child"
        started = time.monotonic()
        with pytest.raises(MayPass, match="no answer after 1 s, killed"):
            oracle(replace(CU, id="sleep"))
        assert time.monotonic() - started < 10.0
        assert oracle(CU).band_gap != first.band_gap, "a new child"
        with pytest.raises(MayPass, match="SIGSEGV"):
            oracle(replace(CU, id="crash"))
    finally:
        oracle.close()


def test_what_cannot_be_built_is_said_and_not_tried_again() -> None:
    verdict = Guard(attempt=Isolated(build_nothing, None), name="x", retries=3)(CU)
    assert (
        verdict.error == "the oracle cannot be built: ValueError: the weights are damaged"
    )
    assert verdict.attempts == 1


@pytest.mark.parametrize("limit", [None, 30.0])
def test_a_potential_is_isolated_where_its_calls_have_a_limit(limit: float | None) -> None:
    spec = OracleConfig(time_limit=limit, cost=2.0)
    oracle = potential_oracle(spec, build_moody)
    verdict = oracle(CU)
    check_verdict(verdict, CU, cost=2.0, name="potential")
    here = verdict.band_gap == float(os.getpid()) * 1e-9
    assert here == (limit is None)
    if isinstance(oracle.attempt, Isolated):
        oracle.attempt.close()


@pytest.mark.skipif(os.name != "posix", reason="it sends signals")
def test_a_child_at_work_does_not_outlive_a_parent_that_was_killed() -> None:
    code = (
        "from dataclasses import replace\n"
        "from campaigns.oracles.isolated import Isolated\n"
        "from tests.campaigns.oracles.contract import copper\n"
        "from tests.campaigns.oracles.isolated_toys import build_moody\n"
        "if __name__ == '__main__':\n"
        "    oracle = Isolated(build_moody, None)\n"
        "    oracle(copper())\n"
        "    print(oracle._child[0].pid, flush=True)\n"
        "    oracle(replace(copper(), id='sleep'))\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[3],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )
    child = psutil.Process(int(parent.stdout.readline()))
    time.sleep(0.3)  # the second call has come to it
    assert child.is_running()
    parent.kill()
    parent.wait()
    parent.stdout.close()
    _, alive = psutil.wait_procs([child], timeout=5.0)
    for left in alive:
        left.kill()
    assert not alive
