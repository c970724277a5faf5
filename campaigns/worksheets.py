"""What people are asked, in files that they can fill in, and their answers in the ledger."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from campaigns.config import CampaignConfig
from campaigns.learned import lacking
from campaigns.ledger import Ledger
from campaigns.oracles.answers import ANSWERS
from campaigns.oracles.inbox.agreement import reconcile
from campaigns.oracles.inbox.answers import read_answers
from campaigns.oracles.inbox.found import Answer, Problem
from campaigns.oracles.inbox.oracle import verdict_of
from campaigns.oracles.inbox.worksheet import write_worksheet
from campaigns.oracles.specs import InboxSpec
from campaigns.protocols import Verdict
from campaigns.questions import Question, all_questions, inboxes
from materials.errors import InputError, did_you_mean

FOLDER = "inbox"


@dataclass(frozen=True)
class Taken:
    """What a file of answers came to."""

    oracle: str
    taken: tuple[str, ...]
    """Candidates with a new verdict."""
    again: tuple[str, ...]
    """Candidates of which the file says what was known."""
    problems: tuple[Problem, ...]
    unused: tuple[str, ...]
    """Columns that nobody asked for."""
    still_open: int


def write_worksheets(
    folder: Path, config: CampaignConfig, questions: Sequence[Question]
) -> list[Path]:
    """A worksheet for every round and oracle with open questions, returned in that order.

    One that exists is left alone: somebody may have begun to fill it in.
    """
    by_sheet: dict[tuple[int, int], list[Question]] = defaultdict(list)
    for question in questions:
        by_sheet[question.tier, question.round].append(question)
    sheets = []
    for (tier, number), asked in sorted(by_sheet.items()):
        spec = inboxes(config)[tier]
        place = folder / FOLDER / spec.name / f"round-{number:02d}"
        sheets.append(place / "worksheet.csv")
        if not sheets[-1].exists():
            write_worksheet(
                place,
                [question.candidate.candidate for question in asked],
                spec.wanted,
                title=f"{config.name}: {spec.name}, round {number}",
                instructions=spec.instructions,
            )
    return sheets


def take_answers(
    config: CampaignConfig,
    ledger: Ledger,
    path: Path,
    *,
    oracle: str | None = None,
    overwrite: bool = False,
) -> Taken:
    """Record what a worksheet that came back says; rows that cannot be taken are named.

    ``oracle`` is needed where the campaign asks several. With ``overwrite`` answers take the
    place of earlier ones that they contradict, which stay on record in the verdict.

    Raises:
        InputError: the campaign asks nobody, or not that one, or the file cannot be read.
    """
    tier, spec = _inbox(config, oracle)
    questions = {
        q.candidate.candidate.id: q for q in all_questions(config, ledger) if q.tier == tier
    }
    earlier = _verdicts(ledger, tier)
    read = read_answers(path, list(questions), spec.wanted)
    known = {name: _answer(v) for name, v in earlier.items()}
    answers, again = reconcile(read, known, replace=overwrite)
    problems, taken = list(answers.bad), []
    for answer in answers.good:
        name = answer.candidate_id
        verdict = verdict_of(answer, oracle=spec.name, cost=spec.cost, origin=path.name)
        missing = lacking(verdict, config) if tier == 0 and verdict.error is None else []
        if missing:
            reason = "is needed too, since it is a target; the question stays open"
            row = answer.rows[0] if answer.rows else 0
            told = {(problem.row, problem.field) for problem in problems}
            problems += [
                Problem(row, field, "", reason)
                for field in missing
                if (row, field) not in told
            ]
            continue
        _record(ledger, questions[name], verdict, earlier.get(name))
        taken.append(name)
    problems.sort(key=lambda problem: problem.row)
    still_open = len(questions) - len({*earlier, *taken})
    return Taken(
        spec.name, tuple(taken), again, tuple(problems), answers.unused, still_open
    )


def _inbox(config: CampaignConfig, oracle: str | None) -> tuple[int, InboxSpec]:
    """The oracle that is meant."""
    found = inboxes(config)
    names = [spec.name for spec in found.values()]
    if not found:
        raise InputError(
            f"campaign {config.name} asks nobody: none of its oracles is an inbox"
        )
    if oracle is None and len(found) > 1:
        raise InputError(f"say whose answers these are: --oracle {' or '.join(names)}")
    for tier, spec in found.items():
        if oracle in (None, spec.name):
            return tier, spec
    raise InputError(
        f"'{oracle}' is asked nothing; there are {', '.join(names)}."
        f"{did_you_mean(str(oracle), names)}"
    )


def _verdicts(ledger: Ledger, tier: int) -> dict[str, Verdict]:
    """What was answered before."""
    if tier == 0:
        return {v.candidate_id: v for _, v in ledger.verdicts()}
    return {v.candidate_id: v for _, t, v in ledger.confirmations() if t == tier}


def _answer(verdict: Verdict) -> Answer:
    """A verdict as the answer that it was made from."""
    if verdict.error is not None:
        return Answer(verdict.candidate_id, failed=verdict.error)
    said = {name: getattr(verdict, name, None) for name in ANSWERS}
    values = {name: float(value) for name, value in said.items() if value is not None}
    return Answer(verdict.candidate_id, values | verdict.properties)


def _record(
    ledger: Ledger, question: Question, verdict: Verdict, before: Verdict | None
) -> None:
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
