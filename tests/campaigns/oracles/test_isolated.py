"""A child process that hangs or dies costs one attempt and nothing else."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from campaigns.oracles.failures import AttemptFailed, MayPass
from campaigns.oracles.guard import Guard
from campaigns.oracles.isolated import Isolated
from tests.campaigns.oracles.contract import copper
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
