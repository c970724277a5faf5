"""Results as a table in memory: by candidate or formula, into the ledger."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from campaigns.accepting import Answerer, Taken, accept, verdicts_of
from campaigns.asking import waiting
from campaigns.config import CampaignConfig
from campaigns.ledger import Ledger
from campaigns.oracles.answers import ANSWERS, near_answer
from campaigns.oracles.inbox.answers import parse_answers
from campaigns.oracles.inbox.found import FAILED, ID, Answer, Answers, Problem
from campaigns.oracles.inbox.numbers import NotANumber, read_number, split_heading
from campaigns.oracles.inbox.tables import SUFFIXES
from campaigns.oracles.sanity import nonsense
from campaigns.oracles.specs import InboxSpec, OracleSpec, Quantity
from campaigns.origins import TOLD, of_one_origin, origin_of_energy
from campaigns.protocols import Verdict
from campaigns.questions import Question, all_questions, inboxes
from campaigns.told_rows import ToldRows, same_crystal
from materials.errors import InputError, did_you_mean, listed

_COUNTS = {"seconds": "s", "cost": ""}

Results = "pd.DataFrame | Mapping[str, Mapping[str, Any]] | Iterable[Mapping[str, Any]]"
"""One row for each candidate: a table, mappings by candidate, or mappings with a name in."""


def tell(
    config: CampaignConfig,
    ledger: Ledger,
    results: Any,
    *,
    oracle: str | None = None,
    origin: str | None = None,
    overwrite: bool = False,
) -> Taken:
    """Record results, of :data:`Results`; rows that cannot be taken are named.

    ``oracle`` is needed where several wait for answers, ``origin`` says what method the
    results are of where they have no column of that name. With ``overwrite`` they take the
    place of earlier ones that were told.

    Raises:
        InputError: these are no results, or nobody of that name is asked anything.
    """
    told = ToldRows.read(results, origin)
    tier = _tier(config, ledger, oracle)
    questions = _questions(config, ledger, tier)
    earlier = verdicts_of(ledger, tier)
    spec = config.oracles[tier]
    rows, bad = told.named(questions, set(earlier), files=isinstance(spec, InboxSpec))
    wanted, slips, unused = _wanted(told.headings, spec, told.rows)
    used = [h for h in told.headings if h not in unused and h not in slips]
    if not used:
        raise InputError(
            f"results need a column such as {wanted[0].name}, or 'error' for why there is "
            f"none; there are {listed(told.columns)}"
        )
    if not any(split_heading(h)[0] != FAILED for h in used):
        used.append(wanted[0].name)  # empty: nothing but failures was told
    text = json.dumps([{h: row.get(h) for h in (ID, *used)} for row in rows], default=str)
    read = (
        parse_answers(text, ".json", list(questions), wanted) if rows else Answers((), ())
    )
    odd = [Problem(0, heading, "", why) for heading, why in slips.items()]
    good = tuple(_without_known_counts(answer, earlier) for answer in read.good)
    bad = [*odd, *bad, *read.bad]
    read = replace(read, good=good, bad=tuple(bad), unused=tuple(unused))
    by = _answerer(config, ledger, tier, told)
    taken = accept(config, ledger, read, questions, by, overwrite=overwrite)
    return replace(taken, problems=tuple(map(told.as_written, taken.problems)))


def _without_known_counts(answer: Answer, earlier: Mapping[str, Verdict]) -> Answer:
    """What it took is no news where it is the same again."""
    before = earlier.get(answer.candidate_id)
    if before is None:
        return answer
    values = {
        name: value
        for name, value in answer.values.items()
        if name not in _COUNTS or value != getattr(before, name)
    }
    return replace(answer, values=values)


def _tier(config: CampaignConfig, ledger: Ledger, oracle: str | None) -> int:
    """Whose answers these are."""
    names = [spec.name for spec in config.oracles]
    if oracle is not None:
        askable = {0, *inboxes(config)}
        for tier in askable:
            if names[tier] == oracle:
                return tier
        can = [names[tier] for tier in sorted(askable)]
        raise InputError(
            f"'{oracle}' is told nothing; there are {', '.join(can)}."
            f"{did_you_mean(oracle, can)}"
        )
    tiers = sorted({question.tier for question in waiting(config, ledger)})
    if len(tiers) > 1:
        open_ones = " or ".join(f"oracle='{names[tier]}'" for tier in tiers)
        raise InputError(f"several wait for answers; say whose these are: {open_ones}")
    return tiers[0] if tiers else 0


def _questions(config: CampaignConfig, ledger: Ledger, tier: int) -> dict[str, Question]:
    """What may be answered or has been, by candidate."""
    if tier or isinstance(config.oracle, InboxSpec):
        found = [q for q in all_questions(config, ledger) if q.tier == tier]
    else:
        judged = ledger.judged()
        found = [q for q in waiting(config, ledger) if q.tier == 0]
        found += [
            Question(0, p.round, p) for p in ledger.candidates() if p.candidate.id in judged
        ]
    return {q.candidate.candidate.id: q for q in found}


def _wanted(
    headings: Sequence[str], spec: Any, rows: Sequence[Mapping[str, Any]]
) -> tuple[list[Quantity], dict[str, str], list[str]]:
    """What is read as a quantity; slips of names, with why; and what is left unread."""
    wanted = {name: Quantity(name=name, unit=unit) for name, unit in ANSWERS.items()}
    wanted |= {name: Quantity(name=name, unit=unit) for name, unit in _COUNTS.items()}
    if isinstance(spec, InboxSpec):
        wanted |= {quantity.name: quantity for quantity in spec.wanted}
    slips: dict[str, str] = {}
    unused: list[str] = []
    for heading in headings:
        name, unit = split_heading(heading)
        if name in wanted or name == FAILED:
            continue
        if near := near_answer(name):
            slips[heading] = f"would be a property of its own. Did you mean '{near}'?"
            continue
        if _all_texts([row.get(heading) for row in rows]):
            unused.append(heading)  # a remark, a date
            continue
        try:
            wanted[name] = Quantity(name=name, unit=unit or "")
        except ValueError:
            unused.append(heading)
    return list(wanted.values()), slips, unused


def _all_texts(values: Sequence[Any]) -> bool:
    """Whether a column has texts and none of them is a number."""
    texts = [v if isinstance(v, str) else str(v) for v in values if v not in (None, "")]
    plain = any(isinstance(v, bool | int | float | list | Mapping) for v in values)
    return bool(texts) and not plain and not any(map(_is_number, texts))


def _is_number(text: str) -> bool:
    try:
        read_number(text.split(" ")[0], "", sign=".")
    except NotANumber:
        return False
    return True


@dataclass(frozen=True)
class _Teller:
    """Who answers, and what stands beside the numbers of an answer."""

    spec: OracleSpec
    told: ToldRows
    earlier: Mapping[str, Verdict]

    @property
    def people(self) -> bool:
        return isinstance(self.spec, InboxSpec)

    def origin(self, name: str) -> str:
        before = self.earlier.get(name)
        known = "" if before is None or self.people else before.origin
        return (
            self.told.origin_of(name) or known or (self.spec.name if self.people else TOLD)
        )

    def complete(self, verdict: Verdict) -> Verdict:
        before = self.earlier.get(verdict.candidate_id)
        extra = dict(verdict.properties)
        seconds = extra.pop("seconds", 0.0 if before is None else before.seconds)
        cost = extra.pop("cost", verdict.cost if before is None else before.cost)
        structure = None if before is None else before.structure
        return replace(
            verdict,
            structure=self.told.crystal(verdict.candidate_id) or structure,
            seconds=seconds,
            cost=cost,
            properties=extra,
        )

    def stays(self, before: Verdict) -> str:
        if self.people or before.oracle == TOLD:
            return ""
        return f"oracle '{self.spec.name}' has judged it, and that stays"

    def otherwise(self, name: str, before: Verdict) -> Problem | None:
        said = self.told.origin_of(name)
        why = "; give replace=True to take the new one"
        if said and before.error is None and said != before.origin and not self.people:
            return Problem(0, "origin", said, f"earlier it was {before.origin}{why}")
        mine = self.told.crystal(name)
        if (
            mine is not None
            and before.structure
            and not same_crystal(mine, before.structure)
        ):
            return Problem(0, "structure", "", f"earlier it was another{why}")
        return None

    def adds(self, name: str, before: Verdict) -> bool:
        return before.structure is None and self.told.crystal(name) is not None

    def apart(self, ledger: Ledger, verdicts: Mapping[str, Verdict]) -> dict[str, Problem]:
        said = {
            n: v for n, v in verdicts.items() if not self.people or self.told.origin_of(n)
        }
        return _apart(ledger, said, set(self.earlier))


def _answerer(
    config: CampaignConfig, ledger: Ledger, tier: int, told: ToldRows
) -> Answerer:
    """Who answers; what is told in place of a program is marked as that."""
    spec = config.oracles[tier]
    by = _Teller(spec, told, verdicts_of(ledger, tier))
    return Answerer(
        tier=tier,
        oracle=spec.name if by.people else TOLD,
        cost=spec.cost,
        origin=by.origin,
        complete=by.complete,
        check=_check,
        apart=(lambda _: {}) if tier else partial(by.apart, ledger),
        stays=by.stays,
        otherwise=by.otherwise,
        adds=by.adds,
        to_replace="replace=True",
    )


def _check(verdict: Verdict, question: Question) -> Problem | None:
    fault = None if verdict.error else nonsense(verdict, question.candidate.candidate)
    return Problem(0, "", "", fault) if fault else None


def _apart(
    ledger: Ledger, verdicts: Mapping[str, Verdict], earlier: set[str]
) -> dict[str, Problem]:
    """Whose energies are of another origin than those that stay, or than the first of these.

    One that is refused leaves an earlier verdict in its place, with which the others have to
    be of one origin too.
    """
    going, problems = dict(verdicts), dict[str, Problem]()
    while True:
        origin = _origins(ledger, set(going))
        if not origin:
            firsts = (origin_of_energy(v) for v in going.values())
            origin = next((o for o in firsts if _says_method(o)), "")
        bad = {n: p for n, v in going.items() if (p := _mixed(v, origin)) is not None}
        problems |= bad
        for name in bad:
            del going[name]
        if not earlier & set(bad):
            return problems


def _origins(ledger: Ledger, but: set[str]) -> str:
    """What the energies of all others are of; a worksheet's name says nothing about that."""
    for _, v in ledger.verdicts():
        if v.candidate_id not in but and _says_method(origin_of_energy(v)):
            return v.origin
    return ""


def _says_method(origin: str) -> bool:
    return bool(origin) and Path(origin).suffix not in SUFFIXES


def _mixed(verdict: Verdict, origin: str) -> Problem | None:
    why = of_one_origin(verdict, origin).error
    if why is None or verdict.error is not None:
        return None
    hint = (
        f". If it is of the same method, say so: origin='{origin}'"
        if origin != TOLD
        else f". If those are of it too, tell them again with origin='{verdict.origin}' and "
        "replace=True"
    )
    value = f"{verdict.energy_above_hull:g}"
    return Problem(0, "energy_above_hull", value, why + hint)
