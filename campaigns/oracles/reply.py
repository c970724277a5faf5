"""What a program answers about a candidate, as JSON, and what is refused of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from pymatgen.core import Structure

from campaigns.oracles.answers import ANSWERS
from campaigns.oracles.failures import AttemptFailed, MayPass
from campaigns.protocols import Candidate, Verdict
from materials.errors import did_you_mean

NUMBERS = (*ANSWERS, "seconds")
_OTHERS = ("n_steps", "converged", "origin", "references", "decomposition", "properties")
_KEYS = (*NUMBERS, *_OTHERS, "structure", "error", "may_pass")


def parse_reply(text: str, candidate: Candidate) -> Verdict:
    """The verdict in a program's JSON object: the whole text, or its last line.

    Keys are the fields of :class:`~campaigns.protocols.Verdict` with its units (eV, eV/atom,
    s), ``properties`` for other numbers by name, ``structure`` for the relaxed crystal;
    ``error``, and ``may_pass`` if another attempt may do better. null is no answer.

    Raises:
        AttemptFailed: it is no such object, or says so itself under ``error``.
        MayPass: it says so itself, and ``may_pass`` is true.
    """
    content = _object(text)
    for key in content:
        if key not in _KEYS:
            raise AttemptFailed(
                f"the reply has an unknown key '{key}'.{did_you_mean(key, _KEYS)} Numbers of "
                "your own go under 'properties'"
            )
    if content.get("error") is not None:
        reason = " ".join(str(content["error"]).split()) or "it said 'error' and no more"
        raise MayPass(reason) if content.get("may_pass") is True else AttemptFailed(reason)
    numbers = {key: _number(content.get(key), key) for key in NUMBERS}
    return Verdict(
        candidate.id,
        energy_per_atom=numbers["energy_per_atom"],
        formation_energy_per_atom=numbers["formation_energy_per_atom"],
        energy_above_hull=numbers["energy_above_hull"],
        band_gap=numbers["band_gap"],
        band_gap_std=numbers["band_gap_std"],
        decomposition=_numbers(content, "decomposition"),
        structure=_structure(content.get("structure")),
        n_steps=_whole(content.get("n_steps")),
        converged=_truth(content.get("converged")),
        seconds=numbers["seconds"] or 0.0,
        origin=_text(content, "origin"),
        references=_text(content, "references"),
        properties=_numbers(content, "properties"),
    )


def _object(text: str) -> dict[str, Any]:
    lines = text.strip().splitlines()
    if not lines:
        raise AttemptFailed("the reply is empty, expected one JSON object")
    try:
        content = json.loads(text, parse_constant=_no_number)
    except ValueError:
        try:
            content = json.loads(lines[-1], parse_constant=_no_number)
        except (ValueError, RecursionError) as error:
            raise AttemptFailed(f"the reply is not JSON: {error}") from error
    except RecursionError as error:
        raise AttemptFailed("the reply is not JSON: nested too deeply") from error
    if not isinstance(content, dict):
        raise AttemptFailed(
            f"the reply is a JSON {type(content).__name__}, expected an object"
        )
    return content


def _no_number(name: str) -> NoReturn:
    raise AttemptFailed(f"the reply holds {name}, which is no number; leave the key out")


def _number(value: Any, key: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise AttemptFailed(f"the reply's {key} is {value!r:.80}, expected a number")
    try:
        return float(value)
    except OverflowError as error:
        raise AttemptFailed(f"the reply's {key} is too large for a number") from error


def _numbers(content: Mapping[str, Any], key: str) -> dict[str, float]:
    value = content.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise AttemptFailed(f"the reply's {key} is {value!r:.80}, expected an object")
    found = {name: _number(item, f"{key}.{name}") for name, item in value.items()}
    return {name: number for name, number in found.items() if number is not None}


def _whole(value: Any) -> int:
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise AttemptFailed(f"the reply's n_steps is {value!r:.80}, expected 0, 1, 2 …")
    return value


def _truth(value: Any) -> bool:
    if value is not None and not isinstance(value, bool):
        raise AttemptFailed(
            f"the reply's converged is {value!r:.80}, expected true or false"
        )
    return value is not False  # a program that says nothing about it is taken at its word


def _text(content: Mapping[str, Any], key: str) -> str:
    value = content.get(key)
    if value is not None and not isinstance(value, str):
        raise AttemptFailed(f"the reply's {key} is {value!r:.80}, expected a text")
    return value or ""


def _structure(value: Any) -> Structure | None:
    """Pymatgen's ``as_dict``, or lattice (rows, Å), species and frac_coords alone."""
    if value is None:
        return None
    if not isinstance(value, dict):
        raise AttemptFailed(f"the reply's structure is {value!r:.80}, expected an object")
    try:
        if "sites" in value:
            found = Structure.from_dict(value)
        else:
            found = Structure(value["lattice"], value["species"], value["frac_coords"])
        if not found.is_ordered or found.volume <= 0.0 or not found.is_valid():
            raise AttemptFailed(
                "the reply's structure is no crystal: sites are disordered or coincide"
            )
    except KeyError as error:
        raise AttemptFailed(f"the reply's structure lacks {error}") from error
    except AttemptFailed:
        raise
    except Exception as error:
        raise AttemptFailed(f"the reply's structure cannot be read: {error}") from error
    return found
