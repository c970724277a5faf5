"""How far to trust it: what was foreseen against what was found, and what nobody checked."""

from __future__ import annotations

from math import comb

import numpy as np
import pandas as pd

from campaigns.reports.content import (
    Block,
    Bullets,
    Column,
    Figure,
    Kind,
    Paragraph,
    Section,
    Table,
)
from campaigns.reports.marks import formula, name
from campaigns.reports.telling import Telling
from campaigns.view import judged
from campaigns.words import noted
from models.updating.recalibrate import LEVELS, coverage

_TARGETS = (
    ("band_gap", noted("Band gap"), "eV"),
    ("energy_above_hull", noted("Energy above hull"), "eV/atom"),
)
UNLIKELY = 0.05
"""A difference between rounds that chance alone makes in fewer cases is called drift."""


def trust(tell: Telling, figures: tuple[Figure, ...]) -> Section:
    """Calibration, drift, further oracles, failures, limits."""
    say = tell.say
    blocks: list[Block] = [
        Paragraph(_calibrated(tell)),
        _calibration(tell),
        *figures,
        Paragraph(_drift(tell)),
    ]
    if len(tell.view.confirmations):
        blocks += [Paragraph(_tiers(tell), is_note=True), _confirmations(tell)]
    blocks += [_failures(tell), Paragraph(say("What this is not:")), Bullets(limits(tell))]
    return Section("trust", say("How far to trust it"), tuple(blocks))


def _calibrated(tell: Telling) -> str:
    return tell.say(
        "Before each oracle call the surrogate said what it expected, with an interval. If its "
        "deviations are right, as many answers lie inside an interval as its level says; fewer "
        "mean that it was too sure of itself."
    )


def _calibration(tell: Telling) -> Table:
    say = tell.say
    columns = (
        Column(say("Quantity")),
        Column(say("Answers"), kind=Kind.NUMBER),
        Column(say("Mean error"), kind=Kind.NUMBER, weight=1.3),
        *(
            Column(
                say("Inside the {level} interval", level=say.percent(level)),
                kind=Kind.NUMBER,
                weight=1.3,
            )
            for level in LEVELS
        ),
    )
    rows = tuple(
        row
        for target, title, unit in _TARGETS
        if (row := _calibration_row(target, say(title), unit, tell)) is not None
    )
    nothing = say("Nothing has been judged yet.")
    return Table(say("What was foreseen against what was found"), columns, rows, nothing)


def _calibration_row(
    target: str, title: str, unit: str, tell: Telling
) -> tuple[str, ...] | None:
    seen = judged(tell.view.verdicts)
    numbers = pd.DataFrame(
        {
            "found": seen[target],
            "said": seen[f"predicted_{target}"],
            "std": seen[f"predicted_{target}_std"],
        }
    ).apply(pd.to_numeric, errors="coerce")
    numbers = numbers.dropna()
    if numbers.empty:
        return None
    error = (numbers["found"] - numbers["said"]).to_numpy(dtype=np.float64)
    inside = coverage(error, numbers["std"].to_numpy(dtype=np.float64))
    return (
        title,
        tell.say.number(len(numbers)),
        tell.with_unit(np.abs(error).mean(), 3, unit),
        *(tell.percent(inside[level]) for level in LEVELS),
    )


def _drift(tell: Telling) -> str:
    """Whether later rounds were harder to foresee than those before them."""
    say, rounds = tell.say, tell.view.closed_rounds()
    chances = [f"{target}_drift_chance" for target, _, _ in _TARGETS]
    on_record = [column for column in chances if column in rounds]
    later = rounds[rounds["round"] > rounds["round"].min()]
    if not on_record or later[on_record].isna().all(axis=None):
        return say("Whether predictions drifted from round to round is not on record.")
    if not _could_differ(rounds):
        return say(
            "Rounds have too few answers to tell whether predictions drifted from round to "
            "round."
        )
    unlike = rounds[(rounds[on_record] < UNLIKELY).any(axis=1)]
    if unlike.empty:
        return say(
            "No round's errors differ from those of earlier rounds by more than chance may "
            "do; a small drift would not be seen with so few answers."
        )
    numbers = say.listed([say.number(int(number)) for number in unlike["round"]])
    return say.several(
        "The errors of round {rounds} were unlike those before it: there the search had moved "
        "to crystals that the surrogate foresees in another way, better or worse.",
        "The errors of rounds {rounds} were unlike those before them: there the search had "
        "moved to crystals that the surrogate foresees in another way, better or worse.",
        len(unlike),
        rounds=numbers,
    )


