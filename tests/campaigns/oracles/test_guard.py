"""A guarded oracle never raises, and everything it went through is on record."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.oracles.failures import AttemptFailed, MayPass
from campaigns.oracles.guard import Guard
from campaigns.protocols import Candidate, Verdict
from materials.errors import InputError
from tests.campaigns.oracles.contract import check_verdict, copper, silicon

CU = copper()
GOOD = Verdict("Cu-1", band_gap=1.0, origin="toy")

NUMBERS = st.floats(allow_nan=True, allow_infinity=True)
ERRORS = st.sampled_from(
    [MayPass("busy"), OSError("disk"), MemoryError(), TimeoutError("late")]
)
FINAL = st.sampled_from(
    [AttemptFailed("no such row"), ValueError("bad\nthing"), KeyError("x"), RuntimeError()]
)


class Script:
    """Raises or returns what it was given, one after the other."""

    def __init__(self, *steps: object) -> None:
        self.steps = list(steps)

    def __call__(self, candidate: Candidate) -> Verdict:
        step = self.steps.pop(0)
        if isinstance(step, BaseException):
            raise step
        return step  # type: ignore[return-value]


def guard(*steps: object, retries: int = 0, cost: float = 2.0) -> Guard:
    return Guard(attempt=Script(*steps), name="toy", cost=cost, retries=retries, wait=0.0)


@settings(deadline=None)
@given(failing=st.lists(ERRORS, max_size=4), retries=st.integers(0, 5))
def test_what_may_pass_is_tried_again_and_each_failure_recorded(
    failing: list[Exception], retries: int
) -> None:
    verdict = guard(*failing, GOOD, retries=retries)(CU)
    check_verdict(verdict, CU, cost=2.0, name="toy")
    assert (verdict.error is None) == (len(failing) <= retries)
    assert verdict.attempts == min(len(failing), retries) + 1


@given(error=FINAL, earlier=st.lists(ERRORS, max_size=2))
@settings(deadline=None)
def test_what_will_not_pass_is_not_tried_again(
    error: Exception, earlier: list[Exception]
) -> None:
    verdict = guard(*earlier, error, GOOD, retries=5)(CU)
    check_verdict(verdict, CU, cost=2.0, name="toy")
    assert verdict.attempts == len(earlier) + 1
    assert verdict.error is not None


@settings(deadline=None, max_examples=200)
@given(
    fields=st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(
            ("band_gap", "energy_per_atom", "energy_above_hull", "band_gap_std"), NUMBERS
        ),
    ),
    properties=st.dictionaries(st.text(max_size=5), NUMBERS, max_size=2),
)
def test_no_number_gets_through_that_is_none(
    fields: dict[str, float], properties: dict[str, float]
) -> None:
    answer = Verdict("Cu-1", **fields, properties=properties, origin="toy")
    verdict = guard(answer)(CU)
    check_verdict(verdict, CU, cost=2.0, name="toy")
    if verdict.error is None:
        assert fields.keys() - {"band_gap_std"} or properties
        assert all(math.isfinite(v) for v in [*fields.values(), *properties.values()])


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (replace(GOOD, candidate_id="Si-1"), "about 'Si-1', not about 'Cu-1'"),
        (replace(GOOD, band_gap=-0.1), "band_gap is -0.1, expected 0 to 30"),
        (replace(GOOD, band_gap=None), "holds no number"),
        (replace(GOOD, energy_above_hull=math.nan), "energy_above_hull is nan"),
        (replace(GOOD, formation_energy_per_atom=-45.0), "formation_energy_per_atom"),
        (replace(GOOD, properties={"x": math.inf}), "properties.x is inf"),
        (replace(GOOD, structure=silicon().structure), "came back is Si, asked was Cu"),
        (None, "returned a NoneType"),
        (1.5, "returned a float"),
    ],
)
def test_nonsense_is_a_failure_with_its_reason(answer: object, message: str) -> None:
    verdict = guard(answer, retries=3)(CU)
    assert message in str(verdict.error)
    assert verdict.attempts == 1


def test_a_failed_verdict_passes_on_its_reason_and_no_numbers() -> None:
    verdict = guard(Verdict("Cu-1", band_gap=1.0, n_steps=7, error="exploded"))(CU)
    assert (verdict.error, verdict.n_steps, verdict.band_gap) == ("exploded", 7, None)


def test_an_interruption_gets_through() -> None:
    with pytest.raises(KeyboardInterrupt):
        guard(KeyboardInterrupt(), retries=3)(CU)


@pytest.mark.parametrize("changes", [{"cost": math.inf}, {"cost": -1}, {"retries": -1}])
def test_impossible_limits_are_refused(changes: dict[str, float]) -> None:
    with pytest.raises(InputError, match="toy"):
        Guard(attempt=Script(), name="toy", **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({"energy_above_hull": -15.0}, "-15, expected -1 to 20; so far below, competing"),
        ({"energy_above_hull": -1.01}, "competing phases are missing"),
        ({"energy_above_hull": 21.0}, "expected -1 to 20"),
        ({"decomposition": {"Cu": 1.2, "CuO": -0.2}}, "decomposition.CuO is -0.2"),
        ({"decomposition": {"Cu": 7.0}}, "sum to 7, expected 1"),
        ({"decomposition": {"Cu": 0.5, "CuO": 0.48}}, "sum to 0.98, expected 1"),
    ],
)
def test_hulls_that_cannot_be_are_failures(answer: dict, message: str) -> None:
    verdict = guard(replace(GOOD, **answer))(CU)
    assert message in str(verdict.error)
    assert verdict.energy_above_hull is None


def test_hulls_that_can_be_are_taken() -> None:
    parts = {"Cu": 1 / 3, "CuO": 2 / 3, "O": 0.0}
    found = guard(replace(GOOD, energy_above_hull=-0.4, decomposition=parts))(CU)
    assert (found.error, found.energy_above_hull) == (None, -0.4)
    rounded = {"Cu": 0.33, "CuO": 0.66}
    assert guard(replace(GOOD, decomposition=rounded))(CU).error is None
