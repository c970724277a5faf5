"""Answers from outside on their way into the ledger, whoever handed them in and however."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from campaigns.config import CampaignConfig
from campaigns.learned import lacking
from campaigns.ledger import Ledger
from campaigns.oracles.answers import ANSWERS
from campaigns.oracles.inbox.agreement import reconcile
from campaigns.oracles.inbox.found import Answer, Answers, Problem
from campaigns.oracles.inbox.oracle import verdict_of
from campaigns.protocols import Verdict
from campaigns.questions import Question
from campaigns.summing import sum_up_again


@dataclass(frozen=True)
class Taken:
    """What answers came to."""

    oracle: str
    taken: tuple[str, ...]
    """Candidates with a new verdict."""
    again: tuple[str, ...]
    """Candidates of which they say what was known."""
    problems: tuple[Problem, ...]
    unused: tuple[str, ...]
    """Columns that nobody asked for."""
    still_open: int


@dataclass(frozen=True, kw_only=True)
class Answerer:
    """Who answers, and what an answer of theirs is to the campaign."""

    tier: int
    """0 for the first oracle."""
    oracle: str
    cost: float
    origin: Callable[[str], str]
    """Where the answer about a candidate comes from."""
    check: Callable[[Verdict, Question], Problem | None] = lambda _, __: None
    """Why a verdict cannot be taken all the same."""
    apart: Callable[[Mapping[str, Verdict]], Mapping[str, Problem]] = lambda _: {}
    """Why some of several verdicts, by candidate, cannot stand beside all others."""
    stays: Callable[[Verdict], str] = lambda _: ""
    """Why nothing takes an earlier verdict's place; empty where something may."""
    otherwise: Callable[[str, Verdict], Problem | None] = lambda _, __: None
    """What is told beside numbers and contradicts an earlier verdict on a candidate."""
    adds: Callable[[str, Verdict], bool] = lambda _, __: False
    """Whether something beside numbers is told that the earlier verdict has not."""
    complete: Callable[[Verdict], Verdict] = lambda verdict: verdict
    """Adds what cannot stand in a table."""
    to_replace: str = "--replace"
    """How a person says that new answers shall take the place of earlier ones."""


def accept(
    config: CampaignConfig,
    ledger: Ledger,
    answers: Answers,
    questions: Mapping[str, Question],
    by: Answerer,
    *,
    overwrite: bool = False,
) -> Taken:
    """Record what ``answers`` say of ``questions``, by candidate; bad ones are named.

    With ``overwrite`` answers take the place of earlier ones that they contradict, which stay
    on record in the verdict. Rounds that were summed up are summed up again.
    """
    earlier = {n: v for n, v in verdicts_of(ledger, by.tier).items() if n in questions}
    new, again = _set_against(answers, earlier, by, overwrite=overwrite)
    problems, sound = list(new.bad), {}
    rows = {answer.candidate_id: answer.rows[0] for answer in new.good if answer.rows}
    for answer in new.good:
        name = answer.candidate_id
        verdict = by.complete(
            verdict_of(answer, oracle=by.oracle, cost=by.cost, origin=by.origin(name))
        )
        told = {(problem.row, problem.field) for problem in problems}
        against = _lacks(config, verdict, answer, told) if by.tier == 0 else None
        if against is None and (fault := by.check(verdict, questions[name])) is not None:
            against = [replace(fault, row=rows.get(name, 0))]
        if against is None:
            sound[name] = verdict
        problems += against or ()
    apart = by.apart(sound)
    problems += [replace(fault, row=rows.get(name, 0)) for name, fault in apart.items()]
    taken = [name for name in sound if name not in apart]
    for name in taken:
        record(ledger, questions[name], sound[name], earlier.get(name))
    if taken:
        sum_up_again(config, ledger, min(questions[name].round for name in taken))
    problems.sort(key=lambda problem: problem.row)
    still_open = len(questions) - len({*earlier, *taken})
    return Taken(by.oracle, tuple(taken), again, tuple(problems), new.unused, still_open)


def _set_against(
    answers: Answers, earlier: Mapping[str, Verdict], by: Answerer, *, overwrite: bool
) -> tuple[Answers, tuple[str, ...]]:
    """What is new in answers, numbers or beside them; and who only said it again."""
    known = {name: _answer(v) for name, v in earlier.items()}
    fixed = {name: why for name, v in earlier.items() if (why := by.stays(v))}
    free = tuple(a for a in answers.good if a.candidate_id not in fixed)
    new, again = reconcile(
        replace(answers, good=free), known, replace=overwrite, how=by.to_replace
    )
    good, bad, same = list(new.good), list(new.bad), list(again)
    for answer in answers.good:
        name, row = answer.candidate_id, answer.rows[0] if answer.rows else 0
        if name in fixed:
            one = Answers((answer,), ())
            differs = by.otherwise(name, earlier[name])
            if differs or reconcile(one, known, replace=True)[0].good:
                bad.append(Problem(row, "", "", fixed[name]))
            else:
                same.append(name)
        elif name in earlier and (differs := by.otherwise(name, earlier[name])):
            if overwrite:
                good += [replace(known[name], rows=answer.rows)] if name in same else []
            else:
                good = [other for other in good if other.candidate_id != name]
                bad.append(replace(differs, row=row))
            same = [other for other in same if other != name]
        elif name in same and by.adds(name, earlier[name]):
            good.append(replace(known[name], rows=answer.rows))
            same.remove(name)
    return replace(new, good=tuple(good), bad=tuple(bad)), tuple(same)


def verdicts_of(ledger: Ledger, tier: int) -> dict[str, Verdict]:
    """What a tier answered before, by candidate."""
    if tier == 0:
        return {v.candidate_id: v for _, v in ledger.verdicts()}
    return {v.candidate_id: v for _, t, v in ledger.confirmations() if t == tier}


def _lacks(
    config: CampaignConfig, verdict: Verdict, answer: Answer, told: set[tuple[int, str]]
) -> list[Problem] | None:
    """A problem for each target that the answer leaves out; None where it lacks nothing."""
    missing = lacking(verdict, config) if verdict.error is None else []
    if not missing:
        return None
    row = answer.rows[0] if answer.rows else 0
    reason = "is needed too, since it is a target; the question stays open"
    return [Problem(row, f, "", reason) for f in missing if (row, f) not in told]


def _answer(verdict: Verdict) -> Answer:
    """A verdict as the answer that it was made from."""
    if verdict.error is not None:
        return Answer(verdict.candidate_id, failed=verdict.error)
    said = {name: getattr(verdict, name, None) for name in ANSWERS}
    values = {name: float(value) for name, value in said.items() if value is not None}
    return Answer(verdict.candidate_id, values | verdict.properties)


def record(
    ledger: Ledger, question: Question, verdict: Verdict, before: Verdict | None
) -> None:
    """Put an answer on record, with the one before it if there was one."""
    if before is not None:
        told = _told(before)
        verdict = replace(verdict, failures=(*before.failures, f"replaced: {told}"))
        ledger.replace_verdict(question.tier, verdict)
    elif question.tier == 0:
        ledger.commit_verdict(question.round, verdict)
    else:
        ledger.commit_confirmation(question.round, question.tier, verdict)


def _told(verdict: Verdict) -> str:
    answer = _answer(verdict)
    values = ", ".join(f"{name} {value:g}" for name, value in answer.values.items())
    return f"{answer.failed or values} ({verdict.origin})"
