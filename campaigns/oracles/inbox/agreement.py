"""Answers set against each other: said once, said again, or said otherwise."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from campaigns.oracles.inbox.found import FAILED, Answer, Answers, Cell, Problem


def reconcile(
    answers: Answers,
    earlier: Mapping[str, Answer],
    *,
    replace: bool,
    how: str = "--replace",
) -> tuple[Answers, tuple[str, ...]]:
    """Set answers against ``earlier`` ones; return what is new, and who only said it again.

    One that contradicts an earlier one is a problem, unless it shall ``replace`` it; ``how``
    a person says that.
    """
    new: list[Answer] = []
    again: list[str] = []
    problems: list[Problem] = []
    for answer in answers.good:
        before = earlier.get(answer.candidate_id)
        differing = [] if before is None else list(_differences(before, answer, how))
        if (
            before is None
            or (replace and differing)
            or (not differing and _adds(before, answer))
        ):
            new.append(answer)
        elif not differing:
            again.append(answer.candidate_id)
        else:
            problems += differing
    merged = tuple(
        _onto(earlier[answer.candidate_id], answer)
        if answer.candidate_id in earlier
        else answer
        for answer in new
    )
    bad = tuple(sorted([*answers.bad, *problems], key=lambda problem: problem.row))
    return Answers(merged, bad, answers.empty, answers.unused), tuple(again)


def merge(cells: Sequence[Cell]) -> tuple[tuple[Answer, ...], list[Problem]]:
    """One answer for each candidate; what rows of the file contradict is not taken."""
    by_candidate: dict[str, list[Cell]] = defaultdict(list)
    for cell in cells:
        by_candidate[cell.candidate_id].append(cell)
    good: list[Answer] = []
    problems: list[Problem] = []
    for name, own in by_candidate.items():
        against = list(_contradictions(own))
        problems += against
        refused = {problem.field for problem in against}
        kept = [cell for cell in own if cell.field not in refused]
        if not kept or FAILED in refused:
            continue
        values = {c.field: c.value for c in kept if isinstance(c.value, float)}
        reasons = [c.value for c in kept if isinstance(c.value, str)]
        rows = tuple(dict.fromkeys(cell.row for cell in kept))
        good.append(Answer(name, values, reasons[-1] if reasons else "", rows))
    return tuple(good), problems


def _contradictions(cells: Sequence[Cell]) -> Iterator[Problem]:
    """Every cell of a candidate that another row says otherwise."""
    failed = [cell for cell in cells if cell.field == FAILED]
    rivals = {
        name: _first_to_differ([cell for cell in cells if cell.field == name])
        for name in dict.fromkeys(cell.field for cell in cells)
    }
    for cell in cells:
        if failed and cell.field != FAILED:
            other = f"row {failed[0].row} says that it failed"
        else:
            others = [o for o in rivals[cell.field] if not _agree(o, cell)]
            if not others:
                if failed and len(failed) < len(cells):
                    yield Problem(cell.row, FAILED, cell.written, "other rows have values")
                continue
            other = f"row {others[0].row} says '{others[0].written:.60}'"
        yield Problem(
            cell.row,
            cell.field,
            cell.written,
            f"{other}; neither is taken until one is gone",
        )


def _first_to_differ(cells: Sequence[Cell]) -> tuple[Cell, ...]:
    """The first of one quantity's cells and the first that says otherwise, if one does.

    Whatever disagrees with any disagrees with one of these two.
    """
    first = cells[0]
    other = next((cell for cell in cells if not _agree(first, cell)), None)
    return (first,) if other is None else (first, other)


def _agree(one: Cell, other: Cell) -> bool:
    if isinstance(one.value, float) and isinstance(other.value, float):
        return math.isclose(one.value, other.value, rel_tol=1e-9, abs_tol=1e-12)
    return isinstance(one.value, str) and isinstance(other.value, str)


def _differences(before: Answer, answer: Answer, how: str) -> Iterator[Problem]:
    """What an answer says otherwise than the one before it."""
    row = answer.rows[0] if answer.rows else 0
    why = f"; give {how} to take the new one"
    if bool(before.failed) != bool(answer.failed):
        said = f"'failed: {before.failed}'" if before.failed else "values"
        yield Problem(row, FAILED, answer.failed, f"earlier it had {said}{why}")
        return
    for name, value in answer.values.items():
        known = before.values.get(name, value)
        if not math.isclose(known, value, rel_tol=1e-9, abs_tol=1e-12):
            yield Problem(row, name, f"{value:g}", f"earlier it was {known:g}{why}")


def _adds(before: Answer, answer: Answer) -> bool:
    return bool(set(answer.values) - set(before.values))


def _onto(before: Answer, answer: Answer) -> Answer:
    """The new answer, with what only the earlier one had; a failure takes all back."""
    if answer.failed or before.failed:
        return answer
    return Answer(answer.candidate_id, {**before.values, **answer.values}, "", answer.rows)