def _could_differ(rounds: pd.DataFrame) -> bool:
    """Whether answers were so many that a test of some round could have found drift.

    Mann and Whitney's two-sided test of ``n`` errors after ``m`` has no chance below 2 in
    ``comb(n + m, n)``.
    """
    for target, _, _ in _TARGETS:
        if (column := f"{target}_drift_rows") in rounds:
            counts = rounds[column].fillna(0).astype(int).tolist()
        else:
            judged_rows = rounds["n_evaluated"] - rounds["n_failed"]
            counts = judged_rows.fillna(0).astype(int).tolist()
        for place, n in enumerate(counts):
            before = sum(counts[:place])
            if n and before and 2 / comb(n + before, n) < UNLIKELY:
                return True
    return False


def _tiers(tell: Telling) -> str:
    return tell.say(
        "The best of each round went on to further oracles. Their gap counts in place of the "
        "first oracle's; a candidate that one of them finds outside the targets is no hit. "
        "Energies of different oracles are never compared."
    )


def _confirmations(tell: Telling) -> Table:
    say, view = tell.say, tell.view
    standing = view.verdicts.set_index("candidate_id")["standing"].to_dict()
    columns = (
        Column(say("Formula"), kind=Kind.NAME),
        Column(say("Oracle"), kind=Kind.NAME),
        Column(say("Round"), kind=Kind.NUMBER),
        Column(say("Band gap"), "eV", Kind.NUMBER),
        Column(say("Above hull"), "eV/atom", Kind.NUMBER),
        Column(say("Time"), "s", Kind.NUMBER),
        Column(say("Found"), weight=2.0),
    )
    rows = tuple(
        (
            formula(row["formula"]),
            name(row["oracle"]),
            say.number(int(row["round"])),
            tell.number(row["band_gap"], 2),
            tell.number(row["energy_above_hull"]),
            tell.number(row["seconds"], 1),
            tell.recorded(row["error"])
            if row["error"]
            else say.name(standing.get(row["candidate_id"]) or "not asked"),
        )
        for row in view.confirmations.to_dict("records")
    )
    return Table(say("What further oracles found"), columns, rows)


def _failures(tell: Telling) -> Table:
    say, verdicts = tell.say, tell.view.verdicts
    columns = (
        Column(say("Formula"), kind=Kind.NAME),
        Column(say("Prototype"), kind=Kind.NAME, weight=1.6),
        Column(say("Round"), kind=Kind.NUMBER, weight=0.6),
        Column(say("Reason"), weight=3.0),
    )
    rows = tuple(
        (
            formula(row["formula"]),
            name(row["prototype"]),
            say.number(int(row["round"])),
            tell.recorded(row["error"]),
        )
        for row in verdicts[verdicts["error"].notna()].to_dict("records")
    )
    nothing = say("No call has failed.")
    return Table(say("Calls of the first oracle that failed"), columns, rows, nothing)


def limits(tell: Telling) -> tuple[str, ...]:
    """What the numbers do not say."""
    say = tell.say
    items = [
        say(
            "Gaps are predictions of PBE gaps, which lie below measured ones, often by a third "
            "or more. Confirm with a hybrid functional or GW before any claim."
        )
        if tell.relaxes
        else say("Gaps are what the oracles gave, by their own methods."),
        say(
            "Energies above the hull compare crystals relaxed with one interatomic potential, "
            "{judge}, which errs most where its training data are thin.",
            judge=name(tell.judge),
        )
        if tell.relaxes
        else say("Energies above the hull are as the oracle gave them."),
        say(
            "The hull is made of the competing phases that were looked at, not of every phase "
            "that exists: a missing competitor makes a candidate look more stable than it is."
        ),
        say(
            "Deviations are those of networks that agree or not; for chemistry unlike their "
            "training data they may be too small."
        ),
        say(
            "Not checked: lattice vibrations (phonons) and with them dynamical stability, "
            "temperature, defects, doping, disorder, interfaces, magnetism beyond what the "
            "potential learned, and whether anybody can make the material."
        ),
        say(
            "“Known” goes by reduced formula: another polymorph of a known formula counts as "
            "known, and a formula absent from the list may well be known elsewhere."
        ),
        say(
            "Sustainability is judged by composition alone: processing, yield and lifetime are "
            "not in it."
        ),
    ]
    return tuple(items)
