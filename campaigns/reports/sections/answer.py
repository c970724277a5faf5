"""The answer in three sentences, and the campaign in numbers.

The first says what was found, the second how much of it is new (or, where nothing was found,
what that means), the third what it rests on. All three are made of the data and of nothing
else, so an answer can be no better than what was done.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from campaigns.config import Targets
from campaigns.judgements import ASKED, CONFIRMED, FAILED, NOT_ASKED, REFUTED, UNTESTED
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
    if seen.empty:
        return _no_answer(tell)
    if len(view.shortlist):
        return say.several(
            "Of the crystals judged ({judged}), {n} meets every target: {formula} ({numbers}).",
            "Of the crystals judged ({judged}), {n} meet every target; the best by score is "
            "{formula} ({numbers}).",
            len(view.shortlist),
            judged=len(seen),
            **_described(view.shortlist.iloc[0], tell),
        )
    if refuted := len(_refuted(tell)):
        return say.several(
            "Of the crystals judged ({judged}), {n} met every target by the first oracle "
            "({judge}), and a further oracle refuted it, so none is left.",
            "Of the crystals judged ({judged}), {n} met every target by the first oracle "
            "({judge}), and further oracles refuted them all, so none is left.",
            refuted,
            judged=len(seen),
            judge=name(tell.judge),
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
        return say.several(
            "Its formula is known already, so what may be new is its use, not the compound.",
            "All of them have formulas that are known already, so what may be new is their "
            "use, not the compounds.",
            len(hits),
        )
    named = [formula(each) for each in fresh.head(_NAMED)]
    if len(hits) == 1:
        return say(
            "Its formula, {formula}, is not on the list of known ones; whether it is new, only "
            "the literature can tell.",
            formula=named[0],
        )
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
    if tell.config.tiers:
        return _checked(tell, _standings(hits))
    if tell.relaxes:
        return say.several(
            "No other method has confirmed it: the gap is a prediction of the PBE gap and the "
            "energy that of one interatomic potential ({judge}), so compute it by a better "
            "method before any claim.",
            "No other method has confirmed any of them: the gaps are predictions of PBE gaps "
            "and the energies those of one interatomic potential ({judge}), so compute them "
            "by a better method before any claim.",
            len(hits),
            judge=name(tell.judge),
        )
    return say.several(
        "No other method has confirmed it: it rests on one oracle alone ({judge}).",
        "No other method has confirmed any of them: they rest on one oracle alone ({judge}).",
        len(hits),
        judge=name(tell.judge),
    )


def _standings(verdicts: pd.DataFrame) -> pd.Series:
    """What further oracles made of each; empty where none was asked."""
    if "standing" not in verdicts:
        return pd.Series(NOT_ASKED, index=verdicts.index, dtype=object)
    return verdicts["standing"].fillna(NOT_ASKED)


def _refuted(tell: Telling) -> pd.DataFrame:
    verdicts = tell.view.verdicts
    return verdicts[_standings(verdicts) == REFUTED]


def _checked(tell: Telling, standings: pd.Series) -> str:
    """How far further oracles have come with the hits."""
    say = tell.say
    counts = {each: int((standings == each).sum()) for each in set(standings)}
    several = say.several
    parts = {
        FAILED: several("{n} call failed", "{n} calls failed", counts.get(FAILED, 0)),
        UNTESTED: several(
            "{n} answered, but not about the targets",
            "{n} answered, but not about the targets",
            counts.get(UNTESTED, 0),
        ),
        ASKED: several(
            "{n} asked, no answer yet", "{n} asked, no answer yet", counts.get(ASKED, 0)
        ),
        NOT_ASKED: several("{n} not asked", "{n} not asked", counts.get(NOT_ASKED, 0)),
    }
    others = "; ".join(part for each, part in parts.items() if counts.get(each))
    if not (confirmed := counts.get(CONFIRMED, 0)):
        return say.several(
            "No further oracle has confirmed it ({others}); measure it or compute it by a "
            "better method before any claim.",
            "No further oracle has confirmed any of them ({others}); measure them or compute "
            "them by a better method before any claim.",
            len(standings),
            others=others,
        )
    if others:
        return say.several(
            "Further oracles have confirmed {n} of them ({others}); measure them or compute "
            "them by a better method before any claim.",
            "Further oracles have confirmed {n} of them ({others}); measure them or compute "
            "them by a better method before any claim.",
            confirmed,
            others=others,
        )
    return say.several(
        "A further oracle has confirmed it; measure it or compute it by a better method "
        "before any claim.",
        "Further oracles have confirmed all {n} of them; measure them or compute them by a "
        "better method before any claim.",
        confirmed,
    )


def _no_answer(tell: Telling) -> str:
    say, view = tell.say, tell.view
    if not len(view.verdicts):
        return say("No candidate has been judged yet, so there is no answer yet.")
    if view.status == "finished":
        return say("Every oracle call has failed, so there is no answer.")
    return say("Every oracle call so far has failed, so there is no answer yet.")


def _why_none(tell: Telling) -> str:
    say, view = tell.say, tell.view
    reasons = view.verdicts["error"].dropna()
    if judged(view.verdicts).empty and len(reasons):
        return say(
            "The calls that failed are listed with their reasons under “{section}”; the most "
            "frequent reason: {reason}.",
            section=say("How far to trust it"),
            reason=tell.recorded(str(reasons.mode().iloc[0])).removesuffix("."),
        )
    if view.status != "finished":
        return say.several(
            "The search is not over: {closed} of {n} round is closed.",
            "The search is not over: {closed} of {n} rounds are closed.",
            tell.config.rounds,
            closed=len(view.closed_rounds()),
        )
    if len(_refuted(tell)):
        return say(
            "What further oracles found is in a table under “{section}”; more rounds, or a "
            "first oracle that agrees better with them, would give the search more room.",
            section=say("How far to trust it"),
        )
    return say(
        "A wider gap window, a looser stability limit, more elements or more rounds would "
        "give the search more room."
    )


def _footing_of_none(tell: Telling) -> str:
    say, view = tell.say, tell.view
    if judged(view.verdicts).empty and len(view.verdicts):
        return say(
            "This says nothing about the candidates: mend what makes the calls fail, then run "
            "the campaign again in a new folder."
        )
    if view.verdicts.empty:
        return say(
            "Until the oracle {judge} answers, there are predictions alone.",
            judge=name(tell.judge),
        )
    if len(_refuted(tell)):
        return say(
            "That does not show that there is no such material: few were looked at, and the "
            "first oracle promised what further ones did not bear out."
        )
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
    n_hits = len(view.shortlist)
    fresh = int((~view.shortlist["known"].astype(bool)).sum())
    failed = int(view.verdicts["error"].notna().sum())
    facts = [
        Fact(
            say.number(n_hits),
            say.several("hit on the shortlist", "hits on the shortlist", n_hits),
        ),
        Fact(say.number(fresh), say("with a formula not known")),
        Fact(
            say.number(len(view.verdicts)),
            say.several(
                "call of the first oracle (failures: {failed})",
                "calls of the first oracle (failures: {failed})",
                len(view.verdicts),
                failed=failed,
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
