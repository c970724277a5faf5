"""Why these: every decision on each hit, as it was put on record."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from campaigns.reports.content import Column, Fold, Kind, Paragraph, Section, Table
from campaigns.reports.marks import code, formula, name
from campaigns.reports.telling import Telling, headed
from campaigns.steps import Outcome, Step
from campaigns.trace import Trace

WAITED = 8
"""Rounds of waiting that a trace shows."""
_HASH = re.compile(r"(sha256:[0-9a-f]{12})[0-9a-f]{52}")
_MARKS = {Outcome.PASSED: "✓", Outcome.FAILED: "✗", Outcome.NOTED: "·"}


def why(tell: Telling) -> Section:
    """One trace per hit."""
    say = tell.say
    command = code("galena explain FORMULA --folder FOLDER")
    intro = say(
        "Every decision on each hit, as it was put on record then: ✓ passed, ✗ failed, · noted "
        "and decides nothing. For any other candidate, and for hashes in full: {command}.",
        command=command,
    )
    folds = tuple(_trace(trace, tell) for trace in tell.view.traces)
    return Section("why", say("Why these"), (Paragraph(intro, is_note=True), *folds))


def _trace(trace: Trace, tell: Telling) -> Fold:
    say = tell.say
    whose = f"{formula(trace.formula)} · {name(trace.candidate_id)}"
    title = f"{whose} · {tell.recorded(trace.fate)}"
    columns = (
        Column(say("Step"), weight=1.2),
        Column(say("Round"), kind=Kind.NUMBER, weight=0.6),
        Column(say("Outcome"), weight=0.6),
        Column(say("Found"), weight=2.4),
        Column(say("Wanted"), weight=1.8),
        Column(say("Decided by"), weight=1.8),
    )
    rows = tuple(_row(step, tell) for step in _without_waiting(trace.steps))
    caption = say("Decisions on {candidate}", candidate=name(trace.candidate_id))
    return Fold(title, (Table(caption, columns, rows),))


def _without_waiting(steps: Sequence[Step]) -> Iterator[Step]:
    """The steps, but of many rounds in which a candidate waited the first and the last."""
    waits = [i for i, step in enumerate(steps) if step.stage == "acquisition"]
    hidden = waits[WAITED // 2 : -WAITED // 2] if len(waits) > WAITED else []
    for place, step in enumerate(steps):
        if place not in hidden:
            yield step
        elif place == hidden[0]:
            yield Step(step.round, "…", Outcome.NOTED, "", "", "")


def _row(step: Step, tell: Telling) -> tuple[str, ...]:
    return (
        headed(tell.named(step.stage)),
        tell.say.number(step.round),
        _MARKS[step.outcome],
        tell.recorded(step.value),
        tell.recorded(step.threshold),
        tell.source(_HASH.sub(r"\1…", step.source)),
    )
