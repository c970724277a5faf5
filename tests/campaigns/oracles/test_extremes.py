"""Whatever an oracle raises or returns, there is a verdict that can be put on record."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from campaigns.evaluation.serial import SerialEvaluator
from campaigns.oracles.guard import Guard
from campaigns.packing import pack_verdict, unpack_verdict
from campaigns.protocols import Candidate, Verdict

NACL = Structure(Lattice.cubic(5.6), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
CANDIDATE = Candidate("NaCl", "NaCl", "AB", ("Cl", "Na"), NACL)
GOOD = Verdict("NaCl", energy_above_hull=0.01, band_gap=1.5)


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("it cannot be said")


class Endless(Exception):
    def __str__(self) -> str:
        return "x" * 10_000_000


def asked(attempt: Any) -> Verdict:
    """Through the guard and the loop's evaluator, and back from the record."""
    guard = Guard(attempt=attempt, name="toy")
    (verdict,) = SerialEvaluator(guard)([CANDIDATE])
    return unpack_verdict(pack_verdict(verdict))


@pytest.mark.parametrize(
    "error",
    [
        *(SystemExit(3), BaseException("odd"), GeneratorExit(), RecursionError("deep")),
        *(MemoryError(), Unspeakable(), Endless(), UnicodeDecodeError("a", b"", 0, 1, "x")),
    ],
    ids=lambda error: type(error).__name__,
)
def test_whatever_is_raised_is_a_verdict(error: BaseException) -> None:
    def attempt(_: Candidate) -> Verdict:
        raise error

    verdict = asked(attempt)
    assert verdict.error
    assert type(error).__name__ in verdict.error
    assert len(verdict.error) < 5000


def test_the_keyboard_gets_through() -> None:
    def attempt(_: Candidate) -> Verdict:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        asked(attempt)


FLAT = Structure(Lattice.cubic(5.6), ["Na", "Cl"], [[0, 0, 0], [np.nan, 0.5, 0.5]])


@pytest.mark.parametrize(
    "changes",
    [
        {"origin": object()},
        {"origin": "x" * 1_000_000},
        {"properties": {"x" * 1000: 1.0}},
        {"properties": {f"p{i}": 1.0 for i in range(2000)}},
        {"properties": {"a": "text"}},
        {"properties": None},
        {"band_gap": "wide"},
        {"band_gap": 1 + 2j},
        {"energy_above_hull": 10**400},
        {"n_steps": object()},
        {"structure": FLAT},
        {"structure": "NaCl"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_no_record_can_hold_is_a_failure(changes: dict[str, Any]) -> None:
    verdict = asked(lambda _: replace(GOOD, **changes))
    assert verdict.error
    assert verdict.band_gap is None
    assert asked(lambda _: GOOD).error is None
