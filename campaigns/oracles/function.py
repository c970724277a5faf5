"""An oracle that is a Python function: a structure in, a mapping of numbers out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextvars import copy_context
from dataclasses import dataclass, replace
from functools import partial
from numbers import Real
from typing import Any

from pymatgen.core import Structure

from campaigns.oracles.answers import ANSWERS, near_answer
from campaigns.oracles.failures import AttemptFailed
from campaigns.oracles.fingerprint import fingerprint
from campaigns.oracles.guard import Guard, one_line
from campaigns.oracles.specs import FunctionSpec
from campaigns.protocols import Candidate, Verdict
from materials.errors import InputError

StructureOracle = Callable[[Structure], Mapping[str, Any] | Verdict]
"""Given a crystal as proposed, says what it found: numbers by name, in eV and eV/atom."""

_TEXTS = ("origin", "references")


@dataclass(frozen=True)
class Function:
    """A function as an oracle, and what tells it from others."""

    call: StructureOracle
    name: str
    fingerprint: str

    @classmethod
    def of(cls, call: StructureOracle) -> Function:
        """Raises :class:`InputError` for what cannot be called, or has no name."""
        if not callable(call):
            raise InputError(
                f"oracle is a {type(call).__name__}, expected a function of a structure that "
                "returns {'energy_above_hull': eV/atom, 'band_gap': eV}"
            )
        name = _name(call)
        if not name.isidentifier() or len(name) > 32:
            raise InputError(
                f"an oracle goes on record by its name, and '{name}' is none: define it with "
                "def, in 32 letters or less"
            )
        return cls(call, name, f"function {name} sha256:{fingerprint(call)}")


def _name(call: Any) -> str:
    if isinstance(call, partial):
        return _name(call.func)
    return str(getattr(call, "__name__", type(call).__name__)).strip("_")


def function_oracle(spec: FunctionSpec, given: Mapping[str, Function]) -> Guard:
    """The function that a specification names, within its limits.

    Raises:
        InputError: it was not given; says how to.
    """
    if spec.name not in given:
        raise InputError(
            f"oracle '{spec.name}' of this campaign is a Python function, which has to be "
            f"given: in Python, Campaign.resume(FOLDER, oracle={spec.name}).run(). The "
            "command line shows such a campaign and cannot run it"
        )
    attempt = _Attempts(given[spec.name], spec.time_limit)
    return Guard(attempt=attempt, name=spec.name, cost=spec.cost, retries=spec.retries)


@dataclass(frozen=True)
class _Attempts:
    """One call each; raises whatever the function raises, and for answers that are none."""

    function: Function
    time_limit: float | None

    def __call__(self, candidate: Candidate) -> Verdict:
        structure = candidate.structure.copy()
        call = partial(self.function.call, structure)
        found = call() if self.time_limit is None else _in_time(call, self.time_limit)
        if isinstance(found, Verdict):
            verdict = replace(found, candidate_id=candidate.id)
        else:
            verdict = verdict_of(found, candidate)
        return replace(verdict, origin=verdict.origin or f"function {self.function.name}")


def _in_time(call: Callable[[], Any], seconds: float) -> Any:
    """What a call returns; it is left to itself in its thread where it takes too long.

    A thread cannot be stopped. It ends with the process, and what it returns is not heard.
    """
    answer: list[Any] = []
    raised: list[Exception] = []

    def run() -> None:
        try:
            answer.append(call())
        except Exception as error:  # noqa: BLE001 - a function may raise anything
            raised.append(error)
        except BaseException as error:  # noqa: BLE001 - sys.exit() ends no campaign
            raised.append(AttemptFailed(f"it gave up: {one_line(error)}"))

    thread = threading.Thread(target=copy_context().run, args=(run,), daemon=True)
    thread.start()
    thread.join(seconds)
    if raised:
        raise raised[0]
    if not answer:
        raise AttemptFailed(
            f"no answer within {seconds:g} s; it was left to itself and may still be running"
        )
    return answer[0]


def verdict_of(found: Any, candidate: Candidate) -> Verdict:
    """The verdict that a function's mapping stands for.

    Keys are ``energy_above_hull`` (eV/atom), ``band_gap`` (eV) and the other numbers of a
    verdict; any other number is a property by its name. ``structure`` is the relaxed crystal,
    ``origin`` the method, and ``error`` a reason why there are no numbers. None is no answer.

    Raises:
        AttemptFailed: it is no such mapping.
    """
    if not isinstance(found, Mapping):
        raise AttemptFailed(
            f"the oracle returned a {type(found).__name__}, expected a dict such as "
            "{'energy_above_hull': 0.03, 'band_gap': 1.4}"
        )
    numbers: dict[str, float] = {}
    texts: dict[str, str] = {}
    structure: Structure | None = None
    for key, value in found.items():
        if value is None:
            continue
        if key == "error":
            raise AttemptFailed(
                " ".join(str(value).split()) or "it said 'error' and no more"
            )
        if key == "structure":
            structure = crystal_of(value)
        elif key in _TEXTS:
            texts[key] = str(value)
        else:
            numbers[str(key)] = _number(str(key), value)
    known = {name: numbers.get(name) for name in ANSWERS}
    return Verdict(
        candidate.id,
        energy_per_atom=known["energy_per_atom"],
        formation_energy_per_atom=known["formation_energy_per_atom"],
        energy_above_hull=known["energy_above_hull"],
        band_gap=known["band_gap"],
        band_gap_std=known["band_gap_std"],
        structure=structure,
        converged=True,
        properties={name: n for name, n in numbers.items() if name not in ANSWERS},
        origin=texts.get("origin", ""),
        references=texts.get("references", ""),
    )


def _number(name: str, value: Any) -> float:
    if near := near_answer(name):
        raise AttemptFailed(
            f"the oracle returned '{name}', which would be a property of its own. Did you "
            f"mean '{near}'?"
        )
    if isinstance(value, bool):
        raise AttemptFailed(f"the oracle returned {name} {value}, expected a number")
    if isinstance(value, Real):
        return float(value)
    try:
        return float(value.item())  # one of numpy or torch
    except (AttributeError, TypeError, ValueError, RuntimeError) as error:
        raise AttemptFailed(
            f"the oracle returned {name} {value!r:.60}, expected a number"
        ) from error


def crystal_of(value: Any) -> Structure:
    from materials.columns import crystal_arrays

    try:
        numbers, places, lattice = crystal_arrays(value)
        return Structure(lattice, numbers.tolist(), places)
    except Exception as error:
        raise AttemptFailed(
            f"the oracle returned a structure that is no crystal: {one_line(error)}"
        ) from error
