"""The answer in three sentences, and the campaign in numbers.

The first says what was found, the second how much of it is new (or, where nothing was found,
what that means), the third what it rests on. All three are made of the data and of nothing
else, so an answer can be no better than what was done.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from campaigns.config import Targets
from campaigns.judgements import CONFIRMED
from campaigns.reports.content import Block, Fact, Facts, Paragraph, Section
from campaigns.reports.marks import formula, name
from campaigns.reports.telling import Telling
from campaigns.view import agreement, judged

_NAMED = 5
"""New formulas that the answer names."""


def answer(tell: Telling) -> Section:
    """Three sentences and the main numbers."""
    three = (found(tell), newness(tell), footing(tell))
    blocks: list[Block] = [Paragraph(sentence) for sentence in three]
    title = tell.say("The answer in three sentences")
    return Section("answer", title, (*blocks, _facts(tell)))


def found(tell: Telling) -> str:
    """What was found; where nothing was, what came nearest."""
    say, view = tell.say, tell.view
    seen = judged(view.verdicts)
    if seen.empty and len(view.verdicts):
        return say("Every oracle call so far has failed, so there is no answer yet.")
    if seen.empty:
        return say("No candidate has been judged yet, so there is no answer yet.")
    if len(view.shortlist):
        return say.several(
            "Of the crystals judged ({judged}), {n} meets every target: {formula} ({numbers}).",
            "Of the crystals judged ({judged}), {n} meet every target; the best by score is "
            "{formula} ({numbers}).",
            len(view.shortlist),
            judged=len(seen),
            **_described(view.shortlist.iloc[0], tell),
        )
    nearest = seen.loc[_excess(seen, view.targets).idxmin()]
    return say.several(
        "{n} crystal was judged and does not meet every target: {formula} ({numbers}).",
        "None of the {n} crystals judged meets every target; nearest comes {formula} "
        "({numbers}).",
        len(seen),
        **_described(nearest, tell),
    )


def newness(tell: Telling) -> str:
    """How many of the hits have a formula that was not known."""
    say, hits = tell.say, tell.view.shortlist
    if hits.empty:
        return _why_none(tell)
    fresh = hits.loc[~hits["known"].astype(bool), "formula"].drop_duplicates()
    if fresh.empty:
        return say(
            "All of them have formulas that are known already, so what may be new is their "
            "use, not the compounds."
        )
    named = [formula(each) for each in fresh.head(_NAMED)]
    if len(fresh) > _NAMED:
        return say.several(
            "Their formulas include {n} that is not on the list of known ones, among them "
            "{formulas}; whether it is new, only the literature can tell.",
            "Their formulas include {n} that are not on the list of known ones, among them "
            "{formulas}; whether they are new, only the literature can tell.",
            len(fresh),
            formulas=say.listed(named),
        )
    return say.several(
        "Their formulas include {n} that is not on the list of known ones, {formulas}; "
        "whether it is new, only the literature can tell.",
        "Their formulas include {n} that are not on the list of known ones, {formulas}; "
        "whether they are new, only the literature can tell.",
        len(fresh),
        formulas=say.listed(named),
    )


def footing(tell: Telling) -> str:
    """What the answer rests on, and what is missing before it can be believed."""
    say, hits = tell.say, tell.view.shortlist
    if hits.empty:
        return _footing_of_none(tell)
    standing = (
        hits["standing"]
        if "standing" in hits
        else pd.Series([""] * len(hits), dtype=object)
    )
    confirmed = int((standing == CONFIRMED).sum())
    if confirmed:
        return say.several(
            "A further oracle has confirmed {n} of them and {open} still wait for one; "
            "measure or compute them by a better method before any claim.",
            "Further oracles have confirmed {n} of them and {open} still wait for one; "
            "measure or compute them by a better method before any claim.",
            confirmed,
            open=len(hits) - confirmed,
        )
    if tell.relaxes:
        return say(
            "No other method has confirmed any of them: the gaps are predictions of PBE gaps "
            "and the energies those of one interatomic potential ({judge}), so compute them "
            "by a better method before any claim.",
            judge=name(tell.judge),
        )
    return say(
        "No other method has confirmed any of them: they rest on one oracle alone ({judge}).",
        judge=name(tell.judge),
    )


def _why_none(tell: Telling) -> str:
    say, view = tell.say, tell.view
    if view.status != "finished":
        return say.several(
            "The search is not over: {closed} of {n} round is closed.",
            "The search is not over: {closed} of {n} rounds are closed.",
            tell.config.rounds,
            closed=len(view.closed_rounds()),
        )
    return say(
        "A wider gap window, a looser stability limit, more elements or more rounds would "
        "give the search more room."
    )


def _footing_of_none(tell: Telling) -> str:
    say = tell.say
    if tell.relaxes:
        return say(
            "That does not show that there is no such material: few were looked at, and the "
            "numbers are predictions and those of one interatomic potential ({judge}).",
            judge=name(tell.judge),
        )
    return say(
        "That does not show that there is no such material: few were looked at, by one "
        "oracle ({judge}).",
        judge=name(tell.judge),
    )


def _described(row: pd.Series, tell: Telling) -> dict[str, str]:
    """A candidate's formula, and its numbers as far as there are any."""
    say = tell.say
    numbers = []
    if pd.notna(row["band_gap"]):
        gap = tell.plus_minus(row["band_gap"], row["band_gap_std"])
        numbers.append(say("gap {gap}", gap=f"{gap}\u00a0{name('eV')}"))
    if pd.notna(row["energy_above_hull"]):
        above = tell.with_unit(row["energy_above_hull"], 3, "eV/atom")
        numbers.append(say("{energy} above the hull", energy=above))
    return {"formula": formula(row["formula"]), "numbers": ", ".join(numbers)}


def _excess(seen: pd.DataFrame, targets: Targets) -> pd.Series:
    """How far each verdict lies outside the targets, in their own widths, summed."""
    excess = pd.Series(np.zeros(len(seen)), index=seen.index)
    gap, hull = targets.band_gap, targets.energy_above_hull
    if gap.weight > 0:
        values = seen["band_gap"].astype(float)
        beyond = np.maximum(gap.min - values, values - gap.max).clip(lower=0.0)
        excess += (beyond / (gap.max - gap.min)).fillna(np.inf)
    if hull.weight > 0:
        above = seen["energy_above_hull"].astype(float) - hull.max
        excess += (above.clip(lower=0.0) / hull.max).fillna(np.inf)
    return excess


def _facts(tell: Telling) -> Facts:
    say, view = tell.say, tell.view
    fresh = int((~view.shortlist["known"].astype(bool)).sum())
    failed = int(view.verdicts["error"].notna().sum())
    facts = [
        Fact(say.number(len(view.shortlist)), say("hits on the shortlist")),
        Fact(say.number(fresh), say("of them with a formula not known")),
        Fact(
            say.number(len(view.verdicts)),
            say.several(
                "calls of the first oracle, {n} failed",
                "calls of the first oracle, {n} failed",
                failed,
            ),
        ),
        Fact(
            say.number(int(view.rounds["n_asked"].sum())),
            say.several(
                "candidates proposed in {n} round",
                "candidates proposed in {n} rounds",
                len(view.rounds),
            ),
        ),
    ]
    residual, _ = agreement(view.verdicts)
    if pd.notna(residual):
        off = say(
            "{unit}, mean error of the energy above hull foreseen", unit=name("eV/atom")
        )
        facts.append(Fact(tell.number(residual), off))
    return Facts(tuple(facts))
