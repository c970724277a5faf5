"""A Python function as an oracle: its answers are read, its faults are verdicts."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from functools import partial, wraps

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from campaigns.oracles.fingerprint import fingerprint
from campaigns.oracles.function import Function, function_oracle
from campaigns.oracles.specs import FunctionSpec
from campaigns.protocols import Candidate, Verdict
from materials.errors import InputError

SALT = Structure.from_spacegroup(
    "Fm-3m", Lattice.cubic(5.64), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]]
)
CANDIDATE = Candidate("NaCl-1", "NaCl", "salt", ("Cl", "Na"), SALT)


def ask(found, **limits: object) -> Verdict:
    """The verdict on a function that returns, or does, this."""

    def mine(structure):
        return found(structure) if callable(found) else found

    spec = FunctionSpec(kind="function", name="mine", **limits)
    return function_oracle(spec, {"mine": Function.of(mine)})(CANDIDATE)


def test_numbers_properties_and_crystal_arrive() -> None:
    relaxed = SALT.copy()
    relaxed.scale_lattice(170.0)
    found = {
        "energy_above_hull": 0.02,
        "band_gap": np.float32(5.0),
        "hardness": np.array(3),
        "structure": relaxed,
        "energy_per_atom": None,
    }
    verdict = ask(found, cost=4.0)
    assert verdict.error is None
    assert (verdict.energy_above_hull, verdict.band_gap) == (0.02, 5.0)
    assert verdict.properties == {"hardness": 3.0}
    assert verdict.structure is not None
    assert verdict.structure.volume == pytest.approx(170.0)
    assert (verdict.cost, verdict.oracle, verdict.origin) == (4.0, "mine", "function mine")
    assert ask(found | {"origin": "PBE+U"}).origin == "PBE+U"


def test_a_verdict_is_taken_as_it_is() -> None:
    verdict = ask(Verdict("whoever", band_gap=1.0, origin="mine", n_steps=7))
    assert (verdict.candidate_id, verdict.band_gap, verdict.n_steps) == ("NaCl-1", 1.0, 7)


anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.just(SALT),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=4,
)
keys = st.sampled_from(
    ["band_gap", "energy_above_hull", "bandgap", "x", "structure", "error", "origin"]
)


@settings(max_examples=80, deadline=None)
@given(found=anything | st.dictionaries(keys, anything, max_size=4))
def test_whatever_it_returns_is_a_verdict(found: object) -> None:
    verdict = ask(found, time_limit=None)
    assert verdict.candidate_id == "NaCl-1"
    numbers = [verdict.band_gap, verdict.energy_above_hull, *verdict.properties.values()]
    if verdict.error is None:
        assert all(np.isfinite(n) for n in numbers if n is not None)
    else:
        assert numbers == [None, None]


def _raise(error: BaseException):
    def function(structure):
        raise error

    return function


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (
            _raise(ZeroDivisionError("division by zero")),
            "ZeroDivisionError: division by zero",
        ),
        (_raise(SystemExit(3)), "it gave up: SystemExit: 3"),
        (None, "the oracle returned a NoneType, expected a dict"),
        ({}, "the answer holds no number"),
        ({"band_gap": float("nan")}, "band_gap is nan"),
        ({"band_gap": "wide"}, "band_gap 'wide', expected a number"),
        ({"band_gap": True}, "band_gap True, expected a number"),
        ({"band_gap": np.arange(3)}, "expected a number"),
        ({"band_gap": 99.0}, "expected 0 to 30"),
        ({"bandgap": 1.0}, "Did you mean 'band_gap'"),
        ({"error": "no  convergence"}, "no convergence"),
        ({"band_gap": 1.0, "structure": 3}, "a structure that is no crystal"),
        (
            {"band_gap": 1.0, "structure": Structure(np.eye(3) * 4, ["Cs"], [[0, 0, 0]])},
            "Cs",
        ),
    ],
)
def test_what_cannot_be_taken_is_a_verdict_that_says_why(found: object, told: str) -> None:
    verdict = ask(found)
    assert verdict.error is not None
    assert told in verdict.error
    assert verdict.band_gap is None


def test_one_that_hangs_is_left_to_itself() -> None:
    started = time.monotonic()
    verdict = ask(lambda _: time.sleep(20), time_limit=0.2)
    assert time.monotonic() - started < 5
    assert "no answer within 0.2 s" in str(verdict.error)


def test_what_may_pass_is_tried_again() -> None:
    calls = []

    def flaky(structure):
        calls.append(1)
        if len(calls) == 1:
            raise OSError("disk full")
        return {"band_gap": 1.0}

    verdict = ask(flaky, retries=1)
    assert (verdict.band_gap, verdict.attempts) == (1.0, 2)


def test_it_cannot_change_the_candidate() -> None:
    def clumsy(structure):
        structure.replace_species({"Na": "K"})
        return {"band_gap": 1.0}

    ask(clumsy)
    assert CANDIDATE.structure.composition.reduced_formula == "NaCl"


def test_without_a_limit_it_runs_in_the_kernels_own_thread() -> None:
    import threading

    seen = []
    ask(lambda _: seen.append(threading.current_thread()) or {"x": 1.0}, time_limit=None)
    ask(lambda _: seen.append(threading.current_thread()) or {"x": 1.0})
    assert seen[0] is threading.main_thread()
    assert seen[1] is not threading.main_thread()


def test_an_interruption_gets_through() -> None:
    with pytest.raises(KeyboardInterrupt):
        ask(_raise(KeyboardInterrupt()), time_limit=None)


def test_where_it_was_not_given_the_way_is_told() -> None:
    spec = FunctionSpec(kind="function", name="mine")
    with pytest.raises(
        InputError, match=r"Campaign\.resume\(FOLDER, oracle=mine\)\.run\(\)"
    ):
        function_oracle(spec, {})


@pytest.mark.parametrize("thing", [7, lambda s: {}, partial(lambda s: {})])
def test_what_has_no_name_or_cannot_be_called_is_refused(thing: object) -> None:
    with pytest.raises(InputError, match=r"expected a function|goes on record by its name"):
        Function.of(thing)


# --- fingerprints

SHIFT = 0.3
TABLE = {"Na": 1.0}


def helper(x: float) -> float:
    return x + 1.0


def plain(structure) -> dict:
    return {"band_gap": 1.0}


def shifted(structure) -> dict:
    return {"band_gap": helper(SHIFT) + TABLE["Na"]}


class Scale:
    def __init__(self, factor: float) -> None:
        self.factor = factor

    def __call__(self, structure) -> dict:
        return {"band_gap": self.factor}


def made(offset: float):
    def inner(structure, more: float = 1.0) -> dict:
        return {"band_gap": offset + more}

    return inner


def defaulted(value: float):
    def inner(structure, more: float = value) -> dict:
        return {"band_gap": more}

    return inner


def test_the_same_function_has_the_same_fingerprint() -> None:
    assert fingerprint(plain) == fingerprint(plain)
    assert fingerprint(made(1.0)) == fingerprint(made(1.0))
    assert fingerprint(Scale(2.0)) == fingerprint(Scale(2.0))
    assert len(fingerprint(shifted)) == 16


def test_others_have_others() -> None:
    some = [plain, shifted, made(1.0), made(2.0), Scale(1.0), Scale(2.0)]
    some += [partial(made(1.0), more=2.0), partial(made(1.0), more=3.0)]
    some += [defaulted(1.0), defaulted(2.0)]
    assert len({fingerprint(function) for function in some}) == len(some)


def test_values_and_functions_that_it_names_count(monkeypatch: pytest.MonkeyPatch) -> None:
    before = fingerprint(shifted)
    monkeypatch.setitem(globals(), "SHIFT", 0.4)
    assert fingerprint(shifted) != before
    monkeypatch.setitem(globals(), "SHIFT", 0.3)
    assert fingerprint(shifted) == before
    monkeypatch.setitem(TABLE, "Na", 2.0)
    assert fingerprint(shifted) != before
    monkeypatch.setitem(TABLE, "Na", 1.0)

    def other(x: float) -> float:
        return x + 2.0

    monkeypatch.setitem(globals(), "helper", other)
    assert fingerprint(shifted) != before


def test_both_a_wrapper_and_what_it_wraps_count() -> None:
    def twice(function):
        @wraps(function)
        def outer(structure):
            return function(structure)

        return outer

    def thrice(function):
        @wraps(function)
        def outer(structure):
            return function(structure) or {}

        return outer

    assert fingerprint(twice(plain)) == fingerprint(twice(plain))
    found = [plain, twice(plain), thrice(plain), twice(shifted)]
    assert len({fingerprint(function) for function in found}) == 4
    assert Function.of(twice(plain)).name == "plain"


def test_functions_that_call_each_other_come_to_an_end() -> None:
    namespace: dict = {"__name__": "loops"}
    text = "def a(s):\n    return b(s)\ndef b(s):\n    return a(s)\n"
    exec(text, namespace)  # noqa: S102 - no source either: as at a bare prompt
    assert fingerprint(namespace["a"]) != fingerprint(plain)
    assert replace(CANDIDATE, id="x").id == "x"


@dataclass(frozen=True)
class Settings:
    steps: int = 40


SETTINGS, ARRAY = Settings(), np.arange(3)


def with_values(structure) -> dict:
    return {"band_gap": max(SETTINGS.steps * x for x in ARRAY)}


class Meter:
    def __init__(self, factor: float) -> None:
        self.factor = factor

    def gap(self, structure) -> dict:
        return {"band_gap": self.factor}


METER = Meter(1.0)


def with_object(structure) -> dict:
    return METER.gap(structure)


def test_values_of_objects_arrays_and_methods_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = fingerprint(with_values)
    monkeypatch.setitem(globals(), "SETTINGS", Settings(400))
    assert fingerprint(with_values) != before
    monkeypatch.setitem(globals(), "SETTINGS", Settings())
    assert fingerprint(with_values) == before
    monkeypatch.setitem(globals(), "ARRAY", np.arange(3) + 1)
    assert fingerprint(with_values) != before
    assert fingerprint(Meter(1.0).gap) == fingerprint(Meter(1.0).gap)
    assert fingerprint(Meter(1.0).gap) != fingerprint(Meter(2.0).gap)
    plain_meter = fingerprint(with_object)
    monkeypatch.setattr(METER, "factor", 2.0)
    assert fingerprint(with_object) != plain_meter


def test_compiled_code_has_no_addresses_in_its_fingerprint() -> None:
    text = (
        "def mine(s):\n    def inner(x):\n        return x in {'a', 'b', 'c'}\n"
        "    return {'band_gap': float(inner(s))}\n"
    )
    script = (
        "from campaigns.oracles.fingerprint import fingerprint\n"
        f"exec({text!r})\nprint(fingerprint(mine))"
    )

    def in_a_session(seed: str) -> str:
        environment = os.environ | {"PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", script]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=True
        ).stdout

    assert len({in_a_session("1"), in_a_session("2")}) == 1
