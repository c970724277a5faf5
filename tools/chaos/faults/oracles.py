"""Oracles that hang, raise, die, or answer nonsense about every other candidate.

There is nothing to go on with: what such an oracle says of a candidate is its verdict. So the
campaign must come to its end, with one verdict on each candidate that it asked about, and an
error in words on those that the oracle failed on.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from tools.chaos.faults.answers import bad, honest
from tools.chaos.faults.bench import Prepared, prepared
from tools.chaos.record import Outcome, Place, Scale, trial
from tools.chaos.server import Run, Server
from tools.chaos.subjects.campaign import state
from tools.chaos.subjects.specification import asking, program

_ASKED = ("band_gap", "energy_above_hull")
_CALLS = 8
"""Of a campaign on this specification."""
_PROGRAM = Path(__file__).with_name("answers.py")
_KINDS = {
    "oracle hanging": ("hang", "hang_ignoring", "hang_in_c"),
    "oracle's process dying": ("segfault", "killed", "exit"),
    "oracle returning NaN": ("nan", "nan_property"),
    "oracle returning inf": ("inf", "minus_inf"),
    "oracle returning nonsense": (
        *("text", "keys", "list", "huge_number", "huge_text", "far_off", "other_crystal"),
        *("nothing", "bytes", "deep"),
    ),
}
"""What :mod:`tools.chaos.faults.answers` does in the place of an answer."""
_RAISED = {
    "oracle raising": (
        *("ValueError", "RecursionError", "SystemExit", "BaseException", "Unspeakable"),
        *("GeneratorExit", "MemoryError", "Endless"),
    ),
}
"""What :mod:`tools.chaos.faults.setups` lets a table raise in the place of an answer."""


def _spec(folder: Path) -> Path:
    path = folder / "oracle.yaml"
    text = asking(f"oracle: {program(_PROGRAM, time_limit=2)}")
    path.write_text(text, encoding="utf-8")
    return path


def _met(place: Place, name: str) -> Outcome:
    began = time.monotonic()
    given = prepared(place, "campaign")
    raised = name in _RAISED
    deeds, labels = (_RAISED[name], _labels(given)) if raised else (_KINDS[name], {})
    if place.scale is Scale.QUICK:
        deeds = deeds[:2]
    found = Outcome(
        fault=name,
        subject="campaign",
        times=len(deeds),
        survived=0,
        lost=0,
        duplicates=0,
        seconds=0.0,
    )
    survived, lost, twice, troubles = 0, 0, 0, []
    for deed in deeds:
        folder = place.folder / deed
        run = given.run_of(folder)
        environment = {
            **run.environment,
            "CHAOS_DEED": deed,
            "GALENA_ALLOW_COMMANDS": "all",
            "CHAOS_SETUP": "raising" if raised else "",
        }
        arguments = list(run.arguments)
        if not raised:
            arguments[2] = str(_spec(place.folder))
        case = replace(run, arguments=arguments, environment=environment)
        expected = len(state(given.whole)["verdicts"]) if raised else _CALLS
        true = labels.get if raised else honest
        trouble, n_lost, n_twice = _judged(given.server, case, expected, true)
        lost, twice = lost + n_lost, twice + n_twice
        survived += not trouble
        if trouble:
            place.tell(f"{deed}: {trouble}")
            troubles.append(f"{deed}: {trouble}")
    return Outcome(
        **{
            **vars(found),
            "survived": survived,
            "lost": lost,
            "duplicates": twice,
            "seconds": time.monotonic() - began,
            "note": "; ".join([", ".join(deeds), *troubles[:3]]),
        }
    )


def _judged(
    server: Server,
    run: Run,
    expected: int,
    true: Callable[[str], Mapping[str, float] | None],
) -> tuple[str, int, int]:
    """What went wrong; verdicts that are missing; verdicts that are there twice."""
    ended = server(run)
    said = run.output.read_text(encoding="utf-8", errors="replace")
    if ended.code != 0:
        lines = said.strip().splitlines() or [""]
        return f"ended with {ended.code}: {lines[-1][:200]}", expected, 0
    if "Traceback" in said:
        return "a traceback", 0, 0
    db = sqlite3.connect(run.folder / "campaign" / "ledger.sqlite")
    try:
        rows = db.execute("SELECT id, content FROM verdicts").fetchall()
    finally:
        db.close()
    names = Counter(name for name, _ in rows)
    twice = names.total() - len(names)
    wrong = [
        name for name, content in rows if _wrong(name, json.loads(content), true(name))
    ]
    trouble = f"{len(wrong)} verdicts are not what the oracle did" if wrong else ""
    failed = sum(bad(name) for name in names)
    if not 0 < failed < len(names):
        trouble = f"the oracle failed on {failed} of {len(names)}: nothing is shown"
    return trouble, expected - len(names), twice


def _wrong(
    name: str, verdict: Mapping[str, Any], truth: Mapping[str, float] | None
) -> bool:
    """Whether a failure has no reason or a number, or an honest answer is another one."""
    found = [verdict[key] for key in _ASKED]
    if bad(name) or truth is None:  # of what is in no table, it says so
        return not verdict["error"] or any(value is not None for value in found)
    return bool(verdict["error"]) or any(
        value is None or abs(value - truth[key]) > 1e-6
        for key, value in zip(_ASKED, found, strict=True)
    )


def _labels(given: Prepared) -> Mapping[str, Mapping[str, float]]:
    """What the table of the campaign says of each crystal."""
    import pyarrow.parquet as pq

    table = pq.read_table(
        given.folder / "crystals.parquet", columns=["material_id", *_ASKED]
    )
    return {
        row["material_id"]: {key: row[key] for key in _ASKED} for row in table.to_pylist()
    }


for _name in (*_KINDS, *_RAISED):
    trial(_name, "campaign", waits="hanging" in _name)(partial(_met, name=_name))
